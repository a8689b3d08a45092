// Writes kept in memory over a device that is only read: how a dirty volume is read without changing it.

import type { BlockDevice, DeviceExtent } from '../block-device.js';
import { assert } from '../errors.js';

const SECTOR = 512;

/** Meant for small amounts (a replayed journal): every sector written stays in memory until the device is dropped. */
export class OverlayDevice implements BlockDevice {
  readonly writable = true;
  readonly draft = false;
  readonly #below: BlockDevice;
  readonly #sectors = new Map<number, Uint8Array>();

  constructor(below: BlockDevice) {
    this.#below = below;
  }
  get size(): number {
    return this.#below.size;
  }
  get blockSize(): number {
    return this.#below.blockSize;
  }
  read(position: number, target: Uint8Array): void {
    this.#below.read(position, target);
    if (this.#sectors.size === 0) return;
    this.#each(position, target.length, (sector, offset, at, length) => {
      const bytes = this.#sectors.get(sector);
      if (bytes) target.set(bytes.subarray(offset, offset + length), at);
    });
  }
  write(position: number, source: Uint8Array): void {
    this.#each(position, source.length, (sector, offset, at, length) => {
      this.#own(sector).set(source.subarray(at, at + length), offset);
    });
  }
  zero(position: number, length: number): void {
    this.#each(position, length, (sector, offset, _at, part) => {
      this.#own(sector).fill(0, offset, offset + part);
    });
  }
  discard(_position: number, _length: number): void {}
  extent(position: number): DeviceExtent {
    return { length: this.size - position, kind: 'data' };
  }
  stored(position: number, length: number): number {
    return this.#below.stored(position, length);
  }
  flush(): void {}
  close(): void {
    this.#below.close();
  }

  #own(sector: number): Uint8Array {
    let bytes = this.#sectors.get(sector);
    if (!bytes) {
      bytes = new Uint8Array(SECTOR);
      const start = sector * SECTOR;
      const length = Math.min(SECTOR, this.size - start);
      this.#below.read(start, bytes.subarray(0, length));
      this.#sectors.set(sector, bytes);
    }
    return bytes;
  }
  #each(
    position: number,
    length: number,
    visit: (sector: number, offset: number, at: number, length: number) => void,
  ): void {
    assert(position >= 0 && length >= 0 && position + length <= this.size, 'range lies inside the device');
    for (let at = 0; at < length; ) {
      const offset = (position + at) % SECTOR;
      const part = Math.min(SECTOR - offset, length - at);
      visit(Math.floor((position + at) / SECTOR), offset, at, part);
      at += part;
    }
  }
}
