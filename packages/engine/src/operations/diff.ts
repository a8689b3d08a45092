// What differs between two trees: folders, images, in any pair.

import {
  CancelledError,
  type Item,
  LinkLostError,
  Progress,
  TintypeError,
  type Volume,
  type WritableVolume,
} from '@tintype/core';
import type { SummaryEvent } from '../events.js';
import type { DiffOptions, ImageChoice, Operation, RunContext } from '../operation.js';
import { plainAttributesDiffer } from '../tree/compare.js';
import { ContentCopier } from '../tree/content.js';
import { isNeverTouched } from '../tree/filter.js';
import { FolderVisits } from '../tree/folder-visits.js';
import { type Pair, pairItems } from '../tree/pair.js';
import { sameXattrs } from '../tree/xattrs.js';
import { UsageError } from '../usage-error.js';
import { isImage, isWholeVolume, itemAt, openReadable, openWhole, secondPassphrase } from './sides.js';

export type DifferenceKind = 'only in a' | 'only in b' | 'kind' | 'content' | 'attributes' | 'unreadable';

export interface PathDifference {
  readonly path: string;
  readonly difference: DifferenceKind;
}

export interface DifferenceOptions {
  /** How contents of files are compared: byte by byte, by size and time, or by size alone. */
  readonly contents: 'bytes' | 'times' | 'sizes';
  readonly attributes: boolean;
  /** Whether owners are attributes that count; default: yes. */
  readonly owners?: boolean;
  /** What counts of a folder of the first tree; default: all. */
  readonly pick?: (folder: Item, path: string, items: readonly Item[]) => readonly Item[];
  /** Called before each folder; may throw to stop. */
  readonly between?: () => void;
}

export const diff: Operation<'diff'> = (options, context): SummaryEvent => {
  context.emit({ type: 'phase', name: 'scan' });
  const [ofA, ofB] = choices(options, context);
  const open = options.checksum && isWholeVolume(options.path) ? openWhole : openReadable;
  const a = open(options.a, { passphrase: options.passphrase, ...ofA }, context);
  try {
    const passphrase = secondPassphrase(options.a, options, context);
    const b = open(options.b, { passphrase, ...ofB }, context);
    try {
      const path = options.path ?? '/';
      const between = () => {
        if (context.progress.cancelled) throw new CancelledError();
      };
      const contents = options.checksum ? ('bytes' as const) : ('times' as const);
      const rules = { contents, attributes: true, between };
      let count = 0;
      for (const value of differences(a.volume, itemAt(a.volume, path), b.volume, itemAt(b.volume, path), rules)) {
        count += 1;
        context.emit({ type: 'result', value: { ...value, path: inVolume(path, value.path) } });
      }
      return { type: 'summary', a: options.a, b: options.b, differences: count, problems: [] };
    } finally {
      b.close();
    }
  } finally {
    a.close();
  }
};

/** Which volume and which snapshot of either. @throws UsageError if more are named than there are images */
function choices(options: DiffOptions, { store }: RunContext): readonly [ImageChoice, ImageChoice] {
  const { volumes = [], snapshots = [], waitLock, ignoreChecksums } = options;
  const both = { waitLock, ignoreChecksums };
  const images = [options.a, options.b].filter((path) => isImage(store, path));
  for (const [name, given] of [
    ['volume', volumes],
    ['snapshot', snapshots],
  ] as const)
    if (given.length > images.length)
      throw new UsageError(`--${name} was given ${given.length} times for ${images.length} of the two that are images`);
  const own = (path: string, nth: number): ImageChoice =>
    isImage(store, path) ? { volume: volumes[nth], snapshot: snapshots[nth], ...both } : both;
  return [own(options.a, 0), own(options.b, isImage(store, options.a) ? 1 : 0)];
}

/** A path of the walk as the volumes have it. */
function inVolume(start: string, path: string): string {
  const folder = start.split('/').filter((name) => name !== '');
  return `/${[...folder, ...path.split('/').filter((name) => name !== '')].join('/')}`;
}

/** All differences of two items and what lies below them, in the order of the walk. What cannot be read is one, too. */
export function* differences(
  a: Volume,
  aRoot: Item,
  b: WritableVolume,
  bRoot: Item,
  options: DifferenceOptions,
): Generator<PathDifference> {
  const compare = new ItemComparison(a, b, options);
  if (aRoot.kind !== 'directory' || bRoot.kind !== 'directory') {
    const difference = compare.difference(aRoot, bRoot);
    if (difference) yield { path: '/', difference };
    return;
  }
  const visits = [new FolderVisits(), new FolderVisits()] as const;
  const stack: FolderPair[] = [{ a: aRoot, b: bRoot, path: '' }];
  for (let pair = stack.pop(); pair; pair = stack.pop()) {
    const { path } = pair;
    options.between?.();
    const pairs = pairsOf(pair, a, b, options);
    if (pairs === null) {
      yield { path: path || '/', difference: 'unreadable' };
      continue;
    }
    visits[0].pass(pair.a.id, path);
    visits[1].pass(pair.b.id, path);
    const below: FolderPair[] = [];
    for (const { source, target } of pairs) {
      const isSame = source && target && source.name === target.name;
      if (source && !isSame) yield { path: `${path}/${source.name}`, difference: 'only in a' };
      if (target && !isSame) yield { path: `${path}/${target.name}`, difference: 'only in b' };
      if (!isSame) continue;
      const difference = compare.difference(source, target);
      if (difference) yield { path: `${path}/${source.name}`, difference };
      if (source.kind === 'directory' && target.kind === 'directory')
        below.push({ a: source, b: target, path: `${path}/${source.name}` });
    }
    for (let next = below.pop(); next; next = below.pop()) stack.push(next);
  }
}

interface FolderPair {
  readonly a: Item;
  readonly b: Item;
  /** Empty for the root. */
  readonly path: string;
}

/** Null if one of the folders cannot be listed. */
function pairsOf(pair: FolderPair, a: Volume, b: Volume, { pick }: DifferenceOptions): Pair[] | null {
  const items = (volume: Volume, folder: Item) => {
    const list = volume.list(folder.id);
    return folder.id === volume.root.id ? list.filter((item) => !isNeverTouched(item.name, volume.traits)) : list;
  };
  return readable(() => {
    const source = items(a, pair.a);
    return pairItems(pick?.(pair.a, pair.path, source) ?? source, items(b, pair.b), (name) => b.nameKey(name));
  });
}

/** Null where an item cannot be read: one more difference, and the rest is still compared. */
function readable<T>(look: () => T): T | null {
  try {
    return look();
  } catch (error) {
    const isOver = error instanceof CancelledError || error instanceof LinkLostError;
    if (error instanceof TintypeError && !isOver) return null;
    throw error;
  }
}

class ItemComparison {
  readonly #a: Volume;
  readonly #b: WritableVolume;
  readonly #options: DifferenceOptions;
  readonly #content = new ContentCopier(new Progress());

  constructor(a: Volume, b: WritableVolume, options: DifferenceOptions) {
    this.#a = a;
    this.#b = b;
    this.#options = options;
  }

  difference(a: Item, b: Item): DifferenceKind | null {
    const found = readable(() => this.#difference(a, b) ?? 'none');
    if (found === null) return 'unreadable';
    return found === 'none' ? null : found;
  }

  #difference(a: Item, b: Item): DifferenceKind | null {
    if (a.kind !== b.kind) return 'kind';
    if (this.#contentDiffers(a, b)) return 'content';
    return this.#options.attributes && this.#attributesDiffer(a, b) ? 'attributes' : null;
  }

  #contentDiffers(a: Item, b: Item): boolean {
    if (a.kind === 'symlink') return this.#a.readlink(a.id) !== this.#b.readlink(b.id);
    if (a.kind !== 'file') return a.rdevMajor !== b.rdevMajor || a.rdevMinor !== b.rdevMinor;
    if (a.size !== b.size) return true;
    if (this.#options.contents === 'sizes') return false;
    if (this.#options.contents === 'times') return this.#timeDiffers(a, b);
    const isEqual = this.#content.equal(this.#a, a, this.#b, b);
    this.#a.release(a.id);
    this.#b.release(b.id);
    return !isEqual;
  }

  #timeDiffers(a: Item, b: Item): boolean {
    const unit = Math.max(this.#a.traits.timeUnit, this.#b.traits.timeUnit);
    return a.mtime !== b.mtime || (unit < 1e9 && a.mtimeNanos !== b.mtimeNanos);
  }

  /** As far as either of the two can keep what the other has. */
  #xattrsAreAlike(a: Item, b: Item): boolean {
    return sameXattrs(this.#a, a, this.#b, b.id) || sameXattrs(this.#b, b, this.#a, a.id);
  }

  #attributesDiffer(a: Item, b: Item): boolean {
    const timeUnit = Math.max(this.#a.traits.timeUnit, this.#b.traits.timeUnit);
    const flags = this.#a.traits.flags & this.#b.traits.flags;
    const traits = { ...this.#b.traits, timeUnit, flags, birthTimes: false, owners: this.#options.owners ?? true };
    if (plainAttributesDiffer(a, b, traits)) return true;
    return (a.hasXattrs || b.hasXattrs) && !this.#xattrsAreAlike(a, b);
  }
}
