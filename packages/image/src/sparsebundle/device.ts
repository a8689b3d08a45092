// The disk of a sparse bundle: bytes cut into bands. Zero blocks are never stored where the band has nothing yet (B11).

import { assert, type BlockDevice, type DeviceExtent } from '@tintype/core';
import { isZero } from '../zeros.js';
import type { Bands } from './bands.js';
import type { BundleInfo } from './info-plist.js';

/** Pieces in which zeros at the end of a band are found. */
const PIECE = 4096;
/** A range over more bands than this is worth a list of them. */
const MANY_BANDS = 64;

export class BundleDevice implements BlockDevice {
  readonly blockSize: number;
  readonly draft = false;
  #size: number;
  readonly writable: boolean;
  readonly #bands: Bands;
  readonly #bandSize: number;

  constructor(bands: Bands, info: BundleInfo, writable: boolean, blockSize = 512) {
    this.#bands = bands;
    this.#bandSize = info.bandSize;
    this.#size = info.size;
    this.writable = writable;
    this.blockSize = blockSize;
  }

  get size(): number {
    return this.#size;
  }
  read(position: number, target: Uint8Array): void {
    const band = Math.floor(position / this.#bandSize);
    const offset = position - band * this.#bandSize;
    // Nearly all reads.
    if (offset + target.length <= this.#bandSize) {
      this.#requireInside(position, target.length);
      this.#bands.read(band, offset, target);
      return;
    }
    this.#each(position, target.length, (band, offset, at, length) =>
      this.#bands.read(band, offset, target.subarray(at, at + length)),
    );
  }
  write(position: number, source: Uint8Array): void {
    this.#each(position, source.length, (band, offset, at, length) =>
      this.#writeBand(band, offset, source.subarray(at, at + length)),
    );
  }
  zero(position: number, length: number): void {
    this.#each(position, length, (band, offset, _at, part) => this.#bands.zero(band, offset, part));
  }
  discard(position: number, length: number): void {
    this.#listFor(length);
    this.#each(position, length, (band, offset, _at, part) => this.#bands.discard(band, offset, part));
  }
  extent(position: number): DeviceExtent {
    const band = Math.floor(position / this.#bandSize);
    const start = band * this.#bandSize;
    const stored = start + this.#bands.length(band);
    const end = Math.min(start + this.#bandSize, this.size);
    if (position < stored) return { length: Math.min(stored, this.size) - position, kind: 'data' };
    return { length: end - position, kind: 'zero' };
  }
  stored(position: number, length: number): number {
    let sum = 0;
    this.#listFor(length);
    this.#each(position, length, (band, offset, _at, part) => {
      sum += this.#bands.allocated(band, offset, part);
    });
    return sum;
  }
  flush(): void {
    this.#bands.flush();
  }
  close(): void {
    this.#bands.close();
  }

  /** Of a bundle whose property list says so. */
  setSize(size: number): void {
    this.#size = size;
  }

  #listFor(length: number): void {
    if (length > MANY_BANDS * this.#bandSize) this.#bands.list();
  }

  /** What lies behind the band's end so far is zero already: trailing zeros are not written there. */
  #writeBand(band: number, offset: number, source: Uint8Array): void {
    const have = this.#bands.length(band);
    let end = source.length;
    while (end > 0) {
      const start = Math.max(0, end - PIECE);
      if (offset + start < have || !isZero(source.subarray(start, end))) break;
      end = start;
    }
    if (end > 0) this.#bands.write(band, offset, end === source.length ? source : source.subarray(0, end));
  }

  #each(
    position: number,
    length: number,
    visit: (band: number, offset: number, at: number, length: number) => void,
  ): void {
    this.#requireInside(position, length);
    for (let at = 0; at < length; ) {
      const band = Math.floor((position + at) / this.#bandSize);
      const offset = position + at - band * this.#bandSize;
      const part = Math.min(length - at, this.#bandSize - offset);
      visit(band, offset, at, part);
      at += part;
    }
  }

  #requireInside(position: number, length: number): void {
    assert(position >= 0 && length >= 0 && position + length <= this.size, 'range lies inside the disk');
  }
}
