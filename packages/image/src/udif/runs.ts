// The tables of a UDIF: which stretch of the disk lies where in the data fork, and how it is coded.

import { CorruptError, type Finding, finding } from '@tintype/core';
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

export interface RunTable {
  readonly name: string;
  /** 0: there is none. */
  readonly checksumType: number;
  readonly checksum: Uint8Array;
  /** First and one past the last byte on the disk. */
  readonly start: number;
  readonly end: number;
  /** In the table's order, which the checksum follows. */
  readonly runs: readonly UdifRun[];
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
  const runs: UdifRun[] = [];
  let terminators = 0;
  for (let i = 0; i < mish.chunkCount; i += 1) {
    const at = Mish.size + i * Chunk.size;
    const chunk = Chunk.read(view, at);
    if (chunk.type === CHUNK_TYPE.end) terminators += 1;
    if (chunk.type === CHUNK_TYPE.end || chunk.type === CHUNK_TYPE.comment || chunk.sectorCount === 0) continue;
    if (chunk.firstSector + chunk.sectorCount > mish.sectorCount)
      throw Chunk.corrupt(view, at, 'sectorCount', 'the chunk lies outside its region');
    const run = runOf(chunk, start, mish.dataOffset);
    requireStored(run, forkLength, (field, problem) => Chunk.corrupt(view, at, field, problem));
    runs.push(run);
  }
  const findings =
    terminators === 1
      ? []
      : [finding('udif-terminator', name, `the table has ${terminators} ends`, { severity: 'warning' })];
  const checksumType = mish.checksumSize === 0 ? 0 : mish.checksumType;
  return { name, checksumType, checksum: mish.checksum, start, end, runs, findings };
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
  const at = { type, start: start + firstSector * 512, size: sectorCount * 512 };
  return isEmpty(type) ? { ...at, offset: 0, length: 0 } : { ...at, offset: dataOffset + offset, length };
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
export function sortedRuns(tables: readonly RunTable[]): readonly UdifRun[] {
  const runs = tables.flatMap((table) => table.runs).sort((a, b) => a.start - b.start);
  for (const [i, run] of runs.entries()) {
    const before = runs[i - 1];
    if (before && before.start + before.size > run.start)
      throw new CorruptError('mish', 'firstSector', run.start, 'two chunks overlap');
  }
  return runs;
}
