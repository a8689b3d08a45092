// The gate: asserts what every caller and every device promise to each other. Stands between all layers in tests.

import type { BlockDevice, DeviceExtent } from '../block-device.js';
import { assert } from '../errors.js';

/** The gate: asserts every call against what a `BlockDevice` promises, then passes it on. */
export class CheckedDevice implements BlockDevice {
  readonly #device: BlockDevice;
  #open = true;

  constructor(device: BlockDevice) {
    assert(Number.isInteger(Math.log2(device.blockSize)) && device.blockSize >= 512, 'block size is a power of two');
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
  read(position: number, target: Uint8Array): void {
    this.#require(position, target.length);
    this.#device.read(position, target);
  }
  write(position: number, source: Uint8Array): void {
    this.#requireWrite(position, source.length);
    this.#device.write(position, source);
  }
  zero(position: number, length: number): void {
    this.#requireWrite(position, length);
    this.#device.zero(position, length);
  }
  discard(position: number, length: number): void {
    this.#requireWrite(position, length);
    this.#device.discard(position, length);
  }
  extent(position: number): DeviceExtent {
    this.#require(position, 1);
    const extent = this.#device.extent(position);
    assert(extent.length > 0 && position + extent.length <= this.size, 'an extent lies inside the device');
    return extent;
  }
  stored(position: number, length: number): number {
    this.#require(position, length);
    const stored = this.#device.stored(position, length);
    assert(stored >= 0, 'stored bytes are counted upwards');
    return stored;
  }
  flush(): void {
    assert(this.#open, 'an open device is flushed');
    this.#device.flush();
  }
  close(): void {
    assert(this.#open, 'a device is closed once');
    this.#open = false;
    this.#device.close();
  }

  #require(position: number, length: number): void {
    assert(this.#open, 'a closed device is not used');
    assert(Number.isSafeInteger(position) && Number.isSafeInteger(length), 'positions and lengths are whole numbers');
    assert(position >= 0 && length >= 0 && position + length <= this.size, 'range lies inside the device');
  }
  #requireWrite(position: number, length: number): void {
    this.#require(position, length);
    assert(this.writable, 'a read-only device is not written');
  }
}
