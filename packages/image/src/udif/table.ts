// The tables of a new UDIF.

import { crc32Combined, crc32OfZeros } from '@tintype/core';
import { wordBytes } from './checksums.js';
import { CHUNK, type UdifFormat } from './fork-writer.js';
import type { ListedTable } from './list.js';
import type { Region } from './regions.js';
import { CHUNK_TYPE, Chunk, MISH, Mish } from './structs.js';

const SECTOR = 512;
/** Rows that are made at once. */
const PIECE_ROWS = 1024;
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

/** `rows`, asked for several times, ascend and leave no gap. Of very many rows nothing is kept: they are made again. */
export function regionTable(region: Region, rows: () => Iterable<Row>, { format, start, end }: Place): RegionTable {
  const all = () => joined(rows(), start);
  let count = 0;
  let crc = 0;
  let largest = 0;
  let isCoded = false;
  for (const { type, size, crc: own, largest: stored } of all()) {
    count += 1;
    if (type === CHUNK_TYPE.zero) crc = crc32OfZeros(size, crc);
    else if (type !== CHUNK_TYPE.ignore) crc = crc32Combined(crc, own, size);
    largest = Math.max(largest, stored);
    isCoded ||= type >= 0x8000_0000;
  }
  const spare = format === 'udzo' ? 8 : Math.ceil(largest / SECTOR);
  const header = new Uint8Array(Mish.size);
  Mish.write(new DataView(header.buffer), 0, {
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
    chunkCount: count + 1,
  });
  const last = { type: CHUNK_TYPE.end, start: region.start + region.size, size: 0, offset: end, length: 0 };
  const pieces = () => tablePieces(header, { region, rows: all(), last });
  return { listed: { name: region.name, id: region.id, pieces }, crc };
}

type Entry = Omit<Row, 'crc'>;

function* tablePieces(
  header: Uint8Array,
  { region, rows, last }: { readonly region: Region; readonly rows: Iterable<Entry>; readonly last: Entry },
): Generator<Uint8Array> {
  yield header;
  const bytes = new Uint8Array(PIECE_ROWS * Chunk.size);
  const view = new DataView(bytes.buffer);
  let count = 0;
  const put = ({ type, start, size, offset, length }: Entry): void => {
    const firstSector = (start - region.start) / SECTOR;
    const fields = { type, comment: 0, firstSector, sectorCount: size / SECTOR, offset, length };
    Chunk.write(view, count * Chunk.size, fields);
    count += 1;
  };
  for (const row of rows) {
    put(row);
    if (count < PIECE_ROWS) continue;
    yield bytes;
    count = 0;
  }
  put(last);
  yield bytes.subarray(0, count * Chunk.size);
}

/** A row of one or more that came. `largest`: stored bytes of the largest of them. */
interface Joined extends Row {
  readonly largest: number;
}

/** Runs of nothing have any length, and so have raw ones whose bytes follow each other. `start`: of the data fork's part. */
function* joined(rows: Iterable<Row>, start: number): Generator<Joined> {
  let last: Joined | null = null;
  // Entries of nothing say where the next bytes would be.
  let next = start;
  for (const row of rows) {
    const isEmpty = row.type === CHUNK_TYPE.zero || row.type === CHUNK_TYPE.ignore;
    const offset = row.length > 0 ? row.offset : next;
    if (!isEmpty) next = row.offset + row.length;
    const isRaw = row.type === CHUNK_TYPE.raw;
    const isNext = last?.type === row.type && (isEmpty || (isRaw && last.offset + last.length === row.offset));
    if (!last || !isNext) {
      if (last) yield last;
      last = { ...row, offset, largest: row.length };
      continue;
    }
    last = {
      ...last,
      size: last.size + row.size,
      length: last.length + row.length,
      crc: isRaw ? crc32Combined(last.crc, row.crc, row.size) : 0,
      largest: Math.max(last.largest, row.length),
    };
  }
  if (last) yield last;
}

/** A CRC-32 as it stands in the room of any checksum. */
export function padded(crc: number): Uint8Array {
  const bytes = new Uint8Array(128);
  bytes.set(wordBytes(crc));
  return bytes;
}
