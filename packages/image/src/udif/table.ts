// The tables of a new UDIF, its property list and its trailer.

import { crc32, crc32Combined, crc32OfZeros, type StoreFile } from '@tintype/core';
import { wordBytes } from './checksums.js';
import { CHUNK, type UdifFormat } from './fork-writer.js';
import { formatList, type ListedTable } from './list.js';
import type { Region } from './regions.js';
import { CHUNK_TYPE, Chunk, KOLY, Koly, MISH, Mish } from './structs.js';

const SECTOR = 512;
const CRC32 = 2;

/** An entry of a table. `start`: on the disk; `crc`: of the clear bytes, of stored ones. All in bytes. */
export interface Row {
  readonly type: number;
  readonly start: number;
  readonly size: number;
  readonly offset: number;
  readonly length: number;
  readonly crc: number;
}

export interface RegionTable {
  readonly listed: ListedTable;
  /** Of its clear bytes, without those that are ignored. */
  readonly crc: number;
}

export interface Place {
  readonly format: UdifFormat;
  /** Bytes of the data fork before what is stored for the region, and after it. */
  readonly start: number;
  readonly end: number;
}

/** `rows` ascend and leave no gap. */
export function regionTable(region: Region, rows: Iterable<Row>, { format, start, end }: Place): RegionTable {
  const joined: Row[] = [];
  let crc = 0;
  let largest = 0;
  // Entries of nothing say where the next bytes would be.
  let next = start;
  for (const row of rows) {
    if (row.type === CHUNK_TYPE.zero) crc = crc32OfZeros(row.size, crc);
    else if (row.type !== CHUNK_TYPE.ignore) {
      crc = crc32Combined(crc, row.crc, row.size);
      largest = Math.max(largest, row.length);
      next = row.offset + row.length;
    }
    join(joined, row.length > 0 ? row : { ...row, offset: next });
  }
  const data = new Uint8Array(Mish.size + (joined.length + 1) * Chunk.size);
  const view = new DataView(data.buffer);
  const isCoded = joined.some(({ type }) => type >= 0x8000_0000);
  const spare = format === 'udzo' ? 8 : Math.ceil(largest / SECTOR);
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
    checksum: padded(crc),
    chunkCount: joined.length + 1,
  });
  const put = (i: number, { type, start, size, offset, length }: Omit<Row, 'crc'>) =>
    Chunk.write(view, Mish.size + i * Chunk.size, {
      type,
      comment: 0,
      firstSector: (start - region.start) / SECTOR,
      sectorCount: size / SECTOR,
      offset,
      length,
    });
  for (const [i, row] of joined.entries()) put(i, row);
  put(joined.length, { type: CHUNK_TYPE.end, start: region.start + region.size, size: 0, offset: end, length: 0 });
  return { listed: { name: region.name, id: region.id, data }, crc };
}

/** Runs of nothing have any length, and so have raw ones whose bytes follow each other. */
function join(rows: Row[], row: Row): void {
  const last = rows.at(-1);
  const isRaw = row.type === CHUNK_TYPE.raw;
  const isEmpty = row.type === CHUNK_TYPE.zero || row.type === CHUNK_TYPE.ignore;
  const isNext = last?.type === row.type && (isEmpty || (isRaw && last.offset + last.length === row.offset));
  if (last && isNext) rows[rows.length - 1] = { ...last, size: last.size + row.size, length: last.length + row.length };
  else rows.push(row);
}

/** A data fork that is whole: bytes, and their CRC-32. */
export interface WholeFork {
  readonly length: number;
  readonly crc: number;
}

/** Writes what follows the data fork, the trailer when all else is durable: without it the file is no image. */
export function writeEnd(
  file: StoreFile,
  fork: WholeFork,
  tables: readonly RegionTable[],
  { size, random }: { readonly size: number; readonly random: (target: Uint8Array) => void },
): void {
  const master = tables.reduce((sum, { crc }) => crc32(wordBytes(crc), sum), 0);
  const list = formatList(tables.map(({ listed }) => listed));
  file.write(fork.length, list);
  const segmentId = new Uint8Array(16);
  random(segmentId);
  const trailer = new Uint8Array(Koly.size);
  Koly.write(new DataView(trailer.buffer), 0, {
    signature: KOLY,
    version: 4,
    headerSize: Koly.size,
    flags: 1,
    runningDataForkOffset: 0,
    dataForkOffset: 0,
    dataForkLength: fork.length,
    resourceForkOffset: 0,
    resourceForkLength: 0,
    segmentNumber: 1,
    segmentCount: 1,
    segmentId,
    dataChecksumType: CRC32,
    dataChecksumSize: 32,
    dataChecksum: padded(fork.crc),
    xmlOffset: fork.length,
    xmlLength: list.length,
    reserved1: new Uint8Array(120),
    masterChecksumType: CRC32,
    masterChecksumSize: 32,
    masterChecksum: padded(master),
    imageVariant: 1,
    sectorCount: size / SECTOR,
    reserved2: new Uint8Array(12),
  });
  file.sync();
  file.write(fork.length + list.length, trailer);
  file.sync();
}

function padded(crc: number): Uint8Array {
  const bytes = new Uint8Array(128);
  bytes.set(wordBytes(crc));
  return bytes;
}
