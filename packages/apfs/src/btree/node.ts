// One node of a tree, in memory as it lies on disk.
//
// Invariants: keys grow up from the table of contents, values grow down from the end; what removals leave is only counted
// (in the totals of the free lists, which list nothing) and closed up when room is needed or the node is written.

import { CorruptError } from '@tintype/core';
import { BTOFF_INVALID, BtreeInfo, BtreeNode, NODE_FLAGS, TOC_INCREMENT } from '../structs/btree.js';
import { BLOCK_SIZE } from '../structs/container.js';
import { OBJECT_TYPE } from '../structs/object.js';
import type { TreeKind } from './kinds.js';

const at = BtreeNode.at;
const DATA = BtreeNode.size;
const COPY_LOOP_LIMIT = 40;
/** Value length of an entry in an inner node. */
const CHILD_SIZE = 8;

const closing = new Uint8Array(BLOCK_SIZE);

export function copyBytes(from: Uint8Array, start: number, to: Uint8Array, target: number, length: number): void {
  if (length > COPY_LOOP_LIMIT) to.set(from.subarray(start, start + length), target);
  else for (let i = 0; i < length; i += 1) to[target + i] = from[start + i] as number;
}

/** A record to be inserted: its key, and its value right behind it. */
export class RecordBuffer {
  readonly bytes = new Uint8Array(BLOCK_SIZE);
  readonly view = new DataView(this.bytes.buffer);
  keyLength = 0;
  valueLength = 0;
}

export class Node {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly kind: TreeKind;
  /** The block it lies in; of an ephemeral node 0. */
  address: number;
  /** Changed since the last commit, so it lies in a block that the last commit does not hold. */
  dirty = false;
  /** When it was used last, in the cache's own time. */
  used = 0;
  readonly #isFixed: boolean;
  /** Where values end: a root stays one. */
  readonly #end: number;

  /** `bytes` is one block, taken over. */
  constructor(kind: TreeKind, bytes: Uint8Array, address: number) {
    this.kind = kind;
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.address = address;
    const flags = this.view.getUint16(at.btn_flags, true);
    this.#isFixed = (flags & NODE_FLAGS.fixed) !== 0;
    this.#end = (flags & NODE_FLAGS.root) !== 0 ? BLOCK_SIZE - BtreeInfo.size : BLOCK_SIZE;
  }

  /** An empty node, its object header but for the oid and xid. */
  static make(kind: TreeKind, level: number, place: 'root' | 'inner'): Node {
    const bytes = new Uint8Array(BLOCK_SIZE);
    const view = new DataView(bytes.buffer);
    const isRoot = place === 'root';
    const isFixed = kind.keySize > 0;
    view.setUint32(at.o_type, (kind.storage | (isRoot ? OBJECT_TYPE.btree : OBJECT_TYPE.btreeNode)) >>> 0, true);
    view.setUint32(at.o_subtype, kind.subtype, true);
    const flags =
      (isRoot ? NODE_FLAGS.root : 0) | (level === 0 ? NODE_FLAGS.leaf : 0) | (isFixed ? NODE_FLAGS.fixed : 0);
    view.setUint16(at.btn_flags, flags, true);
    view.setUint16(at.btn_level, level, true);
    const toc = isFixed ? fixedToc(kind, level) : TOC_INCREMENT;
    view.setUint16(at.btn_table_len, toc, true);
    view.setUint16(at.btn_free_len, BLOCK_SIZE - DATA - toc - (isRoot ? BtreeInfo.size : 0), true);
    view.setUint16(at.btn_key_free_off, BTOFF_INVALID, true);
    view.setUint16(at.btn_val_free_off, BTOFF_INVALID, true);
    const node = new Node(kind, bytes, 0);
    if (isRoot) putInfo(node);
    return node;
  }

  get oid(): number {
    return this.view.getUint32(at.o_oid + 4, true) * 0x1_0000_0000 + this.view.getUint32(at.o_oid, true);
  }
  get level(): number {
    return this.view.getUint16(at.btn_level, true);
  }
  get count(): number {
    return this.view.getUint32(at.btn_nkeys, true);
  }
  get isRoot(): boolean {
    return (this.view.getUint16(at.btn_flags, true) & NODE_FLAGS.root) !== 0;
  }
  get isLeaf(): boolean {
    return this.level === 0;
  }
  /** Bytes that new entries may take, once everything is closed up. */
  get room(): number {
    const { view } = this;
    return (
      view.getUint16(at.btn_free_len, true) +
      view.getUint16(at.btn_key_free_len, true) +
      view.getUint16(at.btn_val_free_len, true)
    );
  }
  /** Bytes of keys and values. */
  get usedBytes(): number {
    return this.#end - keysAt(this.view) - this.room;
  }
  /** Entries that fit the table of contents as it is. */
  get tocEntries(): number {
    return this.view.getUint16(at.btn_table_len, true) / (this.#isFixed ? 4 : 8);
  }

  /** Offset of a key in the block. */
  keyAt(index: number): number {
    return keysAt(this.view) + this.view.getUint16(DATA + index * (this.#isFixed ? 4 : 8), true);
  }
  keyLength(index: number): number {
    return this.#isFixed ? this.kind.keySize : this.view.getUint16(DATA + index * 8 + 2, true);
  }
  /** Offset of a value in the block, or -1 for a ghost. */
  valueAt(index: number): number {
    const offset = this.view.getUint16(this.#isFixed ? DATA + index * 4 + 2 : DATA + index * 8 + 4, true);
    return offset === BTOFF_INVALID ? -1 : this.#end - offset;
  }
  valueLength(index: number): number {
    if (!this.#isFixed) return this.view.getUint16(DATA + index * 8 + 6, true);
    return this.level === 0 ? this.kind.valueSize : CHILD_SIZE;
  }
  /** The child that an entry of an inner node names: a block, or an oid. */
  childAt(index: number): number {
    const place = this.valueAt(index);
    const high = this.view.getUint32(place + 4, true);
    if (high > 0x1f_ffff) throw new CorruptError('btree_node_phys', 'child', place, 'an oid of 2^53 or more');
    return high * 0x1_0000_0000 + this.view.getUint32(place, true);
  }
  setChild(index: number, child: number): void {
    const place = this.valueAt(index);
    this.view.setUint32(place, child >>> 0, true);
    this.view.setUint32(place + 4, Math.floor(child / 0x1_0000_0000), true);
  }

  /** Index of the last entry whose key is not greater, or -1. `exact` of the answer: `isEqual`. */
  search(key: DataView, keyStart: number, keyLength: number): number {
    const { compare } = this.kind;
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compare(this.view, this.keyAt(middle), this.keyLength(middle), key, keyStart, keyLength) <= 0)
        low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
  isEqual(index: number, key: DataView, keyStart: number, keyLength: number): boolean {
    return this.kind.compare(this.view, this.keyAt(index), this.keyLength(index), key, keyStart, keyLength) === 0;
  }

  /** True if one more entry of this size fits, perhaps after closing up. */
  fits(keyLength: number, valueLength: number): boolean {
    const { count } = this;
    const isTocFull = count >= this.tocEntries;
    if (isTocFull && this.#isFixed) return false;
    return keyLength + valueLength + (isTocFull ? TOC_INCREMENT : 0) <= this.room;
  }

  /** Inserts a record before entry `index`; false, with nothing changed, if there is no room. A null value: a ghost. */
  insert(index: number, record: RecordBuffer): boolean {
    const { bytes, keyLength, valueLength } = record;
    return this.#insert(index, { key: bytes, keyAt: 0, keyLength, value: bytes, valueAt: keyLength, valueLength });
  }
  /** Inserts entry `from` of another node of the same tree and level. */
  insertFrom(index: number, node: Node, from: number): boolean {
    return this.#insert(index, {
      key: node.bytes,
      keyAt: node.keyAt(from),
      keyLength: node.keyLength(from),
      value: node.bytes,
      valueAt: node.valueAt(from),
      valueLength: node.valueLength(from),
    });
  }
  /** Inserts an entry of an inner node: the first key of `child`, and where it is. */
  insertChild(index: number, child: Node, pointer: number): boolean {
    childBytes.setUint32(0, pointer >>> 0, true);
    childBytes.setUint32(4, Math.floor(pointer / 0x1_0000_0000), true);
    return this.#insert(index, {
      key: child.bytes,
      keyAt: child.keyAt(0),
      keyLength: child.keyLength(0),
      value: new Uint8Array(childBytes.buffer),
      valueAt: 0,
      valueLength: CHILD_SIZE,
    });
  }

  #insert(index: number, entry: Entry): boolean {
    const { keyLength } = entry;
    const isGhost = this.#isFixed && (entry.valueAt < 0 || entry.valueLength === 0);
    const valueLength = isGhost ? 0 : entry.valueLength;
    if (!this.fits(keyLength, valueLength)) return false;
    const { view, bytes, count } = this;
    const isTocFull = count >= this.tocEntries;
    const needed = keyLength + valueLength + (isTocFull ? TOC_INCREMENT : 0);
    if (needed > view.getUint16(at.btn_free_len, true)) this.close();
    if (count >= this.tocEntries) this.#growToc();
    const freeOff = view.getUint16(at.btn_free_off, true);
    const freeLen = view.getUint16(at.btn_free_len, true);
    const valueStart = keysAt(this.view) + freeOff + freeLen - valueLength;
    copyBytes(entry.key, entry.keyAt, bytes, keysAt(this.view) + freeOff, keyLength);
    if (!isGhost) copyBytes(entry.value, entry.valueAt, bytes, valueStart, valueLength);
    const width = this.#isFixed ? 4 : 8;
    const place = DATA + index * width;
    bytes.copyWithin(place + width, place, DATA + count * width);
    const valueOff = isGhost ? BTOFF_INVALID : this.#end - valueStart;
    view.setUint16(place, freeOff, true);
    if (this.#isFixed) view.setUint16(place + 2, valueOff, true);
    else {
      view.setUint16(place + 2, keyLength, true);
      view.setUint16(place + 4, valueOff, true);
      view.setUint16(place + 6, valueLength, true);
    }
    view.setUint16(at.btn_free_off, freeOff + keyLength, true);
    view.setUint16(at.btn_free_len, freeLen - keyLength - valueLength, true);
    view.setUint32(at.btn_nkeys, count + 1, true);
    return true;
  }

  #growToc(): void {
    const { view, bytes } = this;
    const keys = keysAt(this.view);
    const length = view.getUint16(at.btn_table_len, true);
    bytes.copyWithin(keys + TOC_INCREMENT, keys, keys + view.getUint16(at.btn_free_off, true));
    view.setUint16(at.btn_table_len, length + TOC_INCREMENT, true);
    view.setUint16(at.btn_free_len, view.getUint16(at.btn_free_len, true) - TOC_INCREMENT, true);
  }

  remove(index: number): void {
    const { view, bytes, count } = this;
    const keyLength = this.keyLength(index);
    const valueLength = this.valueAt(index) < 0 ? 0 : this.valueLength(index);
    const width = this.#isFixed ? 4 : 8;
    bytes.copyWithin(DATA + index * width, DATA + (index + 1) * width, DATA + count * width);
    bytes.fill(0, DATA + (count - 1) * width, DATA + count * width);
    view.setUint32(at.btn_nkeys, count - 1, true);
    view.setUint16(at.btn_key_free_len, view.getUint16(at.btn_key_free_len, true) + keyLength, true);
    view.setUint16(at.btn_val_free_len, view.getUint16(at.btn_val_free_len, true) + valueLength, true);
  }

  /** Removes entries from `index` on. */
  cut(index: number): void {
    for (let i = this.count - 1; i >= index; i -= 1) this.remove(i);
    this.close();
  }

  /** Makes all free bytes one stretch, the free lists empty, and of a variable table of contents what is needed. */
  close(): void {
    const { view, bytes, count } = this;
    closing.set(bytes);
    const old = new Node(this.kind, closing, 0);
    const width = this.#isFixed ? 4 : 8;
    const toc = this.#isFixed
      ? view.getUint16(at.btn_table_len, true)
      : Math.max(1, Math.ceil((count * width) / TOC_INCREMENT)) * TOC_INCREMENT;
    const end = this.#end;
    bytes.fill(0, DATA, end);
    view.setUint16(at.btn_table_len, toc, true);
    let key = DATA + toc;
    let value = end;
    for (let i = 0; i < count; i += 1) {
      const keyLength = old.keyLength(i);
      const from = old.valueAt(i);
      const valueLength = from < 0 ? 0 : old.valueLength(i);
      value -= valueLength;
      copyBytes(closing, old.keyAt(i), bytes, key, keyLength);
      if (from >= 0) copyBytes(closing, from, bytes, value, valueLength);
      const place = DATA + i * width;
      view.setUint16(place, key - DATA - toc, true);
      if (this.#isFixed) view.setUint16(place + 2, from < 0 ? BTOFF_INVALID : end - value, true);
      else {
        view.setUint16(place + 2, keyLength, true);
        view.setUint16(place + 4, end - value, true);
        view.setUint16(place + 6, valueLength, true);
      }
      key += keyLength;
    }
    view.setUint16(at.btn_free_off, key - DATA - toc, true);
    view.setUint16(at.btn_free_len, value - key, true);
    this.#forgetHoles();
  }

  /** Ready to be written: nothing is only counted. */
  settle(): void {
    const { view } = this;
    if (view.getUint16(at.btn_key_free_len, true) + view.getUint16(at.btn_val_free_len, true) > 0) this.close();
    else this.#forgetHoles();
  }
  #forgetHoles(): void {
    const { view } = this;
    view.setUint16(at.btn_key_free_off, BTOFF_INVALID, true);
    view.setUint16(at.btn_key_free_len, 0, true);
    view.setUint16(at.btn_val_free_off, BTOFF_INVALID, true);
    view.setUint16(at.btn_val_free_len, 0, true);
  }

  setHeader(oid: number, xid: number): void {
    const { view } = this;
    view.setUint32(at.o_oid, oid >>> 0, true);
    view.setUint32(at.o_oid + 4, Math.floor(oid / 0x1_0000_0000), true);
    view.setUint32(at.o_xid, xid >>> 0, true);
    view.setUint32(at.o_xid + 4, Math.floor(xid / 0x1_0000_0000), true);
  }

  /** A root that is emptied, to be filled again at another level. */
  reset(level: number): void {
    const fresh = Node.make(this.kind, level, this.isRoot ? 'root' : 'inner');
    const header = this.bytes.slice(0, at.btn_flags);
    const info = this.bytes.slice(BLOCK_SIZE - BtreeInfo.size);
    this.bytes.set(fresh.bytes);
    this.bytes.set(header);
    if (this.isRoot) this.bytes.set(info, BLOCK_SIZE - BtreeInfo.size);
  }
}

/** Where keys begin. */
function keysAt(view: DataView): number {
  return DATA + view.getUint16(at.btn_table_len, true);
}

interface Entry {
  readonly key: Uint8Array;
  readonly keyAt: number;
  readonly keyLength: number;
  readonly value: Uint8Array;
  readonly valueAt: number;
  readonly valueLength: number;
}

const childBytes = new DataView(new ArrayBuffer(CHILD_SIZE));

/** Bytes of the table of contents of a tree with fixed sizes: room for all entries that a node without a footer holds. */
function fixedToc(kind: TreeKind, level: number): number {
  const value = level === 0 ? kind.valueSize : CHILD_SIZE;
  return 4 * Math.floor((BLOCK_SIZE - DATA) / (kind.keySize + value + 4));
}

function putInfo({ view, kind }: Node): void {
  BtreeInfo.write(view, BLOCK_SIZE - BtreeInfo.size, {
    bt_flags: kind.flags,
    bt_node_size: BLOCK_SIZE,
    bt_key_size: kind.keySize,
    bt_val_size: kind.valueSize,
    bt_longest_key: kind.keySize,
    bt_longest_val: kind.valueSize,
    bt_key_count: 0,
    bt_node_count: 1,
  });
}

/** Everything that later code relies on: areas inside the block, every entry inside its area. @throws CorruptError */
export function checkNode(node: Node, level: number | null, where: 'root' | 'inner'): void {
  const { view, count } = node;
  const bad = (field: keyof typeof at & string, problem: string): never => {
    throw new CorruptError('btree_node_phys', field, node.address * BLOCK_SIZE + at[field], problem);
  };
  const flags = view.getUint16(at.btn_flags, true);
  const isFixed = (flags & NODE_FLAGS.fixed) !== 0;
  if (isFixed !== node.kind.keySize > 0) bad('btn_flags', `${flags} does not suit the tree`);
  if (((flags & NODE_FLAGS.root) !== 0) !== (where === 'root')) bad('btn_flags', `${flags} does not suit the place`);
  if (level !== null && node.level !== level) bad('btn_level', `${node.level} where ${level} belongs`);
  if (node.level > 15) bad('btn_level', `${node.level} is too deep`);
  if (((flags & NODE_FLAGS.leaf) !== 0) !== (node.level === 0)) bad('btn_flags', `${flags} at level ${node.level}`);
  const toc = view.getUint16(at.btn_table_len, true);
  const end = where === 'root' ? BLOCK_SIZE - BtreeInfo.size : BLOCK_SIZE;
  const keys = DATA + toc;
  if (view.getUint16(at.btn_table_off, true) !== 0 || keys > end) bad('btn_table_len', `${toc} bytes`);
  if (count * (isFixed ? 4 : 8) > toc) bad('btn_nkeys', `${count} entries in ${toc} bytes`);
  const free = view.getUint16(at.btn_free_off, true);
  const values = keys + free + view.getUint16(at.btn_free_len, true);
  if (values > end) bad('btn_free_len', 'reaches past the node');
  if (where === 'inner' && count === 0) bad('btn_nkeys', 'an empty node');
  const least = node.kind.keySize > 0 ? node.kind.keySize : 8;
  for (let i = 0; i < count; i += 1) {
    const keyLength = node.keyLength(i);
    if (keyLength < least || node.keyAt(i) + keyLength > keys + free) bad('btn_nkeys', `key ${i} lies outside`);
    const value = node.valueAt(i);
    if (value < 0 && node.kind.storage === 0x8000_0000 && node.level === 0) continue;
    if (value < values || value + node.valueLength(i) > end) bad('btn_nkeys', `value ${i} lies outside`);
    if (node.level > 0 && node.valueLength(i) < CHILD_SIZE) bad('btn_nkeys', `value ${i} is too short`);
  }
}
