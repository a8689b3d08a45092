// UDIF images, read: koly trailer, property list, tables, chunks. Random access with a small cache of decoded chunks.

import { decodeLzfse, decodeZlib } from '@tintype/codec';
import {
  assert,
  type BlockDevice,
  CorruptError,
  crc32,
  type DeviceExtent,
  type Finding,
  finding,
  type RecordOf,
  type StoreFile,
  UnsupportedError,
} from '@tintype/core';
import { CHUNK_LIMIT, UDIF_PLIST_LIMIT } from '../limits.js';
import { CHUNK_TYPE, Chunk, CODECS, KOLY, Koly, MISH, Mish } from './structs.js';

export type KolyFields = RecordOf<typeof Koly.fields>;

interface Run {
  readonly type: number;
  /** Bytes on the disk. */
  readonly start: number;
  readonly size: number;
  /** Bytes in the file. */
  readonly offset: number;
  readonly length: number;
}

interface RunTable {
  readonly name: string;
  readonly checksumType: number;
  readonly checksum: number;
  readonly runs: Run[];
}

const CACHE_CHUNKS = 8;
const CRC32 = 2;
const DECODERS: Readonly<Record<string, (source: Uint8Array, target: Uint8Array) => void>> = {
  zlib: decodeZlib,
  LZFSE: decodeLzfse,
};

/** Null if the file has no trailer. */
export function readKoly(file: StoreFile): KolyFields | null {
  const size = file.size();
  if (size < Koly.size) return null;
  const bytes = new Uint8Array(Koly.size);
  file.read(size - Koly.size, bytes);
  const view = new DataView(bytes.buffer);
  if (view.getUint32(0) !== KOLY) return null;
  const koly = Koly.read(view, 0);
  if (koly.version !== 4 || koly.headerSize !== Koly.size) throw Koly.corrupt(view, 0, 'version', 'is not known');
  for (const [offset, length] of [
    [koly.dataForkOffset, koly.dataForkLength],
    [koly.xmlOffset, koly.xmlLength],
  ] as const)
    if (offset + length > size - Koly.size) throw Koly.corrupt(view, 0, 'xmlOffset', 'a part lies outside the file');
  if (koly.sectorCount > 2 ** 44) throw Koly.corrupt(view, 0, 'sectorCount', 'no disk has this size');
  return koly;
}

export class UdifDevice implements BlockDevice {
  readonly writable = false;
  readonly blockSize = 512;
  readonly draft = false;
  readonly size: number;
  readonly #file: StoreFile;
  readonly #koly: KolyFields;
  readonly #tables: readonly RunTable[];
  /** All runs, by their start; they do not overlap. */
  readonly #runs: readonly Run[];
  readonly #cache = new Map<Run, Uint8Array>();

  constructor(file: StoreFile, koly: KolyFields) {
    if (koly.segmentCount > 1) throw new UnsupportedError('segmented images cannot be read yet');
    this.#file = file;
    this.#koly = koly;
    this.size = koly.sectorCount * 512;
    this.#tables = readTables(file, koly);
    this.#runs = this.#tables.flatMap((table) => table.runs).sort((a, b) => a.start - b.start);
    for (const [i, run] of this.#runs.entries()) {
      const before = this.#runs[i - 1];
      if (before && before.start + before.size > run.start)
        throw new CorruptError('mish', 'firstSector', run.start, 'two chunks overlap');
    }
  }

  /** Names of the codings in use, for `info`. */
  get codecs(): readonly string[] {
    return [...new Set(this.#runs.flatMap((run) => CODECS[run.type] ?? []))];
  }

  read(position: number, target: Uint8Array): void {
    assert(position >= 0 && position + target.length <= this.size, 'range lies inside the disk');
    target.fill(0);
    const end = position + target.length;
    for (let i = this.#firstAt(position); i < this.#runs.length; i += 1) {
      const run = this.#runs[i] as Run;
      if (run.start >= end) return;
      const from = Math.max(position, run.start);
      const to = Math.min(end, run.start + run.size);
      if (to > from) this.#readRun(run, from - run.start, target.subarray(from - position, to - position));
    }
  }
  write(): void {
    throw new UnsupportedError('a read-only image is not written');
  }
  zero(): void {
    throw new UnsupportedError('a read-only image is not written');
  }
  discard(): void {
    throw new UnsupportedError('a read-only image is not written');
  }
  extent(position: number): DeviceExtent {
    const run = this.#runs[this.#firstAt(position)];
    if (!run || run.start > position) return { length: (run?.start ?? this.size) - position, kind: 'zero' };
    const isZero = run.type === CHUNK_TYPE.zero || run.type === CHUNK_TYPE.ignore;
    return { length: Math.min(run.start + run.size, this.size) - position, kind: isZero ? 'zero' : 'data' };
  }
  stored(position: number, length: number): number {
    let sum = 0;
    for (const run of this.#runs)
      if (run.start < position + length && run.start + run.size > position) sum += run.length;
    return sum;
  }
  flush(): void {}
  close(): void {
    this.#file.close();
  }

  /** Checksums of the data fork, of each table, and of all tables. */
  *verify(): Generator<Finding> {
    const { dataChecksumType, dataChecksum, dataForkOffset, dataForkLength, masterChecksumType, masterChecksum } =
      this.#koly;
    if (dataChecksumType === CRC32 && this.#fileCrc(dataForkOffset, dataForkLength) !== word(dataChecksum))
      yield finding('udif-data-checksum', 'data fork', 'the checksum of the stored bytes does not agree');
    let master = 0;
    for (const table of this.#tables) {
      const sum = new Uint8Array(4);
      new DataView(sum.buffer).setUint32(0, table.checksum);
      master = crc32(sum, master);
      if (table.checksumType !== CRC32) continue;
      let found: Finding | null = null;
      try {
        if (this.#tableCrc(table) !== table.checksum)
          found = finding('udif-table-checksum', table.name, 'the checksum of the clear bytes does not agree');
      } catch (error) {
        if (!(error instanceof CorruptError)) throw error;
        found = finding('udif-chunk', table.name, error.message);
      }
      if (found) yield found;
    }
    if (masterChecksumType === CRC32 && master !== word(masterChecksum))
      yield finding('udif-master-checksum', 'koly', 'the checksum of all tables does not agree');
  }

  #fileCrc(offset: number, length: number): number {
    const buffer = new Uint8Array(1 << 20);
    let crc = 0;
    for (let at = 0; at < length; at += buffer.length) {
      const part = buffer.subarray(0, Math.min(buffer.length, length - at));
      this.#file.read(offset + at, part);
      crc = crc32(part, crc);
    }
    return crc;
  }

  #tableCrc(table: RunTable): number {
    const buffer = new Uint8Array(1 << 20);
    let crc = 0;
    for (const run of table.runs) {
      if (run.type === CHUNK_TYPE.ignore) continue;
      for (let at = 0; at < run.size; at += buffer.length) {
        const part = buffer.subarray(0, Math.min(buffer.length, run.size - at));
        part.fill(0);
        this.#readRun(run, at, part);
        crc = crc32(part, crc);
      }
    }
    return crc;
  }

  #readRun(run: Run, offset: number, target: Uint8Array): void {
    if (run.type === CHUNK_TYPE.zero || run.type === CHUNK_TYPE.ignore) return;
    if (run.type === CHUNK_TYPE.raw) {
      if (this.#file.read(run.offset + offset, target) !== target.length)
        throw new CorruptError('chunk', 'length', run.offset, 'the stored bytes are cut off');
      return;
    }
    target.set(this.#decoded(run).subarray(offset, offset + target.length));
  }

  #decoded(run: Run): Uint8Array {
    const known = this.#cache.get(run);
    if (known) return known;
    const codec = CODECS[run.type] ?? '';
    const decode = DECODERS[codec];
    if (!decode) throw new UnsupportedError(`images compressed with ${codec} cannot be read yet`, { codec });
    const stored = new Uint8Array(run.length);
    if (this.#file.read(run.offset, stored) !== run.length)
      throw new CorruptError('chunk', 'length', run.offset, 'the stored bytes are cut off');
    const clear = new Uint8Array(run.size);
    decode(stored, clear);
    const oldest = this.#cache.size >= CACHE_CHUNKS ? this.#cache.keys().next().value : undefined;
    if (oldest) this.#cache.delete(oldest);
    this.#cache.set(run, clear);
    return clear;
  }

  /** Index of the first run that ends behind `position`. */
  #firstAt(position: number): number {
    let low = 0;
    let high = this.#runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const run = this.#runs[middle] as Run;
      if (run.start + run.size <= position) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function word(checksum: Uint8Array): number {
  return new DataView(checksum.buffer, checksum.byteOffset).getUint32(0);
}

function readTables(file: StoreFile, koly: KolyFields): RunTable[] {
  if (koly.xmlLength === 0)
    throw new UnsupportedError('images with a resource fork only (before Mac OS X 10.2) cannot be read yet');
  if (koly.xmlLength > UDIF_PLIST_LIMIT)
    throw new CorruptError('koly', 'xmlLength', koly.xmlOffset, `${koly.xmlLength} bytes are too many`);
  const bytes = new Uint8Array(koly.xmlLength);
  file.read(koly.xmlOffset, bytes);
  const tables: RunTable[] = [];
  for (const { name, data } of blkxResources(Buffer.from(bytes).toString('utf8')))
    tables.push(readTable(name, data, koly));
  if (tables.length === 0) throw new CorruptError('property list', 'blkx', koly.xmlOffset, 'there are no tables');
  return tables;
}

/** The `blkx` resources: name and decoded bytes of each. A fast scan of the few keys that matter. */
function* blkxResources(xml: string): Generator<{ name: string; data: Uint8Array }> {
  const start = xml.indexOf('<key>blkx</key>');
  if (start < 0) return;
  const end = xml.indexOf('</array>', start);
  const list = xml.slice(start, end < 0 ? undefined : end);
  for (const dictionary of list.split('<dict>').slice(1)) {
    const name = /<key>(?:CFName|Name)<\/key>\s*<string>([^<]*)<\/string>/.exec(dictionary)?.[1] ?? '';
    const base64 = /<key>Data<\/key>\s*<data>([^<]*)<\/data>/.exec(dictionary)?.[1]?.replace(/\s+/g, '');
    if (base64 === undefined || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64))
      throw new CorruptError('property list', 'Data', start, 'a table is no base64');
    const data = Buffer.from(base64, 'base64');
    yield { name: name.replaceAll('&amp;', '&').replaceAll('&lt;', '<').replaceAll('&gt;', '>'), data };
  }
}

function readTable(name: string, data: Uint8Array, koly: KolyFields): RunTable {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const mish = Mish.read(view, 0);
  if (mish.signature !== MISH) throw Mish.corrupt(view, 0, 'signature', 'is not mish');
  if (data.length !== Mish.size + Chunk.size * mish.chunkCount)
    throw Mish.corrupt(view, 0, 'chunkCount', `does not go with a table of ${data.length} bytes`);
  if (mish.firstSector + mish.sectorCount > koly.sectorCount)
    throw Mish.corrupt(view, 0, 'sectorCount', 'the region lies outside the disk');
  const runs: Run[] = [];
  for (let i = 0; i < mish.chunkCount; i += 1) {
    const at = Mish.size + i * Chunk.size;
    const { type, firstSector, sectorCount, offset, length } = Chunk.read(view, at);
    if (type === CHUNK_TYPE.end || type === CHUNK_TYPE.comment || sectorCount === 0) continue;
    if (firstSector + sectorCount > mish.sectorCount)
      throw Chunk.corrupt(view, at, 'sectorCount', 'the chunk lies outside its region');
    const size = sectorCount * 512;
    const isEmpty = type === CHUNK_TYPE.zero || type === CHUNK_TYPE.ignore;
    if (!isEmpty && type !== CHUNK_TYPE.raw && CODECS[type] === undefined)
      throw Chunk.corrupt(view, at, 'type', 'is not known');
    const place = koly.dataForkOffset + mish.dataOffset + offset;
    if (!isEmpty && (mish.dataOffset + offset + length > koly.dataForkLength || length === 0))
      throw Chunk.corrupt(view, at, 'offset', 'the stored bytes lie outside the data fork');
    if (!isEmpty && type !== CHUNK_TYPE.raw && (size > CHUNK_LIMIT || length > 2 * CHUNK_LIMIT))
      throw Chunk.corrupt(view, at, 'sectorCount', 'the chunk is too large');
    if (type === CHUNK_TYPE.raw && length !== size)
      throw Chunk.corrupt(view, at, 'length', 'a raw chunk is as long as its sectors');
    runs.push({
      type,
      start: (mish.firstSector + firstSector) * 512,
      size,
      offset: place,
      length: isEmpty ? 0 : length,
    });
  }
  return { name, checksumType: mish.checksumType, checksum: word(mish.checksum), runs };
}
