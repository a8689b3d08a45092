// The gate: asserts what every caller and every device promise to each other. Stands between all layers in tests.

import type { BlockDevice, DeviceExtent } from '../block-device.js';
import { assert } from '../errors.js';
import { PassingDevice } from './passing.js';

/** The gate: asserts every call against what a `BlockDevice` promises, then passes it on. */
export class CheckedDevice extends PassingDevice {
  #open = true;

  constructor(below: BlockDevice) {
    assert(Number.isInteger(Math.log2(below.blockSize)) && below.blockSize >= 512, 'block size is a power of two');
    super(below);
  }
  override read(position: number, target: Uint8Array): void {
    this.#require(position, target.length);
    super.read(position, target);
  }
  override write(position: number, source: Uint8Array): void {
    this.#requireWrite(position, source.length);
    super.write(position, source);
  }
  override zero(position: number, length: number): void {
    this.#requireWrite(position, length);
    super.zero(position, length);
  }
  override discard(position: number, length: number): void {
    this.#requireWrite(position, length);
    super.discard(position, length);
  }
  override extent(position: number): DeviceExtent {
    this.#require(position, 1);
    const extent = super.extent(position);
    assert(extent.length > 0 && position + extent.length <= this.size, 'an extent lies inside the device');
    return extent;
  }
  override stored(position: number, length: number): number {
    this.#require(position, length);
    const stored = super.stored(position, length);
    assert(stored >= 0, 'stored bytes are counted upwards');
    return stored;
  }
  override flush(): void {
    assert(this.#open, 'an open device is flushed');
    super.flush();
  }
  override close(): void {
    assert(this.#open, 'a device is closed once');
    this.#open = false;
    super.close();
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
