// The disk of a bundle, with bands missing or damaged. A band that cannot be opened is stored nowhere.

import { type BlockDevice, type DeviceExtent, ReadOnlyDevice, TintypeError } from '@tintype/core';

export class BandedRuin extends ReadOnlyDevice {
  readonly #bandSize: number;

  constructor(below: BlockDevice, bandSize: number) {
    super(below);
    this.#bandSize = bandSize;
  }
  /** @throws TintypeError for a band that can be opened, but not be read */
  override read(position: number, target: Uint8Array): void {
    for (let at = 0; at < target.length; ) {
      const left = this.#bandSize - ((position + at) % this.#bandSize);
      const part = target.subarray(at, at + left);
      if (this.extent(position + at).kind === 'zero') part.fill(0);
      else super.read(position + at, part);
      at += part.length;
    }
  }
  override extent(position: number): DeviceExtent {
    try {
      return super.extent(position);
    } catch (error) {
      if (!(error instanceof TintypeError)) throw error;
      const end = (Math.floor(position / this.#bandSize) + 1) * this.#bandSize;
      return { length: Math.min(end, this.size) - position, kind: 'zero' };
    }
  }
}
