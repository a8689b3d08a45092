// Sparse images (`.sparseimage`): bands in the order of their first write, behind tables that name them.
//
// Invariants: a band's bytes are durable before the table names it (flush: data, barrier, table, barrier); what a slot
// holds that was never named is never seen.

import {
  assert,
  type BlockDevice,
  type DeviceExtent,
  type Finding,
  finding,
  RangeSet,
  type StoreFile,
} from '@tintype/core';
import { blockSizeOf, discardRange } from '../encryption/file.js';
import { isZero } from '../zeros.js';
import { compactSlots } from './compact.js';
import { Slots } from './slots.js';

/** Bytes of zeros that are written at once where no hole can be made. */
const ZEROS = 1 << 20;

export class SparseImageDevice implements BlockDevice {
  readonly blockSize: number;
  readonly draft = false;
  readonly writable: boolean;
  /** What a cut left and opening for writing clears, a sentence each. */
  readonly mendedAtOpen: readonly string[];
  readonly #file: StoreFile;
  readonly #slots: Slots;
  /** Bands written but not yet named by a table. */
  readonly #unnamed: { readonly band: number; readonly slot: number }[] = [];
  /** Zeroed or discarded since the image was opened: what compaction need not keep. */
  readonly #empty = new RangeSet();
  #dirty = false;

  /** Opening for writing clears what a cut left. @throws CorruptError, StoreError */
  constructor(file: StoreFile, writable: boolean) {
    this.#file = file;
    this.writable = writable;
    this.blockSize = blockSizeOf(file);
    this.#slots = new Slots(file);
    this.mendedAtOpen = this.#slots.doubles.map((slot) => `cleared slot ${slot}: a lower one holds its band`);
    if (writable) this.#clearDoubles();
  }

  get size(): number {
    return this.#slots.size;
  }
  get bandSize(): number {
    return this.#slots.bandSize;
  }
  get bandsPresent(): number {
    return this.#slots.present;
  }

  read(position: number, target: Uint8Array): void {
    this.#each(position, target.length, (band, offset, at, length) => {
      const place = this.#slots.place(band);
      const part = target.subarray(at, at + length);
      const got = place === undefined ? 0 : this.#file.read(place + offset, part);
      part.fill(0, got);
    });
  }
  write(position: number, source: Uint8Array): void {
    this.#each(position, source.length, (band, offset, at, length) => {
      const part = source.subarray(at, at + length);
      const place = this.#slots.place(band);
      if (place === undefined && isZero(part)) return;
      this.#file.write((place ?? this.#append(band)) + offset, part);
      this.#empty.remove(position + at, length);
      this.#dirty = true;
    });
  }
  zero(position: number, length: number): void {
    const zeros = new Uint8Array(65_536);
    this.#each(position, length, (band, offset, _at, part) => {
      const place = this.#slots.place(band);
      if (place === undefined) return;
      this.#dirty = true;
      this.#empty.add(band * this.bandSize + offset, part);
      if (this.#file.punch(place + offset, part)) return;
      for (let at = 0; at < part; at += zeros.length)
        this.#file.write(place + offset + at, zeros.subarray(0, Math.min(zeros.length, part - at)));
    });
  }
  discard(position: number, length: number): void {
    this.#each(position, length, (band, offset, _at, part) => {
      const place = this.#slots.place(band);
      if (place === undefined) return;
      this.#empty.add(band * this.bandSize + offset, part);
      discardRange(this.#file, place + offset, part);
    });
  }
  extent(position: number): DeviceExtent {
    const band = Math.floor(position / this.bandSize);
    const length = Math.min((band + 1) * this.bandSize, this.size) - position;
    return { length, kind: this.#slots.place(band) === undefined ? 'zero' : 'data' };
  }
  stored(position: number, length: number): number {
    let sum = 0;
    this.#each(position, length, (band, offset, _at, part) => {
      const place = this.#slots.place(band);
      if (place !== undefined) sum += this.#file.allocated(place + offset, part);
    });
    return sum;
  }
  flush(): void {
    if (!this.#dirty) return;
    if (this.#unnamed.length > 0) {
      this.#file.truncate(this.#slots.end);
      this.#file.sync();
      for (const { band, slot } of this.#unnamed) this.#slots.name(slot, band);
      this.#unnamed.length = 0;
    }
    this.#file.sync();
    this.#dirty = false;
  }
  close(): void {
    this.#file.close();
  }

  /** Durable when it returns. A cut of a shrinking may leave the old size, with zeros behind the new end. */
  resize(size: number): void {
    this.flush();
    this.#empty.clear();
    const tail = Math.min(size, this.size);
    const band = Math.floor(tail / this.bandSize);
    if (size > this.size) this.#zeroTail(band, tail - band * this.bandSize);
    else this.#slots.drop((each) => each >= Math.ceil(size / this.bandSize));
    this.#file.sync();
    this.#slots.writeSize(size);
    this.#file.sync();
  }

  /**
   * Packs the file: bands that were zeroed or discarded as a whole go, the last ones move down into the free slots, the
   * file is cut. `check` is called before each step that writes. Answers by how many bytes the file became shorter.
   */
  compact(check: () => void): number {
    this.flush();
    const isEmpty = (band: number): boolean => {
      const start = band * this.bandSize;
      return this.#empty.covers(start, Math.min(this.bandSize, this.size - start));
    };
    const freed = compactSlots({ file: this.#file, slots: this.#slots, isEmpty, check });
    this.#empty.clear();
    return freed;
  }

  *verify(): Generator<Finding> {
    for (const slot of this.#slots.doubles)
      yield finding('sparse-image-double', `slot ${slot}`, 'names a band that a lower slot holds', {
        severity: 'warning',
        repairable: true,
      });
  }

  /** What lies in the last band behind the disk's end is not defined before the disk grows over it. */
  #zeroTail(band: number, offset: number): void {
    const place = this.#slots.place(band);
    const length = this.bandSize - offset;
    if (place === undefined) return;
    const stored = Math.max(0, Math.min(length, this.#file.size() - place - offset));
    if (this.#file.punch(place + offset, stored)) return;
    const zeros = new Uint8Array(Math.min(stored, ZEROS));
    for (let at = 0; at < stored; at += ZEROS)
      this.#file.write(place + offset + at, zeros.subarray(0, Math.min(ZEROS, stored - at)));
  }

  /** A band that a cut of a compaction left named twice is named once again. */
  #clearDoubles(): void {
    const { doubles } = this.#slots;
    if (doubles.length === 0) return;
    for (const slot of doubles) this.#slots.clear(slot);
    this.#file.sync();
    doubles.length = 0;
  }

  /** A place for a band at the end of the file; a table names it with the next flush. */
  #append(band: number): number {
    let slot = this.#slots.append(band);
    if (slot === null) {
      this.flush();
      this.#slots.addNode();
      slot = this.#slots.append(band);
    }
    assert(slot !== null, 'a new index node has room');
    this.#unnamed.push({ band, slot });
    const place = this.#slots.placeOf(slot);
    // A cut may have left bytes of a band that was never named: they must not shine through this one.
    if (this.#file.size() > place) this.#file.truncate(place);
    return place;
  }

  #each(
    position: number,
    length: number,
    visit: (band: number, offset: number, at: number, length: number) => void,
  ): void {
    assert(position >= 0 && length >= 0 && position + length <= this.size, 'range lies inside the disk');
    for (let at = 0; at < length; ) {
      const band = Math.floor((position + at) / this.bandSize);
      const offset = position + at - band * this.bandSize;
      const part = Math.min(length - at, this.bandSize - offset);
      visit(band, offset, at, part);
      at += part;
    }
  }
}
