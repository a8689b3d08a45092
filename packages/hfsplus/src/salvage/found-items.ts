// The catalog as it was found: one record for each id, whichever leaf has the best one, and the folders above.
//
// Invariants: each item has one record; each folder that something lies in is an item, be it only by its thread, or by
// nothing but its id; from every folder the way up ends at the root.

import { CNID } from '../structs/volume-header.js';
import { LIMITS } from './limits.js';

/** How much a record is worth: in the tree's own file, or somewhere else. */
export const RANK = { elsewhere: 1, inTree: 2 } as const;

/** A record where it lies: bytes of the device, or the bytes themselves where its node lies in pieces. */
export type RecordPlace = { readonly position: number; readonly length: number } | Uint8Array;

export interface FoundItem {
  readonly id: number;
  parent: number;
  /** Its record with the key; null: only a name is known, or not even that. */
  readonly record: RecordPlace | null;
  readonly isFolder: boolean;
  readonly rank: number;
  /** The later of both dates of change, as on disk. */
  readonly date: number;
  /** Of an item without a record. */
  readonly name: string | null;
}

export interface FoundThread {
  readonly id: number;
  readonly parent: number;
  readonly name: string;
  readonly isFolder: boolean;
  readonly rank: number;
}

/** Of the folder for what has no way to the root: no id on disk is as large. */
export const LOST_ID = 0x1_0000_0000;

export class FoundItems {
  readonly #items = new Map<number, FoundItem>();
  readonly #threads = new Map<number, FoundThread>();
  readonly #children = new Map<number, number[]>();

  get(id: number): FoundItem | undefined {
    return this.#items.get(id);
  }
  get count(): number {
    return this.#items.size;
  }
  all(): Iterable<FoundItem> {
    return this.#items.values();
  }
  children(folder: number): readonly number[] {
    return this.#children.get(folder) ?? [];
  }

  add(item: FoundItem): void {
    const known = this.#items.get(item.id);
    if (!known && this.#items.size >= LIMITS.records) return;
    if (!known || isBetter(item, known)) this.#items.set(item.id, item);
  }

  /** Threads are needed only of items without a record: those of the others are dropped by `settle`. */
  addThread(thread: FoundThread): void {
    const known = this.#threads.get(thread.id);
    if (!known && this.#threads.size >= LIMITS.records) return;
    if (!known || thread.rank > known.rank) this.#threads.set(thread.id, thread);
  }

  /** Files that only their threads tell of. To be called before `settle`. */
  *namesOnly(): Generator<FoundThread> {
    for (const thread of this.#threads.values()) if (!thread.isFolder && !this.#items.has(thread.id)) yield thread;
  }

  /** Completes the folders, and hangs what has no way to the root into the lost folder. */
  settle(isHidden: (item: FoundItem) => boolean): void {
    this.#add(CNID.rootFolder, CNID.rootParent, '');
    for (const item of [...this.#items.values()]) this.#completeAbove(item);
    this.#threads.clear();
    this.#cutLoops();
    for (const item of this.#items.values()) {
      if (item.id === CNID.rootFolder || isHidden(item)) continue;
      if (item.parent === CNID.rootParent) item.parent = LOST_ID;
      const siblings = this.#children.get(item.parent);
      if (siblings) siblings.push(item.id);
      else this.#children.set(item.parent, [item.id]);
    }
  }

  /** Path from the root, as far as there is one. */
  pathOf(id: number, nameOf: (item: FoundItem) => string): string {
    const names: string[] = [];
    for (let item = this.#items.get(id); item && item.id !== CNID.rootFolder && names.length < LIMITS.depth; ) {
      names.unshift(nameOf(item));
      item = this.#items.get(item.parent);
    }
    return `/${names.join('/')}`;
  }

  #add(id: number, parent: number, name: string): void {
    if (this.#items.get(id)?.isFolder) return;
    this.#items.set(id, { id, parent, record: null, isFolder: true, rank: 0, date: 0, name });
  }

  #completeAbove(item: FoundItem): void {
    let { parent } = item;
    while (parent !== CNID.rootParent && parent !== LOST_ID) {
      const above = this.#items.get(parent);
      if (above?.isFolder) return;
      if (above) {
        item.parent = LOST_ID;
        return;
      }
      const thread = this.#threads.get(parent);
      const isKnown = thread?.isFolder === true && thread.parent !== parent;
      this.#add(parent, isKnown ? thread.parent : LOST_ID, isKnown ? thread.name : `folder-${parent}`);
      parent = isKnown ? thread.parent : LOST_ID;
    }
  }

  /** A folder that lies in itself is hung into the lost folder instead. */
  #cutLoops(): void {
    const done = new Set<number>([CNID.rootFolder, CNID.rootParent, LOST_ID]);
    for (const { id, isFolder } of this.#items.values()) {
      if (!isFolder) continue;
      const path = new Set<number>();
      for (let at = id; !done.has(at); ) {
        const folder = this.#items.get(at);
        if (!folder) break;
        if (path.has(at) || path.size >= LIMITS.depth) {
          folder.parent = LOST_ID;
          break;
        }
        path.add(at);
        at = folder.parent;
      }
      for (const each of path) done.add(each);
    }
  }
}

function isBetter(a: FoundItem, b: FoundItem): boolean {
  if (a.rank !== b.rank) return a.rank > b.rank;
  return a.date > b.date;
}
