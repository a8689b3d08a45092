// A part of a device as a device of its own: a partition.

import type { BlockDevice, DeviceExtent } from '../block-device.js';
import { assert } from '../errors.js';

/** Closing a window leaves the device below open: its owner closes it. */
export class WindowDevice implements BlockDevice {
  readonly #device: BlockDevice;
  readonly #start: number;
  readonly size: number;

  constructor(device: BlockDevice, start: number, size: number) {
    assert(start >= 0 && size >= 0 && start + size <= device.size, 'window lies inside its device');
    this.#device = device;
    this.#start = start;
    this.size = size;
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
  read(position: number, target: Uint8Array): void {
    this.#device.read(this.#shift(position, target.length), target);
  }
  write(position: number, source: Uint8Array): void {
    this.#device.write(this.#shift(position, source.length), source);
  }
  zero(position: number, length: number): void {
    this.#device.zero(this.#shift(position, length), length);
  }
  discard(position: number, length: number): void {
    this.#device.discard(this.#shift(position, length), length);
  }
  extent(position: number): DeviceExtent {
    const { length, kind } = this.#device.extent(this.#shift(position, 1));
    return { length: Math.min(length, this.size - position), kind };
  }
  stored(position: number, length: number): number {
    return this.#device.stored(this.#shift(position, length), length);
  }
  flush(): void {
    this.#device.flush();
  }
  close(): void {}

  #shift(position: number, length: number): number {
    assert(position >= 0 && length >= 0 && position + length <= this.size, 'range lies inside the window');
    return position + this.#start;
  }
}
