// The disk of a bundle, with bands missing or damaged. A band that cannot be opened is stored nowhere.

import { type BlockDevice, type DeviceExtent, TintypeError, UnsupportedError } from '@tintype/core';

export class BandedRuin implements BlockDevice {
  readonly writable = false;
  readonly draft = false;
  readonly #below: BlockDevice;
  readonly #bandSize: number;

  constructor(below: BlockDevice, bandSize: number) {
    this.#below = below;
    this.#bandSize = bandSize;
  }
  get size(): number {
    return this.#below.size;
  }
  get blockSize(): number {
    return this.#below.blockSize;
  }
  /** @throws TintypeError for a band that can be opened, but not be read */
  read(position: number, target: Uint8Array): void {
    for (let at = 0; at < target.length; ) {
      const left = this.#bandSize - ((position + at) % this.#bandSize);
      const part = target.subarray(at, at + left);
      if (this.extent(position + at).kind === 'zero') part.fill(0);
      else this.#below.read(position + at, part);
      at += part.length;
    }
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
    try {
      return this.#below.extent(position);
    } catch (error) {
      if (!(error instanceof TintypeError)) throw error;
      const end = (Math.floor(position / this.#bandSize) + 1) * this.#bandSize;
      return { length: Math.min(end, this.size) - position, kind: 'zero' };
    }
  }
  stored(position: number, length: number): number {
    return this.#below.stored(position, length);
  }
  flush(): void {}
  close(): void {
    this.#below.close();
  }
}
