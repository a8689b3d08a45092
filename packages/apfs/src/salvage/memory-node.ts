// A node in memory, of any size: what is put together from records of several nodes.

import type { ReadableNode, RecordPlace } from '../btree/cursor.js';

export class MemoryNode implements ReadableNode {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly level: number;
  readonly count: number;
  readonly #keys: Uint32Array;
  readonly #ends: Uint32Array;

  /** Of records in ascending order; their bytes are copied. */
  constructor(level: number, records: readonly RecordPlace[]) {
    this.level = level;
    this.count = records.length;
    this.#keys = new Uint32Array(records.length + 1);
    this.#ends = new Uint32Array(records.length);
    let size = 0;
    for (const { keyLength, valueLength } of records) size += keyLength + valueLength;
    this.bytes = new Uint8Array(size);
    this.view = new DataView(this.bytes.buffer);
    let at = 0;
    for (const [i, { view, keyAt, keyLength, valueAt, valueLength }] of records.entries()) {
      const source = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
      this.#keys[i] = at;
      this.bytes.set(source.subarray(keyAt, keyAt + keyLength), at);
      this.#ends[i] = at + keyLength;
      if (valueLength > 0) this.bytes.set(source.subarray(valueAt, valueAt + valueLength), at + keyLength);
      at += keyLength + valueLength;
    }
    this.#keys[records.length] = at;
  }

  keyAt(index: number): number {
    return this.#keys[index] as number;
  }
  keyLength(index: number): number {
    return (this.#ends[index] as number) - (this.#keys[index] as number);
  }
  valueAt(index: number): number {
    return this.#ends[index] as number;
  }
  valueLength(index: number): number {
    return (this.#keys[index + 1] as number) - (this.#ends[index] as number);
  }
}
