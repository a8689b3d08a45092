// Random changes of a tree: each fits the tree as the changes before it left it. A model volume follows along, to know
// what is there and to be compared with.

import type { AttributeChange, Item, ItemKind } from '@tintype/core';
import type { MemoryVolume } from './memory-volume.js';
import type { Random } from './seeds.js';
import { changeVolume, type TreeChange } from './tree-change.js';

/** Which changes may come. */
export interface RandomChangesOptions {
  /** Largest file in bytes; default 200,000. */
  readonly largestFile?: number;
  /** About so many items; beyond it, more is removed than created. Default 150. */
  readonly items?: number;
  /** Kinds of new items; default those of the volume but devices and sockets. */
  readonly kinds?: readonly ItemKind[];
  /** Names of extended attributes beside plain ones, such as `com.apple.ResourceFork` (given to files only). */
  readonly specialXattrs?: readonly string[];
  /** Which kinds get extended attributes; default files and folders. */
  readonly xattrKinds?: readonly ItemKind[];
  /** Longest value; default 20,000 or what the volume can keep. */
  readonly largestXattr?: number;
  /** What changes of attributes there are: default all. */
  readonly attributes?: readonly ('mode' | 'owner' | 'times' | 'flags')[];
}

interface Place {
  readonly path: string;
  readonly item: Item;
}

const LAST_SECOND = 2_000_000_000;
// Composed and decomposed accents, scripts whose letters decompose, ligatures, emoji, signs that shells and shares dislike.
const oddNames = [
  'é',
  'e\u0301',
  'Ångström',
  '한글',
  'ǆ',
  'ﬁn',
  '😀 smile',
  'a\u0323\u0307',
  'Straße',
  'ΣΑΣ',
  'tab\there',
  ' lead',
  'dot.',
  'back\\slash',
  'co:lon',
  '\u007f',
  '.hidden',
  "quote'd",
  '"',
  '%41',
];

/** Changes to a tree, at random by a seed. */
export class RandomChanges {
  readonly #model: MemoryVolume;
  readonly #random: Random;
  readonly #options: RandomChangesOptions;
  readonly #makers: readonly (() => TreeChange | null)[];
  /** All items, as the changes so far left them. */
  #places: readonly Place[] = [];

  /** `model` is changed by every `next`. */
  constructor(model: MemoryVolume, random: Random, options: RandomChangesOptions = {}) {
    this.#model = model;
    this.#random = random;
    this.#options = options;
    this.#makers = [
      () => this.#create(),
      () => this.#create(),
      () => this.#create(),
      () => this.#write(),
      () => this.#write(),
      () => this.#truncate(),
      () => this.#rename(),
      () => this.#remove(),
      () => this.#attributes(),
      () => this.#xattr(),
      () => this.#link(),
      () => this.#clone(),
    ];
  }

  /** The next change; the model has it already. */
  next(): TreeChange {
    this.#places = placesOf(this.#model);
    const crowded = this.#places.length > (this.#options.items ?? 150);
    for (;;) {
      const make = crowded && this.#random.oneIn(3) ? () => this.#remove() : this.#random.pick(this.#makers);
      const change = make();
      if (!change) continue;
      changeVolume(this.#model, change);
      return change;
    }
  }
  /** The next `count` changes. */
  take(count: number): TreeChange[] {
    return Array.from({ length: count }, () => this.next());
  }

  #pick(...kinds: ItemKind[]): Place | null {
    const fitting = this.#places.filter(
      ({ path, item }) => path !== '' && (kinds.length === 0 || kinds.includes(item.kind)),
    );
    return fitting.length > 0 ? this.#random.pick(fitting) : null;
  }
  /** A path that is free, in some folder. */
  #newPath(): string | null {
    const folder = this.#random.pick(this.#places.filter(({ item }) => item.kind === 'directory'));
    const name = this.#newName();
    if (this.#model.nameAsStored(name) === null || this.#model.lookup(folder.item.id, name)) return null;
    return folder.path === '' ? name : `${folder.path}/${name}`;
  }
  #newName(): string {
    const random = this.#random;
    switch (random.below(8)) {
      case 0:
        return random.pick(oddNames);
      case 1:
        return `${random.pick(oddNames)}${random.below(30)}`;
      case 2:
        return `long ${random.below(10)} ${'x'.repeat(random.between(1, 246))}`;
      case 3:
        return random.oneIn(2) ? `Name ${random.below(40)}` : `name ${random.below(40)}`;
      default:
        return `item ${random.below(400)}`;
    }
  }
  #create(): TreeChange | null {
    const path = this.#newPath();
    const kinds = (this.#options.kinds ?? this.#model.traits.kinds).filter(
      (kind) => this.#options.kinds || !['socket', 'char', 'block'].includes(kind),
    );
    const kind = this.#random.oneIn(2) ? 'file' : this.#random.pick(kinds);
    if (path === null) return null;
    const attributes = { mode: this.#mode(kind), ...this.#times() };
    if (kind === 'symlink') return { change: 'symlink', path, target: this.#target(), attributes };
    if (kind !== 'file') return { change: 'create', path, kind, attributes };
    return { change: 'create', path, kind, attributes, content: this.#content(this.#size()) };
  }
  #write(): TreeChange | null {
    const place = this.#pick('file');
    if (!place) return null;
    const { size } = place.item;
    const position = this.#random.oneIn(3) ? size : this.#random.below(size + (this.#random.oneIn(4) ? 50_000 : 1));
    const length = Math.min(this.#size(), Math.max(0, (this.#options.largestFile ?? 200_000) * 2 - position));
    return { change: 'write', path: place.path, position, content: this.#content(length) };
  }
  #truncate(): TreeChange | null {
    const place = this.#pick('file');
    if (!place) return null;
    const size = this.#random.oneIn(4) ? place.item.size + this.#size() : this.#random.below(place.item.size + 1);
    return { change: 'truncate', path: place.path, size: Math.min(size, (this.#options.largestFile ?? 200_000) * 2) };
  }
  #rename(): TreeChange | null {
    const place = this.#pick();
    const to = this.#newPath();
    if (!place || to === null || `${to}/`.startsWith(`${place.path}/`)) return null;
    return { change: 'rename', path: place.path, to };
  }
  #remove(): TreeChange | null {
    const place = this.#pick();
    // A whole folder is a rare loss, or no tree would grow deep.
    if (!place || (place.item.kind === 'directory' && !this.#random.oneIn(4))) return null;
    return { change: 'remove', path: place.path };
  }
  #attributes(): TreeChange | null {
    const place = this.#pick();
    if (!place) return null;
    const { path, item } = place;
    switch (this.#random.pick(this.#options.attributes ?? ['mode', 'owner', 'times', 'flags'])) {
      case 'mode':
        return { change: 'attributes', path, attributes: { mode: this.#mode(item.kind) } };
      case 'owner':
        return {
          change: 'attributes',
          path,
          attributes: { uid: this.#random.below(70_000), gid: this.#random.below(70_000) },
        };
      case 'flags': {
        // Not UF_HIDDEN: HFS+ keeps it in the Finder's information too, which then shows as an attribute.
        const flags = this.#random.pick([0, 1, 2, 3]) & this.#model.traits.flags;
        return { change: 'attributes', path, attributes: { flags } };
      }
      default:
        return { change: 'attributes', path, attributes: this.#times() };
    }
  }
  #xattr(): TreeChange | null {
    if (!this.#model.traits.xattrs) return null;
    const place = this.#pick(...(this.#options.xattrKinds ?? (['file', 'directory'] as const)));
    if (!place) return null;
    const special = place.item.kind === 'file' ? (this.#options.specialXattrs ?? []) : [];
    const name = this.#random.pick(['user.a', 'user.b', `user.n${this.#random.below(20)}`, ...special]);
    if (this.#random.oneIn(4)) {
      const there = this.#model.xattrs(place.item.id).some((entry) => entry.name === name);
      return there ? { change: 'xattr', path: place.path, name, content: null } : null;
    }
    const largest = Math.min(this.#options.largestXattr ?? 20_000, this.#model.traits.xattrLimits.value);
    const length = this.#random.between(1, this.#random.oneIn(3) ? largest : Math.min(largest, 200));
    return { change: 'xattr', path: place.path, name, content: this.#content(length) };
  }
  #link(): TreeChange | null {
    const { hardLinks } = this.#model.traits;
    const to = this.#newPath();
    if (hardLinks === 'none' || to === null) return null;
    const place = this.#pick('file', ...(hardLinks === 'all' ? (['symlink', 'fifo'] as const) : []));
    return place && { change: 'link', path: place.path, to };
  }
  #clone(): TreeChange | null {
    const to = this.#newPath();
    if (!this.#model.traits.clones || to === null) return null;
    const place = this.#pick('file');
    return place && { change: 'clone', path: place.path, to };
  }

  #mode(kind: ItemKind): number {
    if (kind === 'symlink') return 0o755;
    const bits = this.#random.below(0o1000) | 0o400;
    return this.#random.oneIn(8) ? bits | this.#random.pick([0o1000, 0o2000, 0o4000]) : bits;
  }
  #times(): AttributeChange {
    const mtime = this.#random.below(LAST_SECOND);
    const mtimeNanos = this.#random.below(1_000_000_000);
    return {
      mtime,
      mtimeNanos,
      ctime: mtime,
      ctimeNanos: mtimeNanos,
      btime: this.#random.below(mtime + 1),
      btimeNanos: 0,
    };
  }
  #size(): number {
    const largest = this.#options.largestFile ?? 200_000;
    return this.#random.below(this.#random.pick([1, 100, 5000, 5000, 20_000, largest]) + 1);
  }
  #content(length: number): { length: number; seed: number } {
    return { length, seed: this.#random.next() };
  }
  #target(): string {
    const { path } = this.#random.pick(this.#places);
    return this.#random.pick([path || '.', `../${path}`, 'nowhere', '/etc/passwd', 'ü/é', 'x'.repeat(300)]);
  }
}

function placesOf(model: MemoryVolume): Place[] {
  const places: Place[] = [{ path: '', item: model.root }];
  for (let i = 0; i < places.length; i += 1) {
    const { path, item } = places[i] as Place;
    if (item.kind !== 'directory') continue;
    for (const child of model.list(item.id)) {
      places.push({ path: path === '' ? child.name : `${path}/${child.name}`, item: child });
    }
  }
  return places;
}
