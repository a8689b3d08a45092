// The tables of a new UDIF.

import { crc32Combined, crc32OfZeros } from '@tintype/core';
import { wordBytes } from './checksums.js';
import { CHUNK, type UdifFormat } from './fork-writer.js';
import type { ListedTable } from './list.js';
import type { Region } from './regions.js';
import { CHUNK_TYPE, Chunk, MISH, Mish } from './structs.js';

const SECTOR = 512;
/** The kind of checksum that new images have. */
export const CRC32 = 2;

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

/** Bytes of a table of so many rows. */
export function tableSize(rows: number): number {
  return Mish.size + (rows + 1) * Chunk.size;
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
  const data = new Uint8Array(tableSize(joined.length));
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

/** A CRC-32 as it stands in the room of any checksum. */
export function padded(crc: number): Uint8Array {
  const bytes = new Uint8Array(128);
  bytes.set(wordBytes(crc));
  return bytes;
}
