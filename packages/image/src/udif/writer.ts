// Writes a UDIF in one pass: stored chunks, property list, trailer last. Before the trailer is there the file is no image,
// so a cut leaves nothing that looks like one. The same disk gives the same bytes, but for the segment's id.

import { adc, bzip2, type Codec, lzfse, xz, zlib } from '@tintype/codec';
import { type BlockDevice, crc32, type Range, type StoreFile } from '@tintype/core';
import type { ImageFormat, PartitionMap } from '../disk-image.js';
import { isZero } from '../zeros.js';
import { wordBytes } from './checksums.js';
import { formatList, type ListedTable } from './list.js';
import { type Region, regionsOf } from './regions.js';
import { CHUNK_TYPE, Chunk, KOLY, Koly, MISH, Mish } from './structs.js';

export type UdifFormat = Extract<ImageFormat, 'udro' | 'udco' | 'udzo' | 'udbz' | 'ulfo' | 'ulmo'>;

export interface UdifOptions {
  readonly format: UdifFormat;
  /** 1 to 9; default: the codec's own. */
  readonly level?: number | undefined;
  readonly map: PartitionMap;
  /** What the file systems do not use, ascending: left out, and not in the checksums. */
  readonly free: Iterable<Range>;
  readonly random: (target: Uint8Array) => void;
  /** Told of each stretch of the disk that is done; may throw to stop. */
  readonly progress?: ((bytes: number) => void) | undefined;
}

const SECTOR = 512;
/** Clear bytes of a chunk, at the most: what every reader takes. */
const CHUNK = 1 << 20;
const CODINGS: Readonly<Record<UdifFormat, { readonly type: number; readonly codec: Codec } | null>> = {
  udro: null,
  udco: { type: 0x8000_0004, codec: adc },
  udzo: { type: 0x8000_0005, codec: zlib },
  udbz: { type: 0x8000_0006, codec: bzip2 },
  ulfo: { type: 0x8000_0007, codec: lzfse },
  ulmo: { type: 0x8000_0008, codec: xz },
};
const CRC32 = 2;

/** Writes `disk` into an empty file, from its beginning on. */
export function writeUdif(disk: BlockDevice, file: StoreFile, options: UdifOptions): void {
  new UdifWriter(disk, file, options).run();
}

interface Row {
  readonly type: number;
  readonly start: number;
  readonly size: number;
  readonly offset: number;
  readonly length: number;
}

class UdifWriter {
  readonly #disk: BlockDevice;
  readonly #file: StoreFile;
  readonly #options: UdifOptions;
  readonly #free: Iterator<Range>;
  #nextFree: Range | null;
  readonly #clear = new Uint8Array(CHUNK);
  #length = 0;
  #dataCrc = 0;

  constructor(disk: BlockDevice, file: StoreFile, options: UdifOptions) {
    this.#disk = disk;
    this.#file = file;
    this.#options = options;
    this.#free = options.free[Symbol.iterator]();
    this.#nextFree = this.#free.next().value ?? null;
  }

  run(): void {
    const { size } = this.#disk;
    const tables: ListedTable[] = [];
    let master = 0;
    for (const region of regionsOf(this.#options.map, size)) {
      const { data, crc } = this.#region(region);
      tables.push({ name: region.name, id: region.id, data });
      master = crc32(wordBytes(crc), master);
    }
    const list = formatList(tables);
    this.#file.write(this.#length, list);
    this.#file.write(this.#length + list.length, this.#trailer(list.length, master, size / SECTOR));
  }

  #region(region: Region): { readonly data: Uint8Array; readonly crc: number } {
    const rows: Row[] = [];
    let crc = 0;
    let largest = 0;
    const end = region.start + region.size;
    for (let at = region.start; at < end; ) {
      const { type, size } = this.#next(region, at, end);
      if (type === CHUNK_TYPE.ignore || type === CHUNK_TYPE.zero) {
        if (type === CHUNK_TYPE.zero) crc = zeroCrc(size, crc);
        addEmpty(rows, { type, start: at, size, offset: this.#length, length: 0 });
      } else {
        const clear = this.#clear.subarray(0, size);
        crc = crc32(clear, crc);
        const row = this.#store(clear, at);
        largest = Math.max(largest, row.length);
        addRaw(rows, row);
      }
      this.#options.progress?.(size);
      at += size;
    }
    return { data: this.#table(region, rows, { crc, largest }), crc };
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

  /** What does not shrink is kept as it is. */
  #store(clear: Uint8Array, start: number): Row {
    const coding = CODINGS[this.#options.format];
    const coded = coding?.codec.encode(clear, this.#options.level);
    const isCoded = coding && coded && coded.length < clear.length;
    const stored = isCoded ? coded : clear;
    const offset = this.#length;
    this.#file.write(offset, stored);
    this.#dataCrc = crc32(stored, this.#dataCrc);
    this.#length += stored.length;
    const type = isCoded ? coding.type : CHUNK_TYPE.raw;
    return { type, start, size: clear.length, offset, length: stored.length };
  }

  #table(region: Region, rows: readonly Row[], sums: { readonly crc: number; readonly largest: number }): Uint8Array {
    const data = new Uint8Array(Mish.size + (rows.length + 1) * Chunk.size);
    const view = new DataView(data.buffer);
    const isCoded = rows.some(({ type }) => type >= 0x8000_0000);
    const spare = this.#options.format === 'udzo' ? 8 : Math.ceil(sums.largest / SECTOR);
    Mish.write(view, 0, {
      signature: MISH,
      version: 1,
      firstSector: region.start / SECTOR,
      sectorCount: region.size / SECTOR,
      dataOffset: 0,
      buffersNeeded: isCoded ? CHUNK / SECTOR + spare : 0,
      blockDescriptors: region.descriptor,
      reserved: new Uint8Array(24),
      checksumType: CRC32,
      checksumSize: 32,
      checksum: padded(sums.crc),
      chunkCount: rows.length + 1,
    });
    const put = (i: number, { type, start, size, offset, length }: Row) =>
      Chunk.write(view, Mish.size + i * Chunk.size, {
        type,
        comment: 0,
        firstSector: (start - region.start) / SECTOR,
        sectorCount: size / SECTOR,
        offset,
        length,
      });
    for (const [i, row] of rows.entries()) put(i, row);
    const end = region.start + region.size;
    put(rows.length, { type: CHUNK_TYPE.end, start: end, size: 0, offset: this.#length, length: 0 });
    return data;
  }

  #trailer(xmlLength: number, master: number, sectorCount: number): Uint8Array {
    const segmentId = new Uint8Array(16);
    this.#options.random(segmentId);
    const bytes = new Uint8Array(Koly.size);
    Koly.write(new DataView(bytes.buffer), 0, {
      signature: KOLY,
      version: 4,
      headerSize: Koly.size,
      flags: 1,
      runningDataForkOffset: 0,
      dataForkOffset: 0,
      dataForkLength: this.#length,
      resourceForkOffset: 0,
      resourceForkLength: 0,
      segmentNumber: 1,
      segmentCount: 1,
      segmentId,
      dataChecksumType: CRC32,
      dataChecksumSize: 32,
      dataChecksum: padded(this.#dataCrc),
      xmlOffset: this.#length,
      xmlLength,
      reserved1: new Uint8Array(120),
      masterChecksumType: CRC32,
      masterChecksumSize: 32,
      masterChecksum: padded(master),
      imageVariant: 1,
      sectorCount,
      reserved2: new Uint8Array(12),
    });
    return bytes;
  }
}

function padded(crc: number): Uint8Array {
  const bytes = new Uint8Array(128);
  bytes.set(wordBytes(crc));
  return bytes;
}

/** Runs of nothing have any length. */
function addEmpty(rows: Row[], row: Row): void {
  const last = rows.at(-1);
  if (last?.type === row.type) rows[rows.length - 1] = { ...last, size: last.size + row.size };
  else rows.push(row);
}

/** So have raw ones, whose bytes follow each other. */
function addRaw(rows: Row[], row: Row): void {
  const last = rows.at(-1);
  const isNext =
    last?.type === CHUNK_TYPE.raw && row.type === CHUNK_TYPE.raw && last.offset + last.length === row.offset;
  if (last && isNext) rows[rows.length - 1] = { ...last, size: last.size + row.size, length: last.length + row.length };
  else rows.push(row);
}

const ZEROS = new Uint8Array(CHUNK);

function zeroCrc(size: number, before: number): number {
  let crc = before;
  for (let at = 0; at < size; at += CHUNK) crc = crc32(ZEROS.subarray(0, Math.min(CHUNK, size - at)), crc);
  return crc;
}
