// The clear bytes of a UDIF's chunks: a small cache, and lanes that decode ahead of whoever reads in order.

import { adc, bzip2, type Codec, decoding, lzfse, xz, zlib } from '@tintype/codec';
import { assert, CorruptError, type Lanes } from '@tintype/core';
import { DECODED_BYTES } from '../limits.js';
import type { RunList, UdifRun } from './runs.js';
import type { DataFork } from './segments.js';
import { CODECS } from './structs.js';

const DECODERS: Readonly<Record<string, Codec>> = Object.fromEntries(
  [adc, bzip2, lzfse, xz, zlib].map((codec) => [codec.name, codec]),
);

export class DecodedChunks {
  readonly #fork: DataFork;
  readonly #lanes: Lanes | null;
  /** By their place on the disk, least recently used first. */
  readonly #cache = new Map<number, Uint8Array>();
  #cachedBytes = 0;
  /** The last that could not be decoded: whoever reads a damaged image block by block meets it again and again. */
  #failed: { readonly start: number; readonly error: CorruptError } | null = null;
  /** Handed to the lanes, oldest first. */
  readonly #coming: UdifRun[] = [];
  /** A whole chunk that goes to its reader at once, and where. */
  #wanted: { readonly start: number; readonly target: Uint8Array } | null = null;
  /** The stored bytes of one chunk at a time. */
  #room = new Uint8Array(0);

  constructor(fork: DataFork, lanes: Lanes | null) {
    this.#fork = fork;
    this.#lanes = lanes && lanes.depth > 1 ? lanes : null;
  }

  /** Fills `target` with the clear bytes from `offset` on. What is read as a whole is not kept. @throws CorruptError */
  read(run: UdifRun, offset: number, target: Uint8Array): void {
    if (target.length === run.size && !this.#cache.has(run.start)) this.#readWhole(run, target);
    else target.set(this.get(run).subarray(offset, offset + target.length));
  }

  /** The clear bytes, good until the next call. @throws CorruptError */
  get(run: UdifRun): Uint8Array {
    const { start } = run;
    while (!this.#cache.has(start) && this.#isComing(start)) this.#next(start);
    const known = this.#cache.get(start);
    if (known) {
      this.#cache.delete(start);
      this.#cache.set(start, known);
      return known;
    }
    const clear = this.#roomFor(run.size);
    this.#decode(run, clear);
    this.#keep(run, clear);
    return clear;
  }

  /** Tells that `runs` will be read next, from `index` on: the first of them are decoded meanwhile. */
  expect(runs: RunList, index: number): void {
    const lanes = this.#lanes;
    if (!lanes) return;
    for (let i = index; i < runs.length && this.#coming.length < lanes.depth; i += 1) {
      const run = runs.at(i) as UdifRun;
      if (CODECS[run.type] === undefined || this.#cache.has(run.start) || this.#isComing(run.start)) continue;
      const { input, output } = lanes.sizes;
      if (run.length > input || run.size > output) return;
      // What is cached must last until it is read.
      if ((this.#coming.length + 2) * run.size > DECODED_BYTES || i > index + lanes.depth) return;
      this.#begin(lanes, run);
    }
  }

  clear(): void {
    while (this.#coming.length > 0) this.#next(null);
    this.#cache.clear();
    this.#cachedBytes = 0;
  }

  #readWhole(run: UdifRun, target: Uint8Array): void {
    this.#wanted = { start: run.start, target };
    try {
      while (this.#wanted && this.#isComing(run.start)) this.#next(run.start);
      if (this.#wanted) this.#decode(run, target);
    } finally {
      this.#wanted = null;
    }
  }

  #decode(run: UdifRun, clear: Uint8Array): void {
    const { start } = run;
    if (this.#failed?.start === start) throw this.#failed.error;
    try {
      codecOf(run).decode(this.#stored(run), clear);
    } catch (error) {
      if (error instanceof CorruptError) this.#failed = { start, error };
      throw error;
    }
  }

  #isComing(start: number): boolean {
    return this.#coming.some((run) => run.start === start);
  }

  #begin(lanes: Lanes, run: UdifRun): void {
    const stored = this.#stored(run);
    this.#coming.push(run);
    try {
      lanes.push(decoding(codecOf(run), stored, run.size), (clear) => {
        this.#coming.shift();
        this.#take(run, clear);
      });
    } catch (error) {
      // Performed at once, and told when it is read: then it is decoded again.
      if (!(error instanceof CorruptError)) throw error;
      this.#coming.pop();
    }
  }

  /** Takes the oldest chunk from the lanes. One that cannot be decoded is an error only for those who want it. */
  #next(wanted: number | null): void {
    const oldest = this.#coming[0];
    try {
      this.#lanes?.next();
    } catch (error) {
      this.#coming.shift();
      if (oldest?.start === wanted || !(error instanceof CorruptError)) throw error;
    }
  }

  /** From the lanes, to whoever waits for it or to be kept. */
  #take(run: UdifRun, clear: Uint8Array): void {
    if (this.#wanted?.start === run.start) {
      this.#wanted.target.set(clear);
      this.#wanted = null;
      return;
    }
    const kept = this.#roomFor(run.size);
    kept.set(clear);
    this.#keep(run, kept);
  }

  /** Good until the next call. */
  #stored(run: UdifRun): Uint8Array {
    if (this.#room.length < run.length) this.#room = new Uint8Array(run.length);
    const stored = this.#room.subarray(0, run.length);
    this.#fork.read(run.offset, stored);
    return stored;
  }

  /** Drops what was not used for longest. Its memory is used again: new memory would be zeroed first. */
  #roomFor(size: number): Uint8Array {
    let spare: Uint8Array | null = null;
    for (const [oldest, clear] of this.#cache) {
      if (this.#cachedBytes + size <= DECODED_BYTES) break;
      this.#cache.delete(oldest);
      this.#cachedBytes -= clear.length;
      if (clear.length === size) spare = clear;
    }
    return spare ?? new Uint8Array(size);
  }

  #keep(run: UdifRun, clear: Uint8Array): void {
    this.#cache.set(run.start, clear);
    this.#cachedBytes += clear.length;
  }
}

function codecOf(run: UdifRun): Codec {
  const decoder = DECODERS[CODECS[run.type] ?? ''];
  assert(decoder !== undefined, 'a chunk of a kind that is not known is refused when the image is opened');
  return decoder;
}
