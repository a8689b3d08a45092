// The records of one leaf node, as many as can be made out: by its table of offsets, or where that is bad, one behind the
// other by the lengths that keys and data themselves tell.

import type { KeyRules } from '../check/tree-keys.js';
import { offsetsProblem, recordCount, recordOffset } from '../check/tree-node.js';
import { NODE_KIND, NodeDescriptor } from '../structs/btree.js';
import type { LeafRecord } from './leaf-record.js';
import { naturalLength, type TreeName } from './tree-data.js';

export interface NodeShape {
  readonly name: TreeName;
  readonly nodeSize: number;
  readonly keys: KeyRules;
}

export interface LeafNode {
  readonly number: number;
  /** A copy, as it is mended. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly records: readonly LeafRecord[];
  /** Records that could not be made out. */
  readonly bad: number;
}

const SHORTEST_KEY = 6;

/** Null if the node is no leaf, or nothing in it can be read. Keys whose length field alone is wrong are mended in the copy. */
export function readLeaf(number: number, bytes: Uint8Array, shape: NodeShape): LeafNode | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const isTableSound = offsetsProblem(view, 0, shape.nodeSize) === '';
  const byTable = isTableSound ? byOffsets(view, shape) : NOTHING;
  const read = isTableSound && byTable.bad === 0 ? byTable : best(byTable, inSequence(view, shape));
  if (read.records.length === 0) return null;
  // A node that says it is something else is a leaf only if all of it looks like one.
  const isLeaf = view.getUint8(NodeDescriptor.at.kind) === NODE_KIND.leaf;
  return isLeaf || read.natural === read.records.length
    ? { number, bytes, view, records: read.records, bad: read.bad }
    : null;
}

/**
 * The node with records behind those that it counts, as long as the table of offsets goes on with whole ones whose keys
 * ascend: what is there if only the count is too small, or what removed records left.
 */
export function withTail(node: LeafNode, shape: NodeShape): LeafNode {
  const { view } = node;
  const records = [...node.records];
  for (let i = recordCount(view, 0); 2 * (i + 2) < shape.nodeSize - NodeDescriptor.size; i += 1) {
    const key = recordOffset(view, 0, shape.nodeSize, i);
    const end = recordOffset(view, 0, shape.nodeSize, i + 1);
    const last = records.at(-1);
    if (key !== last?.end || end > shape.nodeSize - 2 * (i + 2)) break;
    const record = recordAt(view, key, end, shape);
    if (record?.end !== end || shape.keys.compare(last.view, last.key, view, key) >= 0) break;
    records.push(record);
  }
  return { ...node, records };
}

interface Read {
  readonly records: LeafRecord[];
  /** Records whose data is as long as it says. */
  readonly natural: number;
  readonly bad: number;
}

const NOTHING: Read = { records: [], natural: 0, bad: 0 };

function best(byTable: Read, inSequence: Read): Read {
  return inSequence.natural > byTable.natural ? inSequence : byTable;
}

function byOffsets(view: DataView, shape: NodeShape): Read {
  const records: LeafRecord[] = [];
  let natural = 0;
  let bad = 0;
  for (let i = 0; i < recordCount(view, 0); i += 1) {
    const key = recordOffset(view, 0, shape.nodeSize, i);
    const end = recordOffset(view, 0, shape.nodeSize, i + 1);
    const data = dataOf(view, key, end, shape) || mendKey(view, key, end, shape);
    if (data === 0) bad += 1;
    else records.push({ view, key, data, end });
    if (data !== 0 && naturalLength(shape.name, view, data, end - data) === end - data) natural += 1;
  }
  return { records, natural, bad };
}

/** Where the data begins, or 0 if the key is not sound. */
function dataOf(view: DataView, key: number, end: number, { keys }: NodeShape): number {
  if (key + 2 + SHORTEST_KEY > end) return 0;
  const length = view.getUint16(key);
  const data = key + 2 + length;
  if (length < SHORTEST_KEY || length > keys.maxKeyLength || (length & 1) !== 0 || data > end) return 0;
  return keys.problem(view, key, length) === '' ? data : 0;
}

/** The length that the key's name gives, if key and data then fill the record; answers where the data begins, or 0. */
function mendKey(view: DataView, key: number, end: number, shape: NodeShape): number {
  const counted = { extents: -1, catalog: 6, attributes: 12 }[shape.name];
  if (counted > 0 && key + 2 + counted > end) return 0;
  const length = counted < 0 ? shape.keys.maxKeyLength : counted + 2 * view.getUint16(key + counted);
  const data = key + 2 + length;
  if (data > end || naturalLength(shape.name, view, data, end - data) !== end - data) return 0;
  const before = view.getUint16(key);
  view.setUint16(key, length);
  if (dataOf(view, key, end, shape) === data) return data;
  view.setUint16(key, before);
  return 0;
}

/** Where no record begins, the next offset of the table at which one does is where it goes on. */
function inSequence(view: DataView, shape: NodeShape): Read {
  const records: LeafRecord[] = [];
  const limit = shape.nodeSize - 2;
  const stated = Math.min(recordCount(view, 0), Math.floor(limit / 2) - NodeDescriptor.size);
  const starts = Array.from({ length: Math.max(0, stated) }, (_, i) => recordOffset(view, 0, shape.nodeSize, i));
  let bad = 0;
  for (let key: number = NodeDescriptor.size; key < limit; ) {
    const record = recordAt(view, key, limit, shape);
    const before = records.at(-1);
    if (record && (!before || shape.keys.compare(before.view, before.key, view, key) < 0)) {
      records.push(record);
      key = record.end;
      continue;
    }
    const next = starts.filter((start) => start > key && recordAt(view, start, limit, shape) !== null);
    if (next.length === 0) break;
    bad += 1;
    key = Math.min(...next);
  }
  return { records, natural: records.length, bad };
}

function recordAt(view: DataView, key: number, limit: number, shape: NodeShape): LeafRecord | null {
  if ((key & 1) !== 0) return null;
  const data = dataOf(view, key, limit, shape);
  const length = data === 0 ? -1 : naturalLength(shape.name, view, data, limit - data);
  return length < 0 ? null : { view, key, data, end: data + length };
}
