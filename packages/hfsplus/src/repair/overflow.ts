// Records of the extents overflow tree, by the fork that they continue.

import { EXTENT_RECORD_SIZE, ExtentKey, FORK_TYPE } from '../structs/extents.js';
import { ExtentDescriptor } from '../structs/volume-header.js';
import type { Acts } from './acts.js';
import type { LeafRecord } from './leaf-record.js';
import type { RepairTree } from './repair-tree.js';

/** Where one extent is written down. */
export interface Slot {
  readonly view: DataView;
  readonly at: number;
  readonly start: number;
  readonly count: number;
}

/** Further extents of a fork, which begin at this block of it. */
export interface Continuation {
  readonly record: LeafRecord;
  readonly start: number;
}

const SLOTS = 8;

export class Overflow {
  readonly #tree: RepairTree;
  readonly #forks = new Map<string, Continuation[]>();

  constructor(tree: RepairTree, acts: Acts) {
    this.#tree = tree;
    for (const record of tree.sorted()) {
      const { view, key, data, end } = record;
      if (end - data !== EXTENT_RECORD_SIZE) continue;
      if (slotsAt(view, data).every(({ start, count }) => start === 0 && count === 0)) {
        tree.remove(record);
        acts.note('removed overflow records without extents', `file ${view.getUint32(key + ExtentKey.at.fileID)}`);
        continue;
      }
      const id = view.getUint32(key + ExtentKey.at.fileID);
      const name = forkKey(id, view.getUint8(key + ExtentKey.at.forkType));
      const start = view.getUint32(key + ExtentKey.at.startBlock);
      const list = this.#forks.get(name);
      if (list) list.push({ record, start });
      else this.#forks.set(name, [{ record, start }]);
    }
  }

  /** In order of their start. They are the caller's from now on. */
  claim(id: number, forkType: number): readonly Continuation[] {
    const name = forkKey(id, forkType);
    const found = this.#forks.get(name) ?? [];
    this.#forks.delete(name);
    return found;
  }

  /** What no fork claimed is removed: those of ids from `firstId` on. */
  removeUnclaimed(acts: Acts): void {
    for (const [name, list] of this.#forks)
      for (const { record } of list) {
        this.#tree.remove(record);
        acts.note('removed overflow records that no file needs', name);
      }
    this.#forks.clear();
  }

  remove(list: readonly Continuation[]): void {
    for (const { record } of list) this.#tree.remove(record);
  }
}

function forkKey(id: number, forkType: number): string {
  return `file ${id}, ${forkType === FORK_TYPE.data ? 'data' : 'resource'} fork`;
}

/** All eight, the empty ones too. */
export function slotsAt(view: DataView, at: number): Slot[] {
  return Array.from({ length: SLOTS }, (_, i) => {
    const slot = at + i * ExtentDescriptor.size;
    return { view, at: slot, start: view.getUint32(slot), count: view.getUint32(slot + 4) };
  });
}

export function putSlot({ view, at }: Slot, start: number, count: number): void {
  view.setUint32(at, start);
  view.setUint32(at + 4, count);
}
