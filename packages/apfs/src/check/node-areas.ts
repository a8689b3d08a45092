// How the bytes of a node are used: every byte of its key area and value area belongs to one record, to one hole, or is a sliver
// too small to be listed; the totals count them all. See docs/formats/apfs.md.

import type { DiskNode } from '../btree/disk-node.js';
import { BTOFF_INVALID, BtreeInfo, BtreeNode, NODE_FLAGS } from '../structs/btree.js';

const at = BtreeNode.at;
const DATA = BtreeNode.size;
const LARGEST_NODE = 65_536;
const LEAST_HOLE = 4;
const used = new Uint8Array(LARGEST_NODE);

/** What is wrong, or null. The node has been read, so every entry lies inside its area. */
export function areaProblem(node: DiskNode): string | null {
  const { view, bytes } = node;
  const keys = DATA + view.getUint16(at.btn_table_off, true) + view.getUint16(at.btn_table_len, true);
  const end = bytes.length - ((node.flags & NODE_FLAGS.root) !== 0 ? BtreeInfo.size : 0);
  const free = keys + view.getUint16(at.btn_free_off, true);
  const values = free + view.getUint16(at.btn_free_len, true);
  used.fill(0, keys, end);
  for (let i = 0; i < node.count; i += 1) {
    if (!take(node.keyAt(i), node.keyLength(i))) return `key ${i} overlaps another`;
    const value = node.valueAt(i);
    if (value >= 0 && !take(value, node.valueLength(i))) return `value ${i} overlaps another`;
  }
  const keyTotal = view.getUint16(at.btn_key_free_len, true);
  const valueTotal = view.getUint16(at.btn_val_free_len, true);
  if (unused(keys, free) !== keyTotal) return `${unused(keys, free)} bytes of the key area are free, not ${keyTotal}`;
  if (unused(values, end) !== valueTotal)
    return `${unused(values, end)} bytes of the value area are free, not ${valueTotal}`;
  return (
    holesProblem(view, { head: at.btn_key_free_off, start: keys, end: free, place: (offset) => keys + offset }) ??
    holesProblem(view, { head: at.btn_val_free_off, start: values, end, place: (offset) => end - offset })
  );
}

interface HoleList {
  readonly head: number;
  readonly start: number;
  readonly end: number;
  readonly place: (offset: number) => number;
}

/** Every hole is free and listed once, so the list ends. */
function holesProblem(view: DataView, { head, start, end, place }: HoleList): string | null {
  for (let offset = view.getUint16(head, true); offset !== BTOFF_INVALID; ) {
    const hole = place(offset);
    if (hole < start || hole + LEAST_HOLE > end) return `a hole at ${hole} lies outside its area`;
    const length = view.getUint16(hole + 2, true);
    if (length < LEAST_HOLE || hole + length > end || !take(hole, length))
      return `a hole of ${length} bytes at ${hole}`;
    offset = view.getUint16(hole, true);
  }
  return null;
}

function take(start: number, length: number): boolean {
  let isFree = true;
  for (let i = start; i < start + length; i += 1) {
    if (used[i] !== 0) isFree = false;
    used[i] = 1;
  }
  return isFree;
}
function unused(start: number, end: number): number {
  let count = 0;
  for (let i = start; i < end; i += 1) count += 1 - (used[i] as number);
  return count;
}
