// A disk in memory of any size, of which only what was written takes memory. What it gives back reads as 0xDB, so that
// whoever relies on discarded bytes is found.

import { assert, type BlockDevice, type DeviceExtent } from '@tintype/core';
import { PAGE_SIZE, SparseBytes } from './sparse-bytes.js';

/** Beyond this many bytes a discarded range is zeroed instead: garbage would take the memory that was given back. */
const GARBAGE_LIMIT = 1 << 20;
const garbage = new Uint8Array(GARBAGE_LIMIT).fill(0xdb);

/** A disk in memory that takes room only where it was written. */
export class SparseDevice implements BlockDevice {
  readonly blockSize: number;
  readonly draft = false;
  readonly writable: boolean;
  readonly bytes: SparseBytes;

  /** A new one reads as zeros; one over `bytes` has their length. */
  constructor(content: number | SparseBytes, options: { blockSize?: number; writable?: boolean } = {}) {
    this.blockSize = options.blockSize ?? 512;
    this.writable = options.writable ?? true;
    this.bytes = typeof content === 'number' ? new SparseBytes() : content;
    if (typeof content === 'number') this.bytes.truncate(content);
  }
  get size(): number {
    return this.bytes.length;
  }
  read(position: number, target: Uint8Array): void {
    this.#require(position, target.length);
    this.bytes.read(position, target);
  }
  write(position: number, source: Uint8Array): void {
    this.#requireWrite(position, source.length);
    this.bytes.write(position, source);
  }
  zero(position: number, length: number): void {
    this.#requireWrite(position, length);
    this.bytes.punch(position, length);
  }
  discard(position: number, length: number): void {
    this.#requireWrite(position, length);
    discardAsGarbage(this.bytes, position, length);
  }
  extent(position: number): DeviceExtent {
    this.#require(position, 1);
    return this.bytes.extent(position);
  }
  stored(position: number, length: number): number {
    this.#require(position, length);
    return this.bytes.allocated(position, length);
  }
  flush(): void {}
  close(): void {}
  /** The same content on a disk of its own. */
  clone(): SparseDevice {
    return new SparseDevice(this.bytes.clone(), { blockSize: this.blockSize, writable: this.writable });
  }

  #require(position: number, length: number): void {
    assert(position >= 0 && length >= 0 && position + length <= this.size, 'range lies inside the device');
  }
  #requireWrite(position: number, length: number): void {
    assert(this.writable, 'a read-only device is not written');
    this.#require(position, length);
  }
}

/** What `discard` leaves: garbage where something was stored, or zeros if the range is large. */
export function discardAsGarbage(bytes: SparseBytes, position: number, length: number): Uint8Array | null {
  if (length > GARBAGE_LIMIT || bytes.allocated(position, length) === 0) {
    bytes.punch(position, length);
    return null;
  }
  const remains = garbage.subarray(0, length);
  if (position % PAGE_SIZE === 0) bytes.adopt(position, remains);
  else bytes.write(position, remains);
  return remains;
}
