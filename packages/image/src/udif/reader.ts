// UDIF images, read: data fork, tables, chunks. Random access with a small cache of decoded chunks.

import {
  assert,
  type BlockDevice,
  CorruptError,
  type DeviceExtent,
  type Finding,
  finding,
  type Lanes,
  type Range,
  type StoreFile,
  UnsupportedError,
} from '@tintype/core';
import type { CheckedDisk } from '../disk-image.js';
import { UDIF_PLIST_LIMIT } from '../limits.js';
import { CheckedDevice } from './checked-device.js';
import { agrees, masterAgrees, type Summing, summing, wrongChecksum } from './checksums.js';
import { DecodedChunks } from './decoded-chunks.js';
import type { KolyFields } from './koly.js';
import { parsePlist } from './plist.js';
import { readResources } from './resource-fork.js';
import { hasContent, isEmpty, type RunList, type RunTable, readTable, sortedRuns, type UdifRun } from './runs.js';
import { DataFork } from './segments.js';
import { CHUNK_TYPE, CODECS } from './structs.js';

const PIECE = 1 << 20;

export class UdifDevice implements BlockDevice {
  readonly writable = false;
  readonly blockSize = 512;
  readonly draft = false;
  readonly size: number;
  readonly #fork: DataFork;
  readonly #koly: KolyFields;
  readonly #tables: readonly RunTable[];
  readonly #runs: RunList;
  readonly #decoded: DecodedChunks;
  /** The run behind the one that was read last. */
  #next = 0;

  /**
   * `fork`: where the image is in several files; they are closed with the device. `lanes`: decode ahead of who reads in
   * order, and stay the caller's. @throws CorruptError
   */
  constructor(
    file: StoreFile,
    koly: KolyFields,
    {
      fork = new DataFork([{ file, koly }]),
      lanes,
    }: { readonly fork?: DataFork; readonly lanes?: Lanes | undefined } = {},
  ) {
    if (koly.segmentCount > fork.segments.length)
      throw new UnsupportedError(`this is one of ${koly.segmentCount} segments, which belong together`);
    this.#fork = fork;
    this.#decoded = new DecodedChunks(fork, lanes ?? null);
    this.#koly = koly;
    this.#tables = readTables(file, koly, fork.length);
    this.#runs = sortedRuns(this.#tables);
    this.size = koly.sectorCount > 0 ? koly.sectorCount * 512 : Math.max(...this.#tables.map(({ end }) => end));
    if (this.size === 0) throw new CorruptError('koly', 'sectorCount', 0, 'the disk has no sectors');
  }

  /** Names of the codings in use, for `info`. */
  get codecs(): readonly string[] {
    const types = new Set<number>();
    for (const { type } of this.#runs) types.add(type);
    return [...types].flatMap((type) => CODECS[type] ?? []);
  }

  read(position: number, target: Uint8Array): void {
    assert(position >= 0 && position + target.length <= this.size, 'range lies inside the disk');
    const end = position + target.length;
    let next = position;
    for (let i = this.#firstAt(position); i < this.#runs.length; i += 1) {
      const run = this.#runs.at(i) as UdifRun;
      if (run.start >= end) break;
      const from = Math.max(position, run.start);
      const to = Math.min(end, run.start + run.size);
      if (i === this.#next) this.#decoded.expect(this.#runs, i);
      target.fill(0, next - position, from - position);
      this.#readRun(run, from - run.start, target.subarray(from - position, to - position));
      this.#next = i + 1;
      next = to;
    }
    target.fill(0, next - position);
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
    const run = this.#runs.at(this.#firstAt(position));
    if (!run || run.start > position) return { length: (run?.start ?? this.size) - position, kind: 'zero' };
    const length = Math.min(run.start + run.size, this.size) - position;
    return { length, kind: isEmpty(run.type) ? 'zero' : 'data' };
  }
  /** Whole chunks count for any part of theirs. */
  stored(position: number, length: number): number {
    let sum = 0;
    for (let i = this.#firstAt(position); i < this.#runs.length; i += 1) {
      const run = this.#runs.at(i) as UdifRun;
      if (run.start >= position + length) break;
      sum += run.length;
    }
    return Math.min(sum, length);
  }
  flush(): void {}
  close(): void {
    this.#decoded.clear();
    this.#fork.close();
  }

  /** To be read in ascending order. `path`: of the image, for what is told of it. */
  checked(path: string): CheckedDisk {
    const requireStored = (check: () => void): void => this.#requireStored(path, check);
    return new CheckedDevice(this, { tables: this.#tables, path, requireStored });
  }

  /** What can be told without reading contents. */
  glance(): readonly Finding[] {
    if (masterAgrees(this.#koly, this.#tables)) return [];
    return [finding('udif-master-checksum', 'koly', 'the checksum of all tables does not agree')];
  }

  /**
   * Decodes all that checksums count, and compares; `check` is called between and may throw. `path`: of the image, for what
   * is told of it. @throws RefusedError `checksum`, CorruptError
   */
  requireChecksums(path: string, check: () => void): void {
    for (const table of this.#tables) {
      const sum = summing(table.checksumType);
      if (sum && !agrees(this.#tableSum(table, sum, check), table.checksum))
        throw wrongChecksum(`of the clear bytes of ${table.name}`, path);
    }
    this.#requireStored(path, check);
  }

  /** Checksums of the stored bytes of each segment, of each table, and of all tables. */
  *verify(): Generator<Finding> {
    for (const { koly, start, length, file } of this.#fork.segments) {
      const sum = storedSumming(koly);
      const found = sum && this.#try('data fork', () => this.#storedSum(sum, { start, length }, () => {}));
      if (found instanceof Uint8Array && !agrees(found, koly.dataChecksum))
        yield finding(
          'udif-data-checksum',
          'data fork',
          `the checksum of the stored bytes in ${file.path} does not agree`,
        );
      else if (found && !(found instanceof Uint8Array)) yield found;
    }
    for (const table of this.#tables) {
      yield* table.findings;
      const sum = summing(table.checksumType);
      const found = this.#try(table.name, () => this.#tableSum(table, sum, () => {}));
      if (!(found instanceof Uint8Array)) yield found;
      else if (sum && !agrees(found, table.checksum))
        yield finding('udif-table-checksum', table.name, 'the checksum of the clear bytes does not agree');
    }
    yield* this.glance();
  }

  /** A chunk that cannot be decoded is a finding. */
  #try(place: string, sum: () => Uint8Array): Uint8Array | Finding {
    try {
      return sum();
    } catch (error) {
      if (!(error instanceof CorruptError)) throw error;
      return finding('udif-chunk', place, error.message);
    }
  }

  /** Nothing else vouches for a table that has no checksum of a kind that is known. */
  #requireStored(path: string, check: () => void): void {
    const isSummed = ({ runs, checksumType }: RunTable): boolean => summing(checksumType) !== null || !hasContent(runs);
    if (this.#tables.every(isSummed)) return;
    for (const { koly, start, length, file } of this.#fork.segments) {
      const sum = storedSumming(koly);
      if (sum && !agrees(this.#storedSum(sum, { start, length }, check), koly.dataChecksum))
        throw wrongChecksum(`of the stored bytes of ${file.path}`, path);
    }
  }

  #storedSum(sum: Summing, { start, length }: Range, check: () => void): Uint8Array {
    const buffer = new Uint8Array(Math.min(PIECE, length));
    for (let at = 0; at < length; at += buffer.length) {
      check();
      const part = buffer.subarray(0, Math.min(buffer.length, length - at));
      this.#fork.read(start + at, part);
      sum.add(part);
    }
    return sum.end();
  }

  /** Without a checksum that is known, the chunks are decoded all the same. */
  #tableSum({ runs }: RunTable, sum: Summing | null, check: () => void): Uint8Array {
    const buffer = new Uint8Array(PIECE);
    for (let i = 0; i < runs.length; i += 1) {
      const run = runs.at(i) as UdifRun;
      this.#decoded.expect(runs, i);
      if (run.type === CHUNK_TYPE.ignore) continue;
      if (run.type === CHUNK_TYPE.zero) {
        sum?.addZeros(run.size);
        continue;
      }
      for (let at = 0; at < run.size; at += buffer.length) {
        check();
        const part = buffer.subarray(0, Math.min(buffer.length, run.size - at));
        this.#readRun(run, at, part);
        sum?.add(part);
      }
    }
    return sum?.end() ?? new Uint8Array(0);
  }

  #readRun(run: UdifRun, offset: number, target: Uint8Array): void {
    if (isEmpty(run.type)) target.fill(0);
    else if (run.type === CHUNK_TYPE.raw) this.#fork.read(run.offset + offset, target);
    else this.#decoded.read(run, offset, target);
  }

  /** Index of the first run that ends behind `position`. */
  #firstAt(position: number): number {
    let low = 0;
    let high = this.#runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const run = this.#runs.at(middle) as UdifRun;
      if (run.start + run.size <= position) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Of the stored bytes of one file. Null if it has no checksum, or one of a kind that is not known. */
function storedSumming({ dataChecksumType, dataChecksumSize }: KolyFields): Summing | null {
  return dataChecksumSize === 0 ? null : summing(dataChecksumType);
}

function readTables(file: StoreFile, koly: KolyFields, forkLength: number): readonly RunTable[] {
  const diskSize = koly.sectorCount > 0 ? koly.sectorCount * 512 : null;
  const tables = resourcesOf(file, koly).map(({ name, data }) => readTable(name, data, { forkLength, diskSize }));
  if (tables.length === 0) throw new CorruptError('property list', 'blkx', koly.xmlOffset, 'there are no tables');
  return tables;
}

/** The `blkx` resources, from the property list, or from the resource fork where there is none. */
function resourcesOf(file: StoreFile, koly: KolyFields): { name: string; data: Uint8Array }[] {
  const { xmlOffset, xmlLength, resourceForkOffset, resourceForkLength } = koly;
  if (xmlLength > 0) return listedResources(partOf(file, xmlOffset, xmlLength, 'xmlLength'), xmlOffset);
  return readResources(partOf(file, resourceForkOffset, resourceForkLength, 'resourceForkLength'), 'blkx');
}

function partOf(file: StoreFile, offset: number, length: number, field: string): Uint8Array {
  if (length > UDIF_PLIST_LIMIT) throw new CorruptError('koly', field, offset, `${length} bytes are too many`);
  const bytes = new Uint8Array(length);
  if (file.read(offset, bytes) !== length) throw new CorruptError('koly', field, offset, 'is cut off');
  return bytes;
}

/** Any order of keys, other types, and a missing CFName are all found in images. */
function listedResources(xml: Uint8Array, place: number): { name: string; data: Uint8Array }[] {
  const root = parsePlist(xml);
  const resources = root instanceof Map ? root.get('resource-fork') : undefined;
  const list = resources instanceof Map ? resources.get('blkx') : undefined;
  if (!Array.isArray(list)) throw new CorruptError('property list', 'blkx', place, 'there are no tables');
  return list.map((entry) => {
    const data = entry instanceof Map ? entry.get('Data') : undefined;
    if (!(entry instanceof Map) || !(data instanceof Uint8Array))
      throw new CorruptError('property list', 'Data', place, 'a table has no data');
    const name = entry.get('CFName') ?? entry.get('Name');
    return { name: typeof name === 'string' ? name : '', data };
  });
}
