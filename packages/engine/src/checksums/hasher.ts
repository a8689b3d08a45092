// SHA-256 over the contents of files, one after the other: here by the caller's own thread. `hash-lane` does the same in
// another one; the digests are equal.

import { createHash, type Hash } from 'node:crypto';

export const DIGEST_SIZE = 32;

/** Takes one file at a time; digests may be told later, in the order of the files. */
export interface ContentHasher {
  /** A new file, of about `size` bytes. One that was begun and not ended is dropped. */
  begin(size: number): void;
  /** The file's next bytes; `bytes` may be used again at once. */
  add(bytes: Uint8Array): void;
  /** Where up to `length` of the file's next bytes may be put, at least one: saves a copy. Told by `filled` how many were. */
  space(length: number): Uint8Array;
  filled(length: number): void;
  /** So many zeros come next. */
  addZeros(length: number): void;
  /** The file is complete. `told` is given its digest (32 bytes, good during the call), now or before `drain` returns. */
  end(told: (digest: Uint8Array) => void): void;
  /** Waits until every digest was told. */
  drain(): void;
  close(): void;
}

const SPACE_SIZE = 1 << 20;
const ZEROS = new Uint8Array(64 << 10);

export class SerialHasher implements ContentHasher {
  #hash: Hash = createHash('sha256');
  #space: Uint8Array | null = null;

  begin(): void {
    this.#hash = createHash('sha256');
  }
  add(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }
  space(length: number): Uint8Array {
    this.#space ??= new Uint8Array(SPACE_SIZE);
    return this.#space.subarray(0, Math.min(length, SPACE_SIZE));
  }
  filled(length: number): void {
    if (this.#space) this.#hash.update(this.#space.subarray(0, length));
  }
  addZeros(length: number): void {
    hashZeros(this.#hash, length);
  }
  end(told: (digest: Uint8Array) => void): void {
    told(this.#hash.digest());
  }
  drain(): void {}
  close(): void {}
}

export function hashZeros(hash: Hash, length: number): void {
  for (let left = length; left > 0; left -= ZEROS.length)
    hash.update(left < ZEROS.length ? ZEROS.subarray(0, left) : ZEROS);
}
