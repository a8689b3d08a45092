// How a disk is cut into the chunks of an archive: from the start of each region on, so that no chunk lies in two tables.

import { assert } from '@tintype/core';
import { CHUNK } from './fork-writer.js';
import type { Region } from './regions.js';

interface Stretch {
  readonly start: number;
  readonly end: number;
  /** Number of its first chunk. */
  readonly first: number;
}

export class ChunkGrid {
  readonly #stretches: readonly Stretch[];
  readonly count: number;

  /** `regions` ascend and leave no gap. */
  constructor(regions: readonly Pick<Region, 'start' | 'size'>[]) {
    let first = 0;
    this.#stretches = regions.map(({ start, size }) => {
      const stretch = { start, end: start + size, first };
      first += Math.ceil(size / CHUNK);
      return stretch;
    });
    this.count = first;
  }

  /** Number of the chunk that holds a position. */
  at(position: number): number {
    const stretch = this.#stretches.findLast(({ start }) => start <= position);
    assert(stretch !== undefined && position < stretch.end, 'the position lies on the disk');
    return stretch.first + Math.floor((position - stretch.start) / CHUNK);
  }

  /** First byte on the disk, and how many. */
  range(chunk: number): { readonly start: number; readonly size: number } {
    const stretch = this.#stretches.findLast(({ first, start, end }) => first <= chunk && end > start);
    assert(stretch !== undefined && chunk < this.count, 'the chunk lies on the disk');
    const start = stretch.start + (chunk - stretch.first) * CHUNK;
    return { start, size: Math.min(CHUNK, stretch.end - start) };
  }
}
