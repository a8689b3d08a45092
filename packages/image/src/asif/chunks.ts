// Which chunks of an ASIF file are free.
//
// Invariant: a chunk that the last commit needs is not handed out: what is given up waits for the next commit.

import { CorruptError, type StoreFile } from '@tintype/core';
import { describeUse, type UsedChunk } from './tables.js';

export class FreeChunks {
  readonly #file: StoreFile;
  readonly #chunkSize: number;
  readonly #used = new Set<number>([0]);
  /** The lowest one last. */
  readonly #free: number[] = [];
  /** Given up since the last commit. */
  #waiting: number[] = [];
  /** The next one that was never looked at. */
  #next = 1;

  /** @throws CorruptError for a chunk used twice: writing to it would change two places */
  constructor(file: StoreFile, chunkSize: number, used: Iterable<UsedChunk>) {
    this.#file = file;
    this.#chunkSize = chunkSize;
    for (const use of used) {
      const { chunk } = use;
      if (this.#used.has(chunk)) {
        const by = describeUse(use);
        throw new CorruptError('ASIF table', 'entry', chunk * chunkSize, `chunk ${chunk} is used twice, by ${by} too`);
      }
      this.#used.add(chunk);
    }
  }

  /** How many were in use when it was made, with the header's. */
  get usedAtFirst(): number {
    return this.#used.size;
  }
  /** The one that `allocate` would answer. */
  get lowest(): number {
    while (this.#used.has(this.#next)) this.#next += 1;
    return Math.min(this.#free.at(-1) ?? this.#next, this.#next);
  }

  /** The lowest chunk that nothing uses, filled with zeros. */
  allocate(): number {
    const chunk = this.lowest;
    if (chunk === this.#next) this.#next += 1;
    else this.#free.pop();
    return this.#cleared(chunk);
  }
  release(chunk: number): void {
    this.#waiting.push(chunk);
  }
  /** After a commit: what was given up before it is free, and its space goes back to the host. */
  committed(): void {
    for (const chunk of this.#waiting) {
      this.#giveBack(chunk);
      this.#free.push(chunk);
    }
    this.#free.sort((a, b) => b - a);
    this.#waiting = [];
  }
  /** Of one that nothing was taken from since it was made: gives back all that is free, and cuts the file behind the rest. */
  trim(): void {
    let last = 0;
    for (const chunk of this.#used) last = Math.max(last, chunk);
    for (let chunk = 1; chunk < last; chunk += 1) if (!this.#used.has(chunk)) this.#giveBack(chunk);
    const end = (last + 1) * this.#chunkSize;
    if (this.#file.size() > end) this.#file.truncate(end);
  }

  /** Where the host cannot punch, the space stays with the file. */
  #giveBack(chunk: number): void {
    const position = chunk * this.#chunkSize;
    const length = Math.min(this.#chunkSize, this.#file.size() - position);
    if (length > 0) this.#file.punch(position, length);
  }

  #cleared(chunk: number): number {
    const position = chunk * this.#chunkSize;
    const size = this.#file.size();
    if (size > position && !this.#file.punch(position, Math.min(this.#chunkSize, size - position)))
      this.#file.write(position, new Uint8Array(Math.min(this.#chunkSize, size - position)));
    if (size < position + this.#chunkSize) this.#file.truncate(position + this.#chunkSize);
    return chunk;
  }
}
