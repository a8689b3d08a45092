// The rows of a table that is being made, four million of them for 4 TiB: 28 bytes each, in blocks, so that none is ever
// copied.

import { assert } from '@tintype/core';
import type { StoredChunk } from './fork-writer.js';
import type { Row } from './table.js';

const BLOCK_ROWS = 1 << 14;

interface Block {
  readonly types: Uint32Array;
  readonly sizes: Float64Array;
  readonly offsets: Float64Array;
  readonly lengths: Uint32Array;
  readonly sums: Uint32Array;
}

export class RowList {
  readonly #start: number;
  readonly #blocks: Block[] = [];
  length = 0;

  /** `start`: of the first row on the disk, in bytes. */
  constructor(start: number) {
    this.#start = start;
  }

  /** Adds a row of `size` bytes on the disk, behind the last one, of which nothing is stored. Its index. */
  add(type: number, size: number): number {
    const index = this.length;
    if (index % BLOCK_ROWS === 0) this.#blocks.push(newBlock());
    const [block, at] = this.#at(index);
    block.types[at] = type;
    block.sizes[at] = size;
    this.length += 1;
    return index;
  }

  /** What was stored for a row. */
  store(index: number, { type, offset, length, crc }: Omit<StoredChunk, 'storedCrc'>): void {
    assert(index < this.length, 'the row was added');
    const [block, at] = this.#at(index);
    block.types[at] = type;
    block.offsets[at] = offset;
    block.lengths[at] = length;
    block.sums[at] = crc;
  }

  *[Symbol.iterator](): Generator<Row> {
    let start = this.#start;
    for (let index = 0; index < this.length; index += 1) {
      const [{ types, sizes, offsets, lengths, sums }, at] = this.#at(index);
      const size = sizes[at] as number;
      const stored = { offset: offsets[at] as number, length: lengths[at] as number, crc: sums[at] as number };
      yield { type: types[at] as number, start, size, ...stored };
      start += size;
    }
  }

  #at(index: number): [Block, number] {
    return [this.#blocks[Math.floor(index / BLOCK_ROWS)] as Block, index % BLOCK_ROWS];
  }
}

function newBlock(): Block {
  return {
    types: new Uint32Array(BLOCK_ROWS),
    sizes: new Float64Array(BLOCK_ROWS),
    offsets: new Float64Array(BLOCK_ROWS),
    lengths: new Uint32Array(BLOCK_ROWS),
    sums: new Uint32Array(BLOCK_ROWS),
  };
}
