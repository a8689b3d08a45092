// The first failed change latches: every later call says so until the image is opened again at its last commit.
// After a failed write or sync nobody knows what the host kept, so going on would be guessing.

import type { BlockDevice, DeviceExtent } from '../block-device.js';

/** After the first change that failed, every later call says so: what the device then holds is unknown. */
export class LatchedDevice implements BlockDevice {
  readonly #device: BlockDevice;
  #failure: unknown = null;

  constructor(device: BlockDevice) {
    this.#device = device;
  }
  get size(): number {
    return this.#device.size;
  }
  get writable(): boolean {
    return this.#device.writable;
  }
  get blockSize(): number {
    return this.#device.blockSize;
  }
  get draft(): boolean {
    return this.#device.draft;
  }
  /** The error that latched, or null. */
  get failure(): unknown {
    return this.#failure;
  }
  read(position: number, target: Uint8Array): void {
    this.#requireSound();
    this.#device.read(position, target);
  }
  write(position: number, source: Uint8Array): void {
    this.change(() => this.#device.write(position, source));
  }
  zero(position: number, length: number): void {
    this.change(() => this.#device.zero(position, length));
  }
  discard(position: number, length: number): void {
    this.change(() => this.#device.discard(position, length));
  }
  extent(position: number): DeviceExtent {
    return this.#device.extent(position);
  }
  stored(position: number, length: number): number {
    return this.#device.stored(position, length);
  }
  flush(): void {
    this.change(() => this.#device.flush());
  }
  close(): void {
    this.#device.close();
  }
  /** Any other change of what lies below, such as of its size: latches as a write does. */
  change(act: () => void): void {
    this.#requireSound();
    try {
      act();
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  #requireSound(): void {
    if (this.#failure) throw this.#failure;
  }
}
