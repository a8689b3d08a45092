// Writes a disk that is there already as a UDIF, in one pass: stored chunks, property list, trailer last. Before the
// trailer is there the file is no image, so a cut leaves nothing that looks like one. The same disk gives the same bytes,
// but for the segment's id.

import { type BlockDevice, crc32Combined, type Range, type StoreFile } from '@tintype/core';
import type { PartitionMap } from '../disk-image.js';
import { isZero } from '../zeros.js';
import { DiskPlan } from './disk-plan.js';
import { writeEnd } from './end.js';
import { CHUNK, type Coding, ForkWriter } from './fork-writer.js';
import { listLength } from './list.js';
import { type Region, regionsOf } from './regions.js';
import { RowList } from './row-list.js';
import { type SegmentPlace, SegmentWriter } from './segment-writer.js';
import { CHUNK_TYPE } from './structs.js';
import { regionTable, tableSize } from './table.js';
import { type Piece, ZeroPieces } from './zero-pieces.js';

export interface UdifOptions extends Coding {
  readonly map: PartitionMap;
  /** What the file systems do not use, ascending: left out, and not in the checksums. */
  readonly free: readonly Range[];
  readonly random: (target: Uint8Array) => void;
  /** Where the image is to be in several files. */
  readonly segments?: SegmentPlace | undefined;
  /** Told of each stretch of the disk that is done; may throw to stop. */
  readonly progress?: ((bytes: number) => void) | undefined;
}

/** Writes `disk` into an empty file, from its beginning on. @throws UnsupportedError if segments are too small for it */
export function writeUdif(disk: BlockDevice, file: StoreFile, options: UdifOptions): void {
  new UdifWriter(disk, file, options).run();
}

class UdifWriter {
  readonly #disk: BlockDevice;
  readonly #file: StoreFile;
  readonly #fork: ForkWriter;
  /** Of all that is stored so far. */
  #crc = 0;
  readonly #options: UdifOptions;
  readonly #plan: DiskPlan;
  readonly #regions: readonly Region[];
  readonly #segments: SegmentWriter | null;
  readonly #clear = new Uint8Array(CHUNK);
  /** Null where chunks are left whole: they are compressed, or the first segment's room for the tables is counted before. */
  readonly #zeros: ZeroPieces | null;

  constructor(disk: BlockDevice, file: StoreFile, options: UdifOptions) {
    this.#disk = disk;
    this.#file = file;
    this.#options = options;
    this.#plan = new DiskPlan(disk, options.free);
    this.#regions = regionsOf(options.map, disk.size);
    const { segments, free } = options;
    this.#segments = segments ? new SegmentWriter(file, segments, longestList(disk, this.#regions, free)) : null;
    this.#fork = new ForkWriter(this.#segments ?? file, options);
    this.#zeros = options.format === 'udro' && !segments ? new ZeroPieces() : null;
  }

  run(): void {
    const { size } = this.#disk;
    const { format, random } = this.#options;
    const segments = this.#segments;
    try {
      const tables = this.#regions.map((region) => {
        const start = this.#fork.length;
        const rows = this.#rows(region);
        return regionTable(region, () => rows, { format, start, end: this.#fork.length });
      });
      const parts = segments?.parts ?? [{ length: this.#fork.length, crc: this.#crc }];
      writeEnd(tables, { parts, open: (number) => segments?.reopen(number) ?? this.#file, size, random });
    } finally {
      segments?.close();
    }
  }

  #rows(region: Region): RowList {
    const rows = new RowList(region.start);
    const end = region.start + region.size;
    for (let at = region.start; at < end; ) {
      const { type, size } = this.#plan.next(region, at);
      if (type === CHUNK_TYPE.raw) this.#read(at, size, rows);
      else rows.add(type, size);
      this.#options.progress?.(size);
      at += size;
    }
    this.#fork.drain();
    return rows;
  }

  /** What is there is stored, but for zeros. */
  #read(at: number, size: number, rows: RowList): void {
    const clear = this.#clear.subarray(0, size);
    this.#disk.read(at, clear);
    for (const { isZero, offset, length } of this.#pieces(clear)) {
      const index = rows.add(isZero ? CHUNK_TYPE.zero : CHUNK_TYPE.raw, length);
      if (isZero) continue;
      this.#fork.add(clear.subarray(offset, offset + length), (stored) => {
        rows.store(index, stored);
        this.#crc = crc32Combined(this.#crc, stored.storedCrc, stored.length);
      });
    }
  }

  #pieces(clear: Uint8Array): readonly Piece[] {
    return this.#zeros?.of(clear) ?? [{ isZero: isZero(clear), offset: 0, length: clear.length }];
  }
}

/** Bytes of the property list of an image of `disk`, at the most. */
function longestList(disk: BlockDevice, regions: readonly Region[], free: readonly Range[]): number {
  const plan = new DiskPlan(disk, free);
  return listLength(regions.map((region) => ({ ...region, size: tableSize(plan.count(region)) })));
}
