// Where the chunks of an archive that is being written lie in its data fork, and what they sum up to.

import { crc32Combined, crc32OfZeros, type Range } from '@tintype/core';
import type { StoredChunk } from './fork-writer.js';
import { CHUNK_TYPE } from './structs.js';

export class ChunkPlaces {
  readonly #type: number;
  readonly #isRaw: Uint8Array;
  readonly #offsets: Float64Array;
  readonly #lengths: Uint32Array;
  readonly #sums: Uint32Array;
  readonly #storedSums: Uint32Array;

  /** `type`: of chunks that shrank. */
  constructor(count: number, type: number) {
    this.#type = type;
    this.#isRaw = new Uint8Array(count);
    this.#offsets = new Float64Array(count);
    this.#lengths = new Uint32Array(count);
    this.#sums = new Uint32Array(count);
    this.#storedSums = new Uint32Array(count);
  }

  put(chunk: number, { type, offset, length, crc, storedCrc }: StoredChunk): void {
    this.#isRaw[chunk] = type === CHUNK_TYPE.raw ? 1 : 0;
    this.#offsets[chunk] = offset;
    this.#lengths[chunk] = length;
    this.#sums[chunk] = crc;
    this.#storedSums[chunk] = storedCrc;
  }
  move(chunk: number, offset: number): void {
    this.#offsets[chunk] = offset;
  }
  /** Of a chunk that was put. */
  get(chunk: number): StoredChunk {
    return {
      type: this.#isRaw[chunk] === 1 ? CHUNK_TYPE.raw : this.#type,
      offset: this.#offsets[chunk] as number,
      length: this.length(chunk),
      crc: this.#sums[chunk] as number,
      storedCrc: this.#storedSums[chunk] as number,
    };
  }
  length(chunk: number): number {
    return this.#lengths[chunk] as number;
  }
  /** Of stored bytes, as a range of the data fork. */
  range(chunk: number): Range {
    return { start: this.#offsets[chunk] as number, length: this.length(chunk) };
  }

  /** These chunks, in the order of their places. */
  inOrder(chunks: Uint32Array): Uint32Array {
    return chunks.slice().sort((a, b) => (this.#offsets[a] as number) - (this.#offsets[b] as number));
  }

  /** CRC-32 of a data fork of so many bytes that holds these chunks, in the order of their places, and zeros between. */
  sum(ordered: Uint32Array, end: number): number {
    let crc = 0;
    let at = 0;
    for (const chunk of ordered) {
      const { offset, length, storedCrc } = this.get(chunk);
      if (offset > at) crc = crc32OfZeros(offset - at, crc);
      crc = crc32Combined(crc, storedCrc, length);
      at = offset + length;
    }
    return end > at ? crc32OfZeros(end - at, crc) : crc;
  }
}
