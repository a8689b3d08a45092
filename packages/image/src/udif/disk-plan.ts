// What stands for a disk in the tables of a UDIF, as far as that is known before its bytes are read: free stretches, zeros
// by the disk's own map, and chunks of data, some of which will turn out to be zeros.

import type { BlockDevice, Range } from '@tintype/core';
import { CHUNK } from './fork-writer.js';
import type { Region } from './regions.js';
import { CHUNK_TYPE } from './structs.js';

const SECTOR = 512;

/** `type`: ignore, zero or raw, which stands for all that is read. `size` in bytes, whole sectors. */
export interface Stretch {
  readonly type: number;
  readonly size: number;
}

export class DiskPlan {
  readonly #disk: BlockDevice;
  readonly #free: Iterator<Range>;
  #nextFree: Range | null;

  /** `free` ascends. */
  constructor(disk: BlockDevice, free: Iterable<Range>) {
    this.#disk = disk;
    this.#free = free[Symbol.iterator]();
    this.#nextFree = this.#free.next().value ?? null;
  }

  /** What begins at `at`, in bytes on the disk, which ascends from call to call. */
  next(region: Region, at: number): Stretch {
    const end = region.start + region.size;
    if (region.isFree) return { type: CHUNK_TYPE.ignore, size: end - at };
    const free = this.#freeAt(at);
    if (free && free.start <= at)
      return { type: CHUNK_TYPE.ignore, size: Math.min(free.start + free.length, end) - at };
    const limit = Math.min(free?.start ?? end, end);
    const { length, kind } = this.#disk.extent(at);
    const known = Math.floor(length / SECTOR) * SECTOR;
    if (kind === 'zero' && known > 0) return { type: CHUNK_TYPE.zero, size: Math.min(known, limit - at) };
    return { type: CHUNK_TYPE.raw, size: Math.min(CHUNK, limit - at) };
  }

  /** Stretches of a region, which comes behind all that were asked for before. */
  count(region: Region): number {
    let stretches = 0;
    for (let at = region.start; at < region.start + region.size; stretches += 1) at += this.next(region, at).size;
    return stretches;
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
}

/** Clear bytes of `disk` that are neither zeros by its own map nor in one of the ranges `free`, which ascend. */
export function bytesToStore(disk: BlockDevice, free: Iterable<Range>): number {
  let bytes = 0;
  let position = 0;
  const add = (end: number): void => {
    while (position < end) {
      const { length, kind } = disk.extent(position);
      const part = Math.min(length, end - position);
      if (kind === 'data') bytes += part;
      position += part;
    }
  };
  for (const { start, length } of free) {
    add(Math.min(start, disk.size));
    position = Math.max(position, Math.min(start + length, disk.size));
  }
  add(disk.size);
  return bytes;
}
