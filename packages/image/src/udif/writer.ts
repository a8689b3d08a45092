// Writes a disk that is there already as a UDIF, in one pass: stored chunks, property list, trailer last. Before the
// trailer is there the file is no image, so a cut leaves nothing that looks like one. The same disk gives the same bytes,
// but for the segment's id.

import { type BlockDevice, crc32Combined, type Range, type StoreFile } from '@tintype/core';
import type { PartitionMap } from '../disk-image.js';
import { isZero } from '../zeros.js';
import { CHUNK, type Coding, ForkWriter } from './fork-writer.js';
import { type Region, regionsOf } from './regions.js';
import { CHUNK_TYPE } from './structs.js';
import { type Row, regionTable, writeEnd } from './table.js';

export interface UdifOptions extends Coding {
  readonly map: PartitionMap;
  /** What the file systems do not use, ascending: left out, and not in the checksums. */
  readonly free: Iterable<Range>;
  readonly random: (target: Uint8Array) => void;
  /** Told of each stretch of the disk that is done; may throw to stop. */
  readonly progress?: ((bytes: number) => void) | undefined;
}

const SECTOR = 512;

/** Writes `disk` into an empty file, from its beginning on. */
export function writeUdif(disk: BlockDevice, file: StoreFile, options: UdifOptions): void {
  new UdifWriter(disk, file, options).run();
}

/** Clear bytes of `disk` that are neither zeros by its own map nor in one of the ranges `free`, which ascend. */
export function bytesToStore(disk: BlockDevice, free: Iterable<Range>): number {
  let bytes = 0;
  let position = 0;
  const add = (end: number): void => {
    while (position < end) {
      const { length, kind } = disk.extent(position);
      const part = Math.min(length, end - position);
      if (kind === 'data') bytes += part;
      position += part;
    }
  };
  for (const { start, length } of free) {
    add(Math.min(start, disk.size));
    position = Math.max(position, Math.min(start + length, disk.size));
  }
  add(disk.size);
  return bytes;
}

class UdifWriter {
  readonly #disk: BlockDevice;
  readonly #file: StoreFile;
  readonly #fork: ForkWriter;
  /** Of all that is stored so far. */
  #crc = 0;
  readonly #options: UdifOptions;
  readonly #free: Iterator<Range>;
  #nextFree: Range | null;
  readonly #clear = new Uint8Array(CHUNK);

  constructor(disk: BlockDevice, file: StoreFile, options: UdifOptions) {
    this.#disk = disk;
    this.#file = file;
    this.#fork = new ForkWriter(file, options);
    this.#options = options;
    this.#free = options.free[Symbol.iterator]();
    this.#nextFree = this.#free.next().value ?? null;
  }

  run(): void {
    const { size } = this.#disk;
    const tables = regionsOf(this.#options.map, size).map((region) => {
      const start = this.#fork.length;
      const rows = this.#rows(region);
      const { format } = this.#options;
      return regionTable(region, rows, { format, start, end: this.#fork.length });
    });
    const fork = { length: this.#fork.length, crc: this.#crc };
    writeEnd(this.#file, fork, tables, { size, random: this.#options.random });
  }

  #rows(region: Region): readonly Row[] {
    const rows: Row[] = [];
    const end = region.start + region.size;
    for (let at = region.start; at < end; ) {
      const { type, size } = this.#next(region, at, end);
      const row = { type, start: at, size, offset: 0, length: 0, crc: 0 };
      const index = rows.push(row) - 1;
      if (type === CHUNK_TYPE.raw)
        this.#fork.add(this.#clear.subarray(0, size), (stored) => {
          const { type, offset, length, crc } = stored;
          rows[index] = { ...row, type, offset, length, crc };
          this.#crc = crc32Combined(this.#crc, stored.storedCrc, length);
        });
      this.#options.progress?.(size);
      at += size;
    }
    this.#fork.drain();
    return rows;
  }

  /** What begins at `at`: bytes are read into `#clear` if they are to be stored. */
  #next(region: Region, at: number, end: number): { readonly type: number; readonly size: number } {
    if (region.isFree) return { type: CHUNK_TYPE.ignore, size: end - at };
    const free = this.#freeAt(at);
    if (free && free.start <= at)
      return { type: CHUNK_TYPE.ignore, size: Math.min(free.start + free.length, end) - at };
    const limit = Math.min(free?.start ?? end, end);
    const { length, kind } = this.#disk.extent(at);
    const known = Math.floor(length / SECTOR) * SECTOR;
    if (kind === 'zero' && known > 0) return { type: CHUNK_TYPE.zero, size: Math.min(known, limit - at) };
    const size = Math.min(CHUNK, limit - at);
    const clear = this.#clear.subarray(0, size);
    this.#disk.read(at, clear);
    return { type: isZero(clear) ? CHUNK_TYPE.zero : CHUNK_TYPE.raw, size };
  }

  /** The first free range that ends behind `at`, in whole sectors. */
  #freeAt(at: number): Range | null {
    for (;;) {
      const range = this.#nextFree;
      if (!range) return null;
      const start = Math.ceil(range.start / SECTOR) * SECTOR;
      const end = Math.floor((range.start + range.length) / SECTOR) * SECTOR;
      if (end > at && end > start) return { start, length: end - start };
      this.#nextFree = this.#free.next().value ?? null;
    }
  }
}
