// Which blocks have an owner, and free ones for what a repair must make.

import { markReserved } from '../check/allocation.js';
import { BlockMap, PAGE_BLOCKS } from '../check/block-map.js';

export interface Run {
  readonly start: number;
  readonly count: number;
}

export class Space {
  readonly blocks = new BlockMap();
  readonly #totalBlocks: number;

  constructor(blockSize: number, totalBlocks: number) {
    this.#totalBlocks = totalBlocks;
    markReserved(this.blocks, blockSize, totalBlocks);
  }

  /** True if none of the blocks had an owner before. */
  own(run: Run): boolean {
    return this.blocks.mark(run.start, run.count) < 0;
  }

  isFree(block: number): boolean {
    const page = this.blocks.page(Math.floor(block / PAGE_BLOCKS));
    const bit = block % PAGE_BLOCKS;
    return ((page?.[bit >>> 3] ?? 0) & (0x80 >> (bit & 7))) === 0;
  }

  /** Owns `count` free blocks in a row, from `after` on where they are free; null if there are none. */
  take(count: number, after = 1): Run | null {
    const last = this.#totalBlocks - 1;
    for (const from of after > 1 ? [after, 1] : [1])
      for (let start = from, block = from; block < last; ) {
        if (!this.isFree(block)) {
          block = this.#nextFree(block, last);
          start = block;
        } else block += 1;
        if (block - start < count) continue;
        this.own({ start, count });
        return { start, count };
      }
    return null;
  }

  /** Whole bytes in use are passed over. */
  #nextFree(from: number, to: number): number {
    let block = from;
    while (block < to && !this.isFree(block)) {
      const page = this.blocks.page(Math.floor(block / PAGE_BLOCKS));
      const byte = page?.[(block % PAGE_BLOCKS) >>> 3] ?? 0;
      block += byte === 0xff && (block & 7) === 0 ? 8 : 1;
    }
    return Math.min(block, to);
  }
}
