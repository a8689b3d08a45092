// A device that cannot be written through this view.

import type { BlockDevice, DeviceExtent } from '../block-device.js';
import { AssertionFailure } from '../errors.js';

/** Passes reads on and refuses what would change the device below. */
export class ReadOnlyDevice implements BlockDevice {
  readonly writable = false;
  readonly #device: BlockDevice;

  constructor(device: BlockDevice) {
    this.#device = device;
  }
  get size(): number {
    return this.#device.size;
  }
  get blockSize(): number {
    return this.#device.blockSize;
  }
  get draft(): boolean {
    return this.#device.draft;
  }
  read(position: number, target: Uint8Array): void {
    this.#device.read(position, target);
  }
  write(): void {
    throw new AssertionFailure('a read-only device is not written');
  }
  zero(): void {
    throw new AssertionFailure('a read-only device is not written');
  }
  discard(): void {
    throw new AssertionFailure('a read-only device is not written');
  }
  extent(position: number): DeviceExtent {
    return this.#device.extent(position);
  }
  stored(position: number, length: number): number {
    return this.#device.stored(position, length);
  }
  flush(): void {}
  close(): void {
    this.#device.close();
  }
}
