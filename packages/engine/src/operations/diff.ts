// What differs between two trees: folders, images, in any pair.

import type { Item, Volume, WritableVolume } from '@tintype/core';
import { Progress } from '@tintype/core';
import type { SummaryEvent } from '../events.js';
import type { Operation } from '../operation.js';
import { plainAttributesDiffer } from '../tree/compare.js';
import { ContentCopier } from '../tree/content.js';
import { isNeverTouched } from '../tree/filter.js';
import { pairItems } from '../tree/pair.js';
import { sameXattrs } from '../tree/xattrs.js';
import { itemAt, openReadable } from './sides.js';

export type DifferenceKind = 'only in a' | 'only in b' | 'kind' | 'content' | 'attributes';

export interface PathDifference {
  readonly path: string;
  readonly difference: DifferenceKind;
}

export interface DifferenceOptions {
  /** Compare contents; else equal sizes and times are enough. */
  readonly checksum: boolean;
  readonly attributes: boolean;
}

export const diff: Operation<'diff'> = (options, context): SummaryEvent => {
  context.emit({ type: 'phase', name: 'scan' });
  const a = openReadable(options.a, {}, context);
  try {
    const b = openReadable(options.b, {}, context);
    try {
      const path = options.path ?? '/';
      const rules = { checksum: options.checksum ?? false, attributes: true };
      let count = 0;
      for (const value of differences(a.volume, itemAt(a.volume, path), b.volume, itemAt(b.volume, path), rules)) {
        count += 1;
        context.emit({ type: 'result', value });
      }
      return { type: 'summary', a: options.a, b: options.b, differences: count, problems: [] };
    } finally {
      b.close();
    }
  } finally {
    a.close();
  }
};

/** All differences below two folders, in the order of the walk. */
export function* differences(
  a: Volume,
  aRoot: Item,
  b: WritableVolume,
  bRoot: Item,
  options: DifferenceOptions,
): Generator<PathDifference> {
  const compare = new ItemComparison(a, b, options);
  const stack: { a: Item; b: Item; path: string }[] = [{ a: aRoot, b: bRoot, path: '' }];
  for (let pair = stack.pop(); pair; pair = stack.pop()) {
    const { path } = pair;
    const items = (volume: Volume, folder: Item) => {
      const list = volume.list(folder.id);
      return folder.id === volume.root.id ? list.filter((item) => !isNeverTouched(item.name)) : list;
    };
    const below: typeof stack = [];
    for (const { source, target } of pairItems(items(a, pair.a), items(b, pair.b), (name) => b.nameKey(name))) {
      const isSame = source && target && source.name === target.name;
      if (source && !isSame) yield { path: `${path}/${source.name}`, difference: 'only in a' };
      if (target && !isSame) yield { path: `${path}/${target.name}`, difference: 'only in b' };
      if (!isSame) continue;
      const difference = compare.difference(source, target);
      if (difference) yield { path: `${path}/${source.name}`, difference };
      if (source.kind === 'directory' && target.kind === 'directory')
        below.push({ a: source, b: target, path: `${path}/${source.name}` });
    }
    stack.push(...below.reverse());
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
    if (a.kind !== b.kind) return 'kind';
    if (this.#contentDiffers(a, b)) return 'content';
    return this.#options.attributes && this.#attributesDiffer(a, b) ? 'attributes' : null;
  }

  #contentDiffers(a: Item, b: Item): boolean {
    if (a.kind === 'symlink') return this.#a.readlink(a.id) !== this.#b.readlink(b.id);
    if (a.kind !== 'file') return a.rdevMajor !== b.rdevMajor || a.rdevMinor !== b.rdevMinor;
    if (a.size !== b.size) return true;
    if (!this.#options.checksum) return this.#timeDiffers(a, b);
    const isEqual = this.#content.equal(this.#a, a, this.#b, b);
    this.#a.release(a.id);
    this.#b.release(b.id);
    return !isEqual;
  }

  #timeDiffers(a: Item, b: Item): boolean {
    const unit = Math.max(this.#a.traits.timeUnit, this.#b.traits.timeUnit);
    return a.mtime !== b.mtime || (unit < 1e9 && a.mtimeNanos !== b.mtimeNanos);
  }

  #attributesDiffer(a: Item, b: Item): boolean {
    const timeUnit = Math.max(this.#a.traits.timeUnit, this.#b.traits.timeUnit);
    const flags = this.#a.traits.flags & this.#b.traits.flags;
    const traits = { ...this.#b.traits, timeUnit, flags, birthTimes: false, owners: true };
    if (plainAttributesDiffer(a, b, traits)) return true;
    return (a.hasXattrs || b.hasXattrs) && !sameXattrs(this.#a, a.id, this.#b, b.id);
  }
}
