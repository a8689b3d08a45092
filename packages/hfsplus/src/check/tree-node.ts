// Whether the bytes of one B-tree node hang together (hfsplus.md 3.1), before anything in it is followed.

import { NodeDescriptor } from '../structs/btree.js';

/** Offset of a record's start from the node's start; record `numRecords` is the free space. */
export function recordOffset(view: DataView, at: number, nodeSize: number, record: number): number {
  return view.getUint16(at + nodeSize - 2 * (record + 1));
}

export function recordCount(view: DataView, at: number): number {
  return view.getUint16(at + NodeDescriptor.at.numRecords);
}

/** What is wrong with the offsets table, or an empty string. */
export function offsetsProblem(view: DataView, at: number, nodeSize: number): string {
  const count = recordCount(view, at);
  const free = nodeSize - 2 * (count + 1);
  if (free < NodeDescriptor.size) return `${count} records do not fit in ${nodeSize} bytes`;
  let previous = 0;
  for (let record = 0; record <= count; record += 1) {
    const offset = recordOffset(view, at, nodeSize, record);
    if (record === 0 && offset !== NodeDescriptor.size) return `record 0 begins at ${offset}, not at 14`;
    if ((offset & 1) !== 0) return `the offset ${offset} of record ${record} is odd`;
    if (offset <= previous) return `the offset ${offset} of record ${record} does not ascend`;
    if (offset > free) return `the offset ${offset} of record ${record} lies outside the node's records`;
    previous = offset;
  }
  return '';
}

/** True if all bytes of the range are zero. */
export function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; ) {
    const part = Math.min(ZEROS.length, end - at);
    if (ZEROS.compare(bytes, at, at + part, 0, part) !== 0) return false;
    at += part;
  }
  return true;
}

const ZEROS = Buffer.alloc(65_536);
