// The chunks of an archive that are not stored yet: their bytes, and how much of each was written.

import { assert } from '@tintype/core';
import { CHUNK } from './fork-writer.js';

/** Writes of less than a block of a file system do not make a chunk full. */
const PIECE = 4096;

export interface OpenChunk {
  readonly bytes: Uint8Array;
  /** 1 for each piece that was written. */
  readonly pieces: Uint8Array;
  written: number;
  /** It was stored before: what is rewritten once will be again, and it is not stored as soon as it is full. */
  readonly isRewritten: boolean;
}

export class OpenChunks {
  /** Least recently written first. */
  readonly #chunks = new Map<number, OpenChunk>();
  readonly #spare: Uint8Array[] = [];
  readonly limit: number;

  constructor(limit: number) {
    this.limit = limit;
  }
  get isFull(): boolean {
    return this.#chunks.size >= this.limit;
  }
  /** Ascending. */
  get numbers(): readonly number[] {
    return [...this.#chunks.keys()].sort((a, b) => a - b);
  }
  get(chunk: number): OpenChunk | undefined {
    return this.#chunks.get(chunk);
  }
  /** Opens one that reads as zeros. There is room for it. */
  open(chunk: number, size: number, isRewritten: boolean): OpenChunk {
    assert(!this.isFull && !this.#chunks.has(chunk), 'there is room for a chunk');
    const whole = this.#spare.pop() ?? new Uint8Array(CHUNK);
    const bytes = whole.subarray(0, size);
    bytes.fill(0);
    const open = { bytes, pieces: new Uint8Array(Math.ceil(size / PIECE)), written: 0, isRewritten };
    this.#chunks.set(chunk, open);
    return open;
  }
  /** True if all of the chunk has been written now. */
  write(chunk: number, offset: number, source: Uint8Array): boolean {
    const open = this.#chunks.get(chunk);
    assert(open !== undefined, 'a chunk that is written is open');
    this.#chunks.delete(chunk);
    this.#chunks.set(chunk, open);
    open.bytes.set(source, offset);
    const { pieces, bytes } = open;
    const end = offset + source.length === bytes.length ? pieces.length : Math.floor((offset + source.length) / PIECE);
    for (let i = Math.ceil(offset / PIECE); i < end; i += 1) {
      if (pieces[i] === 0) open.written += 1;
      pieces[i] = 1;
    }
    return open.written === pieces.length;
  }
  /** The one that was not written for the longest time. */
  oldest(): number {
    const [chunk] = this.#chunks.keys();
    assert(chunk !== undefined, 'there is an open chunk');
    return chunk;
  }
  /** Its bytes are good until the next `open`. */
  close(chunk: number): OpenChunk {
    const open = this.#chunks.get(chunk);
    assert(open !== undefined, 'a chunk that is closed was open');
    this.#chunks.delete(chunk);
    this.#spare.push(new Uint8Array(open.bytes.buffer, 0, CHUNK));
    return open;
  }
}
