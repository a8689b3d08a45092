// A disk in memory, for tests and small images.

import type { BlockDevice, DeviceExtent } from '../block-device.js';
import { assert } from '../errors.js';

/** A disk in memory, over bytes that stay the caller's; sectors of 512 bytes. */
export class MemoryDevice implements BlockDevice {
  readonly writable = true;
  readonly blockSize = 512;
  readonly draft = false;

  constructor(readonly bytes: Uint8Array) {}

  get size(): number {
    return this.bytes.length;
  }
  read(position: number, target: Uint8Array): void {
    this.#require(position, target.length);
    target.set(this.bytes.subarray(position, position + target.length));
  }
  write(position: number, source: Uint8Array): void {
    this.#require(position, source.length);
    this.bytes.set(source, position);
  }
  zero(position: number, length: number): void {
    this.#require(position, length);
    this.bytes.fill(0, position, position + length);
  }
  discard(position: number, length: number): void {
    this.#require(position, length);
  }
  extent(position: number): DeviceExtent {
    return { length: this.size - position, kind: 'data' };
  }
  stored(_position: number, length: number): number {
    return length;
  }
  flush(): void {}
  close(): void {}

  #require(position: number, length: number): void {
    assert(position >= 0 && length >= 0 && position + length <= this.size, 'range lies inside the device');
  }
}
