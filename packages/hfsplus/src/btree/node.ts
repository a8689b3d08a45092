// One node of a B-tree, in memory: the bytes as they lie on disk, and the arithmetic on them.
//
// Invariants: records follow the descriptor without gaps; the table of offsets grows down from the node's end and has
// one more entry than there are records; every offset is even.

import { CorruptError } from '@tintype/core';
import { NODE_KIND, NodeDescriptor } from '../structs/btree.js';

export const FIRST_RECORD = 14;

export type KeyTest = (view: DataView, at: number, keyLength: number) => boolean;

export class Node {
  readonly view: DataView;
  readonly #becameDirty: ((node: Node) => void) | null;
  #dirty = false;
  /** Used since the cache looked last. */
  touched = true;

  /** `becameDirty` is called when a clean node is changed. */
  constructor(
    readonly number: number,
    readonly bytes: Uint8Array,
    becameDirty: ((node: Node) => void) | null = null,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#becameDirty = becameDirty;
  }

  /** Changed since the last commit. Set it at each change. */
  get dirty(): boolean {
    return this.#dirty;
  }
  set dirty(value: boolean) {
    if (value && !this.#dirty) this.#becameDirty?.(this);
    this.#dirty = value;
  }

  get fLink(): number {
    return this.view.getUint32(0);
  }
  set fLink(node: number) {
    this.view.setUint32(0, node);
  }
  get bLink(): number {
    return this.view.getUint32(4);
  }
  set bLink(node: number) {
    this.view.setUint32(4, node);
  }
  get kind(): number {
    return this.bytes[8] as number;
  }
  get height(): number {
    return this.bytes[9] as number;
  }
  get count(): number {
    return this.view.getUint16(10);
  }
  get isLeaf(): boolean {
    return this.bytes[8] === NODE_KIND.leaf;
  }

  /** Where record `index` begins; `index === count`: where free space begins. */
  at(index: number): number {
    return this.view.getUint16(this.bytes.length - 2 * (index + 1));
  }
  get freeSpace(): number {
    const count = this.count;
    return this.bytes.length - 2 * (count + 1) - this.at(count);
  }
  /** Bytes from the record's start to the next one's. */
  recordLength(index: number): number {
    return this.at(index + 1) - this.at(index);
  }
  /** Where the data of a record begins: behind its key, at an even offset. */
  dataAt(index: number): number {
    const at = this.at(index);
    return at + 2 + this.view.getUint16(at);
  }
  /** Child of an index record. */
  child(index: number): number {
    return this.view.getUint32(this.dataAt(index));
  }

  init(kind: number, height: number): void {
    this.bytes.fill(0);
    this.bytes[8] = kind;
    this.bytes[9] = height;
    this.view.setUint16(this.bytes.length - 2, FIRST_RECORD);
  }

  /** Inserts a record; the caller knows that it fits. */
  insert(index: number, record: Uint8Array): void {
    const { view, bytes } = this;
    const count = this.count;
    const at = this.at(index);
    const end = this.at(count);
    const length = record.length;
    bytes.copyWithin(at + length, at, end);
    bytes.set(record, at);
    const size = bytes.length;
    for (let i = count; i >= index; i -= 1)
      view.setUint16(size - 2 * (i + 2), view.getUint16(size - 2 * (i + 1)) + length);
    view.setUint16(size - 2 * (index + 1), at);
    view.setUint16(10, count + 1);
    this.dirty = true;
  }

  remove(index: number): void {
    const { view, bytes } = this;
    const count = this.count;
    const at = this.at(index);
    const length = this.recordLength(index);
    const end = this.at(count);
    bytes.copyWithin(at, at + length, end);
    bytes.fill(0, end - length, end);
    const size = bytes.length;
    for (let i = index + 1; i < count; i += 1)
      view.setUint16(size - 2 * (i + 1), view.getUint16(size - 2 * (i + 2)) - length);
    view.setUint16(size - 2 * (count + 1), 0);
    view.setUint16(size - 2 * count, end - length);
    view.setUint16(10, count - 1);
    this.dirty = true;
  }

  /** Moves records `[from, count)` to the beginning of an empty node. */
  moveTail(from: number, target: Node): void {
    const count = this.count;
    for (let i = from; i < count; i += 1) {
      const at = this.at(i);
      target.insert(i - from, this.bytes.subarray(at, at + this.recordLength(i)));
    }
    const start = this.at(from);
    this.bytes.fill(0, start, this.bytes.length - 2 * (from + 1));
    this.view.setUint16(10, from);
    this.dirty = true;
  }

  /**
   * The tests that every node read from disk must pass. `keyFits`: can a key with its length at this offset, of so many
   * bytes, be compared without reading past it?
   */
  validate(treeName: string, place: number, keyFits: KeyTest): void {
    const size = this.bytes.length;
    const count = this.count;
    const corrupt = (problem: string) =>
      new CorruptError(
        `${treeName} node ${this.number}`,
        'numRecords',
        place,
        problem,
        NodeDescriptor.dump(this.view, 0),
      );
    if (FIRST_RECORD + 2 * (count + 1) > size) throw corrupt(`${count} records cannot fit`);
    if (this.at(0) !== FIRST_RECORD) throw corrupt(`the first record is at ${this.at(0)}`);
    const { view, kind } = this;
    const hasKeys = kind === NODE_KIND.leaf || kind === NODE_KIND.index;
    const tail = kind === NODE_KIND.leaf ? 2 : 4;
    const last = size - 2 * (count + 1);
    let at = FIRST_RECORD;
    for (let i = 0; i < count; i += 1) {
      const next = view.getUint16(size - 2 * (i + 2));
      if (next <= at || (next & 1) !== 0 || next > last)
        throw corrupt(`offset ${next} of record ${i + 1} is out of order or outside`);
      if (hasKeys) {
        const keyLength = view.getUint16(at);
        if (2 + keyLength + tail > next - at || !keyFits(view, at, keyLength))
          throw corrupt(`the key of record ${i} is ${keyLength} bytes, the record ${next - at}`);
      }
      at = next;
    }
  }
}
