// A node read from a disk: blocks of any size, with or without a header. Everything that a search relies on is checked once,
// when it is read. (`node.ts` is the form that is written: always 4096 bytes, fields changed in place.)

import { CorruptError } from '@tintype/core';
import { TREE_DEPTH } from '../limits.js';
import { BTOFF_INVALID, BtreeInfo, BtreeNode, NODE_FLAGS, TREE_FLAGS } from '../structs/btree.js';
import type { ReadableNode } from './cursor.js';
import type { TreeKind } from './kinds.js';

const at = BtreeNode.at;
const DATA = BtreeNode.size;
/** Value length of an entry in an inner node with fixed sizes, and the least of one without. */
const CHILD_SIZE = 8;
const LEAST_KEY = 8;

export interface NodeExpectation {
  /** Byte of the device where it begins, for messages. */
  readonly place: number;
  /** Null: of a root, any. */
  readonly level: number | null;
}

export class DiskNode implements ReadableNode {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly level: number;
  readonly count: number;
  /** Byte of the device where it begins. */
  readonly place: number;
  readonly #toc: number;
  readonly #keys: number;
  readonly #end: number;
  readonly #isFixed: boolean;
  readonly #keySize: number;
  readonly #valueSize: number;

  /** `bytes` are the whole node, clear. @throws CorruptError */
  constructor(kind: TreeKind, bytes: Uint8Array, { place, level }: NodeExpectation) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.place = place;
    const { view } = this;
    const flags = view.getUint16(at.btn_flags, true);
    this.#isFixed = (flags & NODE_FLAGS.fixed) !== 0;
    this.level = view.getUint16(at.btn_level, true);
    this.count = view.getUint32(at.btn_nkeys, true);
    this.#keySize = kind.keySize;
    this.#valueSize = this.level > 0 ? CHILD_SIZE : kind.valueSize;
    this.#toc = DATA + view.getUint16(at.btn_table_off, true);
    this.#keys = this.#toc + view.getUint16(at.btn_table_len, true);
    this.#end = bytes.length - (level === null ? BtreeInfo.size : 0);
    if (this.#isFixed && kind.keySize === 0) throw this.#bad('btn_flags', `${flags} does not suit the tree`);
    this.#checkPlace(flags, level);
    if (level === null) this.#checkFooter(kind);
    this.#checkEntries(kind);
  }

  get flags(): number {
    return this.view.getUint16(at.btn_flags, true);
  }
  keyAt(index: number): number {
    return this.#keys + this.view.getUint16(this.#toc + index * (this.#isFixed ? 4 : 8), true);
  }
  keyLength(index: number): number {
    return this.#isFixed ? this.#keySize : this.view.getUint16(this.#toc + index * 8 + 2, true);
  }
  valueAt(index: number): number {
    const offset = this.view.getUint16(this.#toc + index * (this.#isFixed ? 4 : 8) + (this.#isFixed ? 2 : 4), true);
    return offset === BTOFF_INVALID ? -1 : this.#end - offset;
  }
  valueLength(index: number): number {
    return this.#isFixed ? this.#valueSize : this.view.getUint16(this.#toc + index * 8 + 6, true);
  }
  /** The block or oid of a child. @throws CorruptError */
  childAt(index: number): number {
    const value = this.valueAt(index);
    const high = this.view.getUint32(value + 4, true);
    if (high > 0x1f_ffff) throw this.#bad('btn_nkeys', `child ${index} has an oid of 2^53 or more`);
    return high * 0x1_0000_0000 + this.view.getUint32(value, true);
  }

  #bad(field: keyof typeof at & string, problem: string): CorruptError {
    return new CorruptError('btree_node_phys', field, this.place + at[field], problem);
  }

  #checkPlace(flags: number, level: number | null): void {
    const isRoot = (flags & NODE_FLAGS.root) !== 0;
    if (isRoot !== (level === null)) throw this.#bad('btn_flags', `${flags} does not suit the place`);
    if (level !== null && this.level !== level) throw this.#bad('btn_level', `${this.level} where ${level} belongs`);
    if (this.level >= TREE_DEPTH) throw this.#bad('btn_level', `${this.level} is too deep`);
    if (((flags & NODE_FLAGS.leaf) !== 0) !== (this.level === 0))
      throw this.#bad('btn_flags', `${flags} at level ${this.level}`);
    if (this.count === 0 && (level !== null || this.level > 0)) throw this.#bad('btn_nkeys', 'a node without entries');
  }

  #checkFooter(kind: TreeKind): void {
    const info = BtreeInfo.read(this.view, this.#end);
    const bad = (field: keyof typeof info & string, problem: string): CorruptError =>
      new CorruptError('btree_info', field, this.place + this.#end + BtreeInfo.at[field], problem);
    if (info.bt_node_size !== this.bytes.length) throw bad('bt_node_size', `${info.bt_node_size} bytes`);
    if (kind.keySize > 0 && info.bt_key_size !== kind.keySize) throw bad('bt_key_size', `${info.bt_key_size} bytes`);
    if (kind.keySize > 0 && info.bt_val_size !== kind.valueSize) throw bad('bt_val_size', `${info.bt_val_size} bytes`);
    const storage = TREE_FLAGS.physical | TREE_FLAGS.ephemeral;
    if ((info.bt_flags & storage) !== (kind.flags & storage)) throw bad('bt_flags', info.bt_flags.toString(16));
  }

  #checkEntries(kind: TreeKind): void {
    const { view, count } = this;
    if (this.#keys > this.#end) throw this.#bad('btn_table_len', 'reaches past the node');
    if (count * (this.#isFixed ? 4 : 8) > this.#keys - this.#toc) throw this.#bad('btn_nkeys', `${count} entries`);
    const free = this.#keys + view.getUint16(at.btn_free_off, true);
    const values = free + view.getUint16(at.btn_free_len, true);
    if (values > this.#end) throw this.#bad('btn_free_len', 'reaches past the node');
    const mayBeGhost = (kind.flags & TREE_FLAGS.allowGhosts) !== 0 && this.level === 0;
    for (let i = 0; i < count; i += 1) {
      const key = this.keyAt(i);
      const length = this.keyLength(i);
      if (length < LEAST_KEY || key + length > free || length < kind.leastKey(view, key))
        throw this.#bad('btn_nkeys', `key ${i} of ${length} bytes cannot be one`);
      const value = this.valueAt(i);
      if (value < 0 && mayBeGhost) continue;
      const size = this.valueLength(i);
      if (value < values || value + size > this.#end) throw this.#bad('btn_nkeys', `value ${i} lies outside`);
      if (this.level > 0 && size < CHILD_SIZE) throw this.#bad('btn_nkeys', `value ${i} names no child`);
      if (i > 0 && kind.compare(view, this.keyAt(i - 1), this.keyLength(i - 1), view, key, length) >= 0)
        throw this.#bad('btn_nkeys', `keys ${i - 1} and ${i} do not ascend`);
    }
  }
}
