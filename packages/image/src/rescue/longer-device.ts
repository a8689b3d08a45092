// A disk whose end is gone: what lies behind the end of what is there reads as zeros, and is stored nowhere.

import { type BlockDevice, type DeviceExtent, ReadOnlyDevice } from '@tintype/core';

export class LongerDevice extends ReadOnlyDevice {
  readonly #size: number;

  constructor(below: BlockDevice, size: number) {
    super(below);
    this.#size = Math.max(size, below.size);
  }
  override get size(): number {
    return this.#size;
  }
  override read(position: number, target: Uint8Array): void {
    const length = this.#inside(position, target.length);
    if (length > 0) super.read(position, target.subarray(0, length));
    target.fill(0, length);
  }
  override extent(position: number): DeviceExtent {
    if (position < super.size) return super.extent(position);
    return { length: this.size - position, kind: 'zero' };
  }
  override stored(position: number, length: number): number {
    const inside = this.#inside(position, length);
    return inside > 0 ? super.stored(position, inside) : 0;
  }

  #inside(position: number, length: number): number {
    return Math.max(0, Math.min(length, super.size - position));
  }
}
