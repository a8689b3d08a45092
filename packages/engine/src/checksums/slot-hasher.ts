// Hashes the files of a ring's slots, in order.

import { createHash, type Hash, hash as hashOf } from 'node:crypto';
import { type HashRing, mark } from './hash-ring.js';
import { DIGEST_SIZE, hashZeros } from './hasher.js';

/** A piece that is all of its file. */
const WHOLE = mark.first | mark.last;

export class SlotHasher {
  readonly #ring: HashRing;
  /** Of a file that goes on in the next slot. */
  #hash: Hash = createHash('sha256');

  constructor(ring: HashRing) {
    this.#ring = ring;
  }

  /** Slots come in the order of their indices, each once. */
  hash(index: number): void {
    const table = this.#ring.table(index);
    const data = this.#ring.data(index);
    const digests = this.#ring.digests(index);
    let at = 0;
    let told = 0;
    for (let piece = 0; piece < (table[0] as number); piece += 1) {
      const length = table[2 + 2 * piece] as number;
      const marks = table[3 + 2 * piece] as number;
      if (marks === WHOLE) {
        // 0.78 × the time of a hash that takes pieces, for a file of 12 KB.
        digests.set(hashOf('sha256', data.subarray(at, at + length), 'buffer'), DIGEST_SIZE * told++);
        at += length;
        continue;
      }
      if (marks & mark.first) this.#hash = createHash('sha256');
      if (marks & mark.zeros) hashZeros(this.#hash, length);
      else {
        if (length > 0) this.#hash.update(data.subarray(at, at + length));
        at += length;
      }
      if (marks & mark.last) digests.set(this.#hash.digest(), DIGEST_SIZE * told++);
    }
  }
}
