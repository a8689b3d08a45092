// The tables of a UDIF: which stretch of the disk lies where in the data fork, and how it is coded. An image of 4 TiB has four
// million entries: they stay where they were read, and are looked up there.

import { assert, CorruptError, type Finding, finding } from '@tintype/core';
import { CHUNK_LIMIT, RUNS_LIMIT } from '../limits.js';
import { CHUNK_TYPE, Chunk, CODECS, MISH, Mish } from './structs.js';

export interface UdifRun {
  readonly type: number;
  /** Bytes on the disk. */
  readonly start: number;
  readonly size: number;
  /** Bytes in the data fork, through all segments. */
  readonly offset: number;
  readonly length: number;
}

/** Runs in some order. */
export interface RunList extends Iterable<UdifRun> {
  readonly length: number;
  /** Undefined behind the end. */
  at(index: number): UdifRun | undefined;
}

export interface RunTable {
  readonly name: string;
  /** 0: there is none. */
  readonly checksumType: number;
  readonly checksum: Uint8Array;
  /** First and one past the last byte on the disk. */
  readonly start: number;
  readonly end: number;
  /** In the table's order, which the checksum follows. */
  readonly runs: RunList;
  readonly findings: readonly Finding[];
}

/** `forkLength`: bytes of the data fork; `diskSize`: of the disk, or null if the trailer does not say. @throws CorruptError */
export function readTable(
  name: string,
  data: Uint8Array,
  { forkLength, diskSize }: { readonly forkLength: number; readonly diskSize: number | null },
): RunTable {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const mish = Mish.read(view, 0);
  if (mish.signature !== MISH) throw Mish.corrupt(view, 0, 'signature', 'is not mish');
  if (data.length !== Mish.size + Chunk.size * mish.chunkCount || mish.chunkCount > RUNS_LIMIT)
    throw Mish.corrupt(view, 0, 'chunkCount', `does not go with a table of ${data.length} bytes`);
  const start = mish.firstSector * 512;
  const end = start + mish.sectorCount * 512;
  if (end > (diskSize ?? Number.MAX_SAFE_INTEGER))
    throw Mish.corrupt(view, 0, 'sectorCount', 'the region lies outside the disk');
  let terminators = 0;
  let length = 0;
  let last = -1;
  for (let i = 0; i < mish.chunkCount; i += 1) {
    const at = Mish.size + i * Chunk.size;
    const chunk = Chunk.read(view, at);
    if (chunk.type === CHUNK_TYPE.end) terminators += 1;
    if (isNone(chunk)) continue;
    if (chunk.firstSector + chunk.sectorCount > mish.sectorCount)
      throw Chunk.corrupt(view, at, 'sectorCount', 'the chunk lies outside its region');
    const run = runOf(chunk, start, mish.dataOffset);
    requireStored(run, forkLength, (field, problem) => Chunk.corrupt(view, at, field, problem));
    length += 1;
    last = i;
  }
  const runs = new TableRuns(view, { start, dataOffset: mish.dataOffset, length, last });
  const findings =
    terminators === 1
      ? []
      : [finding('udif-terminator', name, `the table has ${terminators} ends`, { severity: 'warning' })];
  const checksumType = mish.checksumSize === 0 ? 0 : mish.checksumType;
  return { name, checksumType, checksum: mish.checksum, start, end, runs, findings };
}

/** True for what stands for no part of the disk. */
function isNone({ type, sectorCount }: { readonly type: number; readonly sectorCount: number }): boolean {
  return type === CHUNK_TYPE.end || type === CHUNK_TYPE.comment || sectorCount === 0;
}

class TableRuns implements RunList {
  readonly #view: DataView;
  readonly #start: number;
  readonly #dataOffset: number;
  /** Numbers of the entries; null: those from 0 on. */
  readonly #entries: Uint32Array | null;
  readonly length: number;

  /** `start`: of the region on the disk, in bytes; `length`: of all runs; `last`: number of the last one's entry. */
  constructor(
    view: DataView,
    {
      start,
      dataOffset,
      length,
      last,
    }: { readonly start: number; readonly dataOffset: number; readonly length: number; readonly last: number },
  ) {
    this.#view = view;
    this.#start = start;
    this.#dataOffset = dataOffset;
    this.length = length;
    this.#entries = last === length - 1 ? null : this.#listed(last);
  }

  at(index: number): UdifRun | undefined {
    if (index >= this.length) return undefined;
    return runOf(this.#chunk(this.#entries ? (this.#entries[index] as number) : index), this.#start, this.#dataOffset);
  }
  *[Symbol.iterator](): Generator<UdifRun> {
    for (let i = 0; i < this.length; i += 1) yield this.at(i) as UdifRun;
  }

  #chunk(entry: number) {
    return Chunk.read(this.#view, Mish.size + entry * Chunk.size);
  }
  #listed(last: number): Uint32Array {
    const entries = new Uint32Array(this.length);
    for (let i = 0, next = 0; i <= last; i += 1) {
      if (isNone(this.#chunk(i))) continue;
      entries[next] = i;
      next += 1;
    }
    return entries;
  }
}

function runOf(
  {
    type,
    firstSector,
    sectorCount,
    offset,
    length,
  }: { type: number; firstSector: number; sectorCount: number; offset: number; length: number },
  start: number,
  dataOffset: number,
): UdifRun {
  const isStored = !isEmpty(type);
  return {
    type,
    start: start + firstSector * 512,
    size: sectorCount * 512,
    offset: isStored ? dataOffset + offset : 0,
    length: isStored ? length : 0,
  };
}

/** False if all of them read as zeros. */
export function hasContent(runs: RunList): boolean {
  for (const { type } of runs) if (!isEmpty(type)) return true;
  return false;
}

/** True for what reads as zeros and is not stored. */
export function isEmpty(type: number): boolean {
  return type === CHUNK_TYPE.zero || type === CHUNK_TYPE.ignore;
}

function requireStored(
  { type, size, offset, length }: UdifRun,
  forkLength: number,
  bad: (field: 'type' | 'offset' | 'length' | 'sectorCount', problem: string) => CorruptError,
): void {
  if (isEmpty(type)) return;
  if (type !== CHUNK_TYPE.raw && CODECS[type] === undefined) throw bad('type', 'is not known');
  if (length === 0 || offset + length > forkLength) throw bad('offset', 'the stored bytes lie outside the data fork');
  if (type === CHUNK_TYPE.raw && length !== size) throw bad('length', 'a raw chunk is as long as its sectors');
  if (type !== CHUNK_TYPE.raw && (size > CHUNK_LIMIT || length > 2 * CHUNK_LIMIT))
    throw bad('sectorCount', 'the chunk is too large');
}

/** All runs by their start. Tables may come in any order, and chunks in a table; they may not overlap. */
export function sortedRuns(tables: readonly RunTable[]): RunList {
  const runs = new DiskRuns(tables);
  let end = 0;
  for (const { start, size } of runs) {
    if (end > start) throw new CorruptError('mish', 'firstSector', start, 'two chunks overlap');
    end = start + size;
  }
  return runs;
}

class DiskRuns implements RunList {
  /** With the number of their first run, by their place on the disk. */
  readonly #tables: readonly { readonly first: number; readonly runs: RunList }[];
  /** Numbers of the runs in the order of their places; null: they are in it. */
  readonly #order: Uint32Array | null;
  readonly length: number;

  constructor(tables: readonly RunTable[]) {
    let length = 0;
    this.#tables = [...tables]
      .sort((a, b) => a.start - b.start)
      .map(({ runs }) => {
        const first = length;
        length += runs.length;
        return { first, runs };
      });
    this.length = length;
    this.#order = this.#isAscending() ? null : this.#ordered();
  }

  at(index: number): UdifRun | undefined {
    return index < this.length ? this.#run(this.#order ? (this.#order[index] as number) : index) : undefined;
  }
  *[Symbol.iterator](): Generator<UdifRun> {
    for (let i = 0; i < this.length; i += 1) yield this.at(i) as UdifRun;
  }

  #run(number: number): UdifRun {
    const table = this.#tables.findLast(({ first, runs }) => first <= number && runs.length > 0);
    const run = table?.runs.at(number - table.first);
    assert(run !== undefined, 'the number is that of a run');
    return run;
  }
  #isAscending(): boolean {
    let last = -1;
    for (const { runs } of this.#tables)
      for (const { start } of runs) {
        if (start < last) return false;
        last = start;
      }
    return true;
  }
  #ordered(): Uint32Array {
    const starts = new Float64Array(this.length);
    let next = 0;
    for (const { runs } of this.#tables)
      for (const { start } of runs) {
        starts[next] = start;
        next += 1;
      }
    return Uint32Array.from(starts, (_, i) => i).sort((a, b) => (starts[a] as number) - (starts[b] as number));
  }
}
