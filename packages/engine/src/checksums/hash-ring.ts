// The shared memory between an operation and the thread that hashes for it: a ring of slots, each with bytes of one or
// many files, the pieces that they are made of, and room for the digests. One side submits, the other completes; both
// only ever count up, so neither needs a lock.

import { DIGEST_SIZE } from './hasher.js';

export const SLOT_SIZE = 1 << 20;
export const SLOTS = 6;
export const PIECES = 1024;

export const word = { submitted: 0, completed: 1, state: 2 } as const;

/** `withdrawn`: the thread took too long to come up, and whoever submits hashes. It never becomes `running` then. */
export const state = { starting: 0, running: 1, failed: 2, withdrawn: 3 } as const;

/** What a piece is: the first of its file, the last of its file, zeros that are not in the slot's bytes. */
export const mark = { first: 1, last: 2, zeros: 4 } as const;

const WORDS_SIZE = 64;
/** Per slot: how many pieces, then length and marks of each. */
const TABLE_WORDS = 2 + PIECES * 2;
const TABLES_SIZE = SLOTS * TABLE_WORDS * 4;
const DIGESTS_SIZE = SLOTS * PIECES * DIGEST_SIZE;

export class HashRing {
  readonly memory: SharedArrayBuffer;
  readonly words: Int32Array;

  /** New memory, or the other side's. */
  constructor(memory = new SharedArrayBuffer(WORDS_SIZE + TABLES_SIZE + DIGESTS_SIZE + SLOTS * SLOT_SIZE)) {
    this.memory = memory;
    this.words = new Int32Array(memory, 0, WORDS_SIZE / 4);
  }
  /** Count of pieces in word 0; length and marks of piece `i` in words `2 + 2i` and `3 + 2i`. */
  table(index: number): Int32Array {
    return new Int32Array(this.memory, WORDS_SIZE + (index % SLOTS) * TABLE_WORDS * 4, TABLE_WORDS);
  }
  /** Digest `i` is that of the `i`th file that ends in the slot. */
  digests(index: number): Uint8Array {
    const size = PIECES * DIGEST_SIZE;
    return new Uint8Array(this.memory, WORDS_SIZE + TABLES_SIZE + (index % SLOTS) * size, size);
  }
  data(index: number): Uint8Array {
    const start = WORDS_SIZE + TABLES_SIZE + DIGESTS_SIZE + (index % SLOTS) * SLOT_SIZE;
    return new Uint8Array(this.memory, start, SLOT_SIZE);
  }
}
