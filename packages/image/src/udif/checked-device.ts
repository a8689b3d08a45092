// A UDIF that is read in ascending order, with the checksums of its tables summed up on the way: whoever copies the disk
// learns whether it is what was stored, and nothing is read twice.
//
// Invariant: of each table, all before `next` is in its sum. What a reader leaves out is read for the sum alone.

import { type BlockDevice, crc32, type DeviceExtent } from '@tintype/core';
import type { CheckedDisk } from '../disk-image.js';
import { agrees, type Summing, summing, wrongChecksum } from './checksums.js';
import { hasContent, type RunList, type RunTable, type UdifRun } from './runs.js';
import { CHUNK_TYPE } from './structs.js';

const PIECE = 1 << 20;

/** A table whose sum is known, and how far it was summed up. */
interface TableSum {
  readonly table: RunTable;
  /** Ascending; a table that has its chunks in another order is summed up in that order when all is read. */
  readonly isOrdered: boolean;
  sum: Summing;
  next: number;
  /** Index of the first chunk that does not end before `next`. */
  run: number;
}

/** What is checked, and how it is called. */
export interface CheckedSource {
  readonly path: string;
  readonly tables: readonly RunTable[];
  /** Asks the checksum of the stored bytes, where a table has none of its own. @throws RefusedError `checksum` */
  requireStored(check: () => void): void;
}

export class CheckedDevice implements CheckedDisk {
  readonly size: number;
  readonly writable = false;
  readonly blockSize: number;
  readonly draft = false;
  readonly #device: BlockDevice;
  readonly #source: CheckedSource;
  /** By their place on the disk; the first of them are done. */
  readonly #sums: readonly TableSum[];
  #first = 0;

  constructor(device: BlockDevice, source: CheckedSource) {
    this.size = device.size;
    this.blockSize = device.blockSize;
    this.#device = device;
    this.#source = source;
    this.#sums = source.tables
      .flatMap((table): TableSum[] => {
        const sum = summing(table.checksumType);
        return sum ? [{ table, isOrdered: isAscending(table.runs), sum, next: table.start, run: 0 }] : [];
      })
      .sort((a, b) => a.table.start - b.table.start);
  }

  read(position: number, target: Uint8Array): void {
    this.#device.read(position, target);
    this.#sum(position, target);
  }
  readSummed(position: number, target: Uint8Array): number {
    this.#device.read(position, target);
    const crc = crc32(target);
    this.#sum(position, target, crc);
    return crc;
  }
  write(position: number, source: Uint8Array): void {
    this.#device.write(position, source);
  }
  zero(position: number, length: number): void {
    this.#device.zero(position, length);
  }
  discard(position: number, length: number): void {
    this.#device.discard(position, length);
  }
  extent(position: number): DeviceExtent {
    return this.#device.extent(position);
  }
  stored(position: number, length: number): number {
    return this.#device.stored(position, length);
  }
  flush(): void {
    this.#device.flush();
  }
  close(): void {
    this.#device.close();
  }

  settle(check: () => void): void {
    const { path, requireStored } = this.#source;
    for (const each of this.#sums) {
      const { table, isOrdered } = each;
      if (each.next === table.start && hasContent(table.runs)) continue;
      if (isOrdered) this.#catchUp(each, table.end, check);
      else this.#sumInOrder(each, check);
      if (!agrees(each.sum.end(), table.checksum)) throw wrongChecksum(`of the clear bytes of ${table.name}`, path);
    }
    requireStored(check);
  }

  /** `crc`: of `target`, which was read at `position`, if it is known. */
  #sum(position: number, target: Uint8Array, crc?: number): void {
    const end = position + target.length;
    for (let i = this.#first; i < this.#sums.length; i += 1) {
      const each = this.#sums[i] as TableSum;
      if (each.table.start >= end) return;
      const from = Math.max(position, each.table.start);
      const to = Math.min(end, each.table.end);
      if (to > from && to > each.next) {
        const isWhole = to - from === target.length;
        this.#add(each, from, target.subarray(from - position, to - position), isWhole ? crc : undefined);
      }
      if (i === this.#first && each.next >= each.table.end) this.#first += 1;
    }
  }

  /** `bytes`, read at `at`, go beyond what is summed up. `crc`: of all of them, if it is known. */
  #add(each: TableSum, at: number, bytes: Uint8Array, crc: number | undefined): void {
    if (!each.isOrdered) {
      each.next = at + bytes.length;
      return;
    }
    this.#catchUp(each, at, () => {});
    const end = at + bytes.length;
    while (each.next < end) {
      const run = each.table.runs.at(each.run);
      if (!run || run.start >= end) break;
      const from = Math.max(each.next, run.start);
      const to = Math.min(run.start + run.size, end);
      const isWhole = to - from === bytes.length;
      if (run.type !== CHUNK_TYPE.ignore) each.sum.add(bytes.subarray(from - at, to - at), isWhole ? crc : undefined);
      advance(each, run, to);
    }
    each.next = end;
  }

  /** Sums up what nobody read. */
  #catchUp(each: TableSum, end: number, check: () => void): void {
    while (each.next < end) {
      const run = each.table.runs.at(each.run);
      if (!run || run.start >= end) break;
      const from = Math.max(each.next, run.start);
      const to = Math.min(run.start + run.size, end);
      this.#sumRun(each.sum, run, { from, to, check });
      advance(each, run, to);
    }
    each.next = Math.max(each.next, end);
  }

  #sumInOrder(each: TableSum, check: () => void): void {
    for (const run of each.table.runs)
      this.#sumRun(each.sum, run, { from: run.start, to: run.start + run.size, check });
  }

  #sumRun(
    sum: Summing,
    { type }: UdifRun,
    { from, to, check }: { readonly from: number; readonly to: number; readonly check: () => void },
  ): void {
    if (type === CHUNK_TYPE.ignore) return;
    if (type === CHUNK_TYPE.zero) {
      sum.addZeros(to - from);
      return;
    }
    const buffer = new Uint8Array(Math.min(PIECE, to - from));
    for (let at = from; at < to; at += buffer.length) {
      check();
      const part = buffer.subarray(0, Math.min(buffer.length, to - at));
      this.#device.read(at, part);
      sum.add(part);
    }
  }
}

function isAscending(runs: RunList): boolean {
  let last = -1;
  for (const { start } of runs) {
    if (start <= last) return false;
    last = start;
  }
  return true;
}

function advance(each: TableSum, run: UdifRun, to: number): void {
  each.next = to;
  if (to === run.start + run.size) each.run += 1;
}
