// Which chunks of an ASIF file are free.
//
// Invariant: a chunk that the last commit needs is not handed out: what is given up waits for the next commit.

import { CorruptError, type StoreFile } from '@tintype/core';

export class FreeChunks {
  readonly #file: StoreFile;
  readonly #chunkSize: number;
  readonly #used = new Set<number>([0]);
  readonly #free: number[] = [];
  /** Given up since the last commit. */
  #waiting: number[] = [];
  /** The next one that was never looked at. */
  #next = 1;

  /** @throws CorruptError for a chunk used twice: writing to it would change two places */
  constructor(file: StoreFile, chunkSize: number, used: Iterable<{ chunk: number; by: string }>) {
    this.#file = file;
    this.#chunkSize = chunkSize;
    for (const { chunk, by } of used) {
      if (this.#used.has(chunk))
        throw new CorruptError('ASIF table', 'entry', chunk * chunkSize, `chunk ${chunk} is used twice, by ${by} too`);
      this.#used.add(chunk);
    }
  }

  /** A chunk of zeros that nothing uses. */
  allocate(): number {
    const again = this.#free.pop();
    if (again !== undefined) return this.#cleared(again);
    while (this.#used.has(this.#next)) this.#next += 1;
    const chunk = this.#next;
    this.#next += 1;
    return this.#cleared(chunk);
  }
  release(chunk: number): void {
    this.#waiting.push(chunk);
  }
  /** After a commit: what was given up before it is free, and its space goes back to the host. */
  committed(): void {
    for (const chunk of this.#waiting) this.#giveBack(chunk);
    this.#free.push(...this.#waiting);
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
