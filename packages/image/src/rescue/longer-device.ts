// A disk whose end is gone: what lies behind the end of what is there reads as zeros, and is stored nowhere.

import { type BlockDevice, type DeviceExtent, UnsupportedError } from '@tintype/core';

export class LongerDevice implements BlockDevice {
  readonly size: number;
  readonly writable = false;
  readonly draft = false;
  readonly #below: BlockDevice;

  constructor(below: BlockDevice, size: number) {
    this.#below = below;
    this.size = Math.max(size, below.size);
  }
  get blockSize(): number {
    return this.#below.blockSize;
  }
  read(position: number, target: Uint8Array): void {
    const length = this.#inside(position, target.length);
    if (length > 0) this.#below.read(position, target.subarray(0, length));
    target.fill(0, length);
  }
  write(): void {
    throw new UnsupportedError('a damaged image is only read');
  }
  zero(): void {
    this.write();
  }
  discard(): void {
    this.write();
  }
  extent(position: number): DeviceExtent {
    if (position < this.#below.size) return this.#below.extent(position);
    return { length: this.size - position, kind: 'zero' };
  }
  stored(position: number, length: number): number {
    const inside = this.#inside(position, length);
    return inside > 0 ? this.#below.stored(position, inside) : 0;
  }
  flush(): void {}
  close(): void {
    this.#below.close();
  }

  #inside(position: number, length: number): number {
    return Math.max(0, Math.min(length, this.#below.size - position));
  }
}
