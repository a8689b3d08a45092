// The disk of an ASIF image. Reading refuses what is not known of the format; writing is experimental.
//
// Invariants: no chunk is made `partial` here; one that is becomes `full` before it is written, by zeros in its sectors
// that do not count, which changes nothing for whoever still reads the bitmap.

import {
  assert,
  type BlockDevice,
  CorruptError,
  type DeviceExtent,
  type Finding,
  finding,
  type StoreFile,
} from '@tintype/core';
import { isZero } from '../zeros.js';
import { FreeChunks } from './chunks.js';
import { compactChunks } from './compact.js';
import { type AsifFormat, readAsifHeader } from './format.js';
import { AsifHeader } from './structs.js';
import { AsifTables, describeUse, type Entry } from './tables.js';

export class AsifDevice implements BlockDevice {
  readonly draft = false;
  readonly writable: boolean;
  readonly #file: StoreFile;
  #format: AsifFormat;
  readonly #tables: AsifTables;
  #chunks: FreeChunks | null;
  #dirty = false;

  /**
   * `directory`, only to read: the one to go by, whatever their numbers are.
   * @throws CorruptError, UnsupportedError, StoreError
   */
  constructor(file: StoreFile, writable: boolean, directory?: 0 | 1) {
    assert(!writable || directory === undefined, 'only the live directory is written to');
    this.#file = file;
    this.writable = writable;
    this.#format = readAsifHeader(file);
    this.#tables = new AsifTables(file, this.#format, directory);
    this.#chunks = writable ? new FreeChunks(file, this.#format.chunkSize, this.#tables.used()) : null;
  }

  get size(): number {
    return this.#format.size;
  }
  /** The largest that the disk can become. */
  get maxSize(): number {
    return this.#format.maxSize;
  }
  get blockSize(): number {
    return this.#format.blockSize;
  }
  get chunkSize(): number {
    return this.#format.chunkSize;
  }
  read(position: number, target: Uint8Array): void {
    this.#each(position, target.length, (chunk, offset, at, length) => {
      const part = target.subarray(at, at + length);
      const entry = this.#tables.entry(chunk);
      if (entry.state === 'none' || entry.state === 'unmapped') part.fill(0);
      else if (entry.state === 'full') this.#readStored(entry.chunk, offset, part);
      else this.#readPartial(chunk, entry, offset, part);
    });
  }
  write(position: number, source: Uint8Array): void {
    this.#each(position, source.length, (chunk, offset, at, length) => {
      const part = source.subarray(at, at + length);
      const entry = this.#tables.entry(chunk);
      const isStored = entry.state === 'full' || entry.state === 'partial';
      if (!isStored && isZero(part)) return;
      this.#file.write(this.#stored(chunk, entry) * this.#format.chunkSize + offset, part);
      this.#dirty = true;
    });
  }
  zero(position: number, length: number): void {
    this.#each(position, length, (chunk, offset, _at, part) => {
      const entry = this.#tables.entry(chunk);
      if (entry.state === 'none' || entry.state === 'unmapped') return;
      this.#dirty = true;
      if (this.#isWhole(chunk, offset, part)) this.#giveUp(chunk, entry, 'none');
      else this.#zeroStored(this.#stored(chunk, entry), offset, part);
    });
  }
  discard(position: number, length: number): void {
    this.#each(position, length, (chunk, offset, _at, part) => {
      const entry = this.#tables.entry(chunk);
      if (entry.state === 'none' || entry.state === 'unmapped') return;
      this.#dirty = true;
      if (this.#isWhole(chunk, offset, part)) this.#giveUp(chunk, entry, 'unmapped');
      else if (entry.state === 'full') this.#file.punch(entry.chunk * this.#format.chunkSize + offset, part);
    });
  }
  extent(position: number): DeviceExtent {
    const { chunkSize } = this.#format;
    const first = Math.floor(position / chunkSize);
    const last = Math.ceil(this.size / chunkSize);
    const untabled = this.#tables.untabled(first);
    let next = first + Math.max(1, untabled);
    const isZeros = untabled > 0 || isEmpty(this.#tables.entry(first));
    // One group at the most: a longer stretch is answered in parts.
    const end = Math.min(last, first + this.#format.groupChunks);
    while (next < end && isEmpty(this.#tables.entry(next)) === isZeros) next += 1;
    return { length: Math.min(next * chunkSize, this.size) - position, kind: isZeros ? 'zero' : 'data' };
  }
  stored(position: number, length: number): number {
    let sum = 0;
    this.#each(position, length, (chunk, offset, _at, part) => {
      const entry = this.#tables.entry(chunk);
      if (entry.chunk > 0) sum += this.#file.allocated(entry.chunk * this.#format.chunkSize + offset, part);
    });
    return sum;
  }
  flush(): void {
    if (!this.#dirty) return;
    const chunks = this.#chunks;
    assert(chunks !== null, 'only a writable image is flushed');
    if (this.#tables.isChanged) {
      this.#tables.commit(
        () => chunks.allocate(),
        (chunk) => chunks.release(chunk),
      );
      chunks.committed();
    } else this.#file.sync();
    this.#dirty = false;
  }
  close(): void {
    this.#file.close();
  }

  /** Durable when it returns. */
  resize(size: number): void {
    const { blockSize, maxSize } = this.#format;
    assert(size <= maxSize && size % blockSize === 0, 'the disk can have this size');
    const before = this.#format.size;
    if (size > before) this.#clearBehind(before, size);
    this.flush();
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(size / blockSize));
    this.#file.write(AsifHeader.at.sectorCount, bytes);
    this.#file.sync();
    this.#format = { ...this.#format, size };
    if (size < before) this.#clearBehind(size, before);
    this.flush();
  }

  /** The last chunks move into free ones, and the file is cut. Answers by how many bytes it became shorter. */
  compact(check: () => void): number {
    this.flush();
    const before = this.#file.size();
    this.#chunks = compactChunks({ file: this.#file, tables: this.#tables, chunkSize: this.#format.chunkSize, check });
    return Math.max(0, before - this.#file.size());
  }

  /** What lies behind the disk's end must not come to light when the disk grows over it. */
  #clearBehind(end: number, past: number): void {
    const { chunkSize } = this.#format;
    const offset = end % chunkSize;
    const last = Math.floor(end / chunkSize);
    const entry = offset === 0 ? null : this.#tables.entry(last);
    if (entry && !isEmpty(entry)) {
      this.#dirty = true;
      this.#zeroStored(this.#stored(last, entry), offset, chunkSize - offset);
    }
    for (let chunk = Math.ceil(end / chunkSize); chunk < Math.ceil(past / chunkSize); chunk += 1) {
      const untabled = this.#tables.untabled(chunk);
      const stored = untabled > 0 ? null : this.#tables.entry(chunk);
      if (untabled > 0) chunk += untabled - 1;
      else if (stored && !isEmpty(stored)) {
        this.#dirty = true;
        this.#giveUp(chunk, stored, 'none');
      }
    }
  }

  /** Chunks that two places use, and entries that are not known. */
  *verify(): Generator<Finding> {
    const used = new Map<number, string>([[0, 'the header']]);
    try {
      for (const use of this.#tables.used()) {
        const { chunk } = use;
        const by = describeUse(use);
        const other = used.get(chunk);
        if (other) yield finding('asif-chunk-twice', `chunk ${chunk}`, `is used by ${other} and by ${by}`);
        used.set(chunk, by);
      }
    } catch (error) {
      if (!(error instanceof CorruptError)) throw error;
      yield finding('asif-entry', `${error.structure} at byte ${error.place}`, error.message);
    }
  }

  #readStored(place: number, offset: number, target: Uint8Array): void {
    const position = place * this.#format.chunkSize + offset;
    if (this.#file.read(position, target) !== target.length)
      throw new CorruptError('ASIF chunk', 'length', position, 'the file is cut off');
  }

  /** Only the sectors that the bitmap names count; the others are zeros, whatever lies in the chunk. */
  #readPartial(chunk: number, entry: Entry, offset: number, target: Uint8Array): void {
    this.#readStored(entry.chunk, offset, target);
    this.#eachEmptySector(chunk, offset, target.length, (start, end) => target.fill(0, start - offset, end - offset));
  }

  /** Visits the parts of a partial chunk's range that do not count, as offsets within the chunk. */
  #eachEmptySector(chunk: number, offset: number, length: number, visit: (start: number, end: number) => void): void {
    const { blockSize, chunkSize, groupChunks } = this.#format;
    const bitmap = this.#tables.bitmap(chunk);
    if (bitmap === 0)
      throw new CorruptError('ASIF table', 'bitmap', chunk * chunkSize, 'a partly written chunk has no bitmap');
    const sectors = chunkSize / blockSize;
    const before = (chunk % groupChunks) * sectors;
    const first = Math.floor(offset / blockSize);
    const past = Math.ceil((offset + length) / blockSize);
    const from = Math.floor((before + first) / 4);
    const bits = new Uint8Array(Math.ceil((before + past) / 4) - from);
    this.#readStored(bitmap, from, bits);
    for (let sector = first; sector < past; sector += 1) {
      const at = before + sector;
      const pair = ((bits[Math.floor(at / 4) - from] as number) >> (2 * (at % 4))) & 3;
      if (pair > 1)
        throw new CorruptError(
          'ASIF bitmap',
          'sector',
          bitmap * chunkSize + Math.floor(at / 4),
          `${pair} is not known`,
        );
      if (pair === 0) visit(Math.max(offset, sector * blockSize), Math.min(offset + length, (sector + 1) * blockSize));
    }
  }

  /** The physical chunk to write to: a new one of zeros, or a partial one made full. */
  #stored(chunk: number, entry: Entry): number {
    if (entry.state === 'full') return entry.chunk;
    const place = entry.state === 'partial' ? this.#filled(chunk, entry) : this.#allocate();
    this.#tables.set(chunk, { state: 'full', chunk: place });
    return place;
  }
  #filled(chunk: number, entry: Entry): number {
    const base = entry.chunk * this.#format.chunkSize;
    const zeros = new Uint8Array(this.#format.blockSize);
    this.#eachEmptySector(chunk, 0, this.#format.chunkSize, (start) => this.#file.write(base + start, zeros));
    return entry.chunk;
  }
  #allocate(): number {
    assert(this.#chunks !== null, 'only a writable image gets chunks');
    return this.#chunks.allocate();
  }
  #giveUp(chunk: number, entry: Entry, state: 'none' | 'unmapped'): void {
    this.#tables.set(chunk, { state, chunk: 0 });
    this.#chunks?.release(entry.chunk);
  }
  #zeroStored(place: number, offset: number, length: number): void {
    const position = place * this.#format.chunkSize + offset;
    if (!this.#file.punch(position, length)) this.#file.write(position, new Uint8Array(length));
  }

  /** True if the range is all of the chunk that lies on the disk. */
  #isWhole(chunk: number, offset: number, length: number): boolean {
    const { chunkSize } = this.#format;
    return offset === 0 && length >= Math.min(chunkSize, this.size - chunk * chunkSize);
  }

  #each(
    position: number,
    length: number,
    visit: (chunk: number, offset: number, at: number, length: number) => void,
  ): void {
    assert(position >= 0 && length >= 0 && position + length <= this.size, 'range lies inside the disk');
    const { chunkSize } = this.#format;
    for (let at = 0; at < length; ) {
      const chunk = Math.floor((position + at) / chunkSize);
      const offset = position + at - chunk * chunkSize;
      const part = Math.min(length - at, chunkSize - offset);
      visit(chunk, offset, at, part);
      at += part;
    }
  }
}

const isEmpty = ({ state }: Entry): boolean => state === 'none' || state === 'unmapped';
