// The space that snapshots hold: from extent references and the object map alone, without a look at the tree or the data.
//
// The states of a volume are its snapshots, oldest first, and then the volume as it is. A block is in use from the state whose
// reference tree took it until the first one whose changes bring its count to 0; a node of the tree from the transaction that
// wrote it until the next version. So every block stands for one stretch of states, and is free once all of them are gone.
// See docs/formats/apfs.md.

import { type SnapshotSpace, u64le } from '@tintype/core';
import { Cursor } from '../btree/cursor.js';
import { physicalTree } from '../btree/disk-tree.js';
import { EXTENT_REFERENCE_TREE } from '../btree/kinds.js';
import { idAt } from '../records/ids.js';
import { reserveOf } from '../spaceman.js';
import { OMAP_VALUE_FLAGS } from '../structs/object-map.js';
import { EXTENT_KIND, PhysicalExtentValue } from '../structs/records.js';
import { FreeQueue, Spaceman } from '../structs/spaceman.js';
import type { ContainerReader } from './container-reader.js';
import { ReferenceChanges } from './reference-changes.js';
import type { VolumeHead } from './volume-head.js';
import type { VolumeParts } from './volume-parts.js';

/** @throws CorruptError */
export function snapshotSpace(container: ContainerReader, head: VolumeHead, parts: VolumeParts): SnapshotSpace {
  const { blocks } = container;
  const snapshots = parts.snapshots();
  const xids = snapshots.map(({ xid }) => xid);
  const stretches = new Stretches(xids.length + 1);
  // Each has a superblock of its own.
  for (let state = 0; state < xids.length; state += 1) stretches.add(state, state + 1, blocks.size);
  const trees = [...snapshots.map((snapshot) => snapshot.extentReferences), head.number('apfs_extentref_tree_oid')];
  addData(container, trees, stretches);
  addNodes(container, head, xids, stretches);
  return {
    free: usableBlocks(container) * blocks.size,
    heldBy: (wanted) => stretches.within(xids.map((xid) => wanted.has(xid))),
  };
}

/** As a writer counts them: with those that wait in the queue, without those that are kept back. */
function usableBlocks(container: ContainerReader): number {
  const view = container.spaceman();
  const queued = view ? u64le(view, Spaceman.at.sm_fq + FreeQueue.size, FreeQueue.at.sfq_count) : 0;
  return Math.max(0, container.freeBlocks + queued - reserveOf(container.blocks.count));
}

/** Bytes by stretch of states. */
class Stretches {
  readonly #states: number;
  /** By `first * (states + 1) + end`. */
  readonly #bytes = new Map<number, number>();

  constructor(states: number) {
    this.#states = states;
  }
  /** In use in the states `first` … `end - 1`. */
  add(first: number, end: number, bytes: number): void {
    if (end <= first) return;
    const key = first * (this.#states + 1) + end;
    this.#bytes.set(key, (this.#bytes.get(key) ?? 0) + bytes);
  }
  /** Bytes that are in use in no other states than these. */
  within(chosen: readonly boolean[]): number {
    /** How many of the states before are chosen. */
    const before = [0];
    for (const [state, isChosen] of chosen.entries()) before.push((before[state] ?? 0) + (isChosen ? 1 : 0));
    before.push(before[chosen.length] ?? 0);
    let sum = 0;
    for (const [key, bytes] of this.#bytes) {
      const first = Math.floor(key / (this.#states + 1));
      const end = key % (this.#states + 1);
      if ((before[end] ?? 0) - (before[first] ?? 0) === end - first) sum += bytes;
    }
    return sum;
  }
}

function addData({ blocks, xid }: ContainerReader, trees: readonly number[], stretches: Stretches): void {
  const records = function* (kind: number) {
    for (const [state, root] of trees.entries()) {
      // A sealed volume has none.
      if (root === 0) continue;
      const cursor = new Cursor(physicalTree(blocks, EXTENT_REFERENCE_TREE, root, xid));
      for (let isThere = cursor.first(); isThere; isThere = cursor.next()) {
        const { view, keyAt, valueAt, valueLength } = cursor;
        if (valueLength < PhysicalExtentValue.size)
          throw PhysicalExtentValue.corrupt(view, Math.max(0, valueAt), 'len_and_kind', 'the record is too short');
        if (view.getUint8(valueAt + 7) >>> 4 !== kind) continue;
        const start = idAt(view, keyAt);
        const count = view.getInt32(valueAt + PhysicalExtentValue.at.refcnt, true);
        yield { state, start, end: start + idAt(view, valueAt), count };
      }
    }
  };
  const changes = new ReferenceChanges(records(EXTENT_KIND.update));
  // Blocks that nothing changed are those of the volume as it is.
  if (changes.isEmpty) return;
  for (const { state, start, end, count } of records(EXTENT_KIND.new))
    for (const part of changes.over(start, end)) {
      let left = count;
      const last = part.changes.find((change) => {
        if (change.state > state) left += change.count;
        return left <= 0;
      });
      if (last) stretches.add(state, last.state, (part.end - part.start) * blocks.size);
    }
}

function addNodes(container: ContainerReader, head: VolumeHead, xids: readonly number[], stretches: Stretches): void {
  /** The first state that a version of this transaction is seen in. */
  const stateOf = (xid: number): number => {
    let low = 0;
    for (let high = xids.length; low < high; ) {
      const middle = (low + high) >>> 1;
      if ((xids[middle] as number) < xid) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  let oid = -1;
  let first = 0;
  let bytes = 0;
  for (const version of container.mapOf(head).versions()) {
    const state = stateOf(version.xid);
    if (version.oid === oid) stretches.add(first, state, bytes);
    oid = version.oid;
    first = state;
    bytes = (version.flags & OMAP_VALUE_FLAGS.deleted) === 0 ? version.size : 0;
  }
}
