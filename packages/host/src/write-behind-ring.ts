// The shared memory between a store and the thread that writes for it: a ring of slots, each with a piece of data and
// where it goes. One side submits, the other completes; both only ever count up, so neither needs a lock.

import { startWriteback } from './linux.js';
import type { NativeLibrary } from './native.js';

export const SLOT_SIZE = 1 << 20;
export const SLOTS = 8;

/** Words of `words`. */
export const word = {
  /** Pieces handed over so far. */
  submitted: 0,
  /** Pieces done so far, written or dropped. */
  completed: 1,
  state: 2,
  /** Length of the error's name in `failure`. */
  failureLength: 3,
  /** The piece that failed. */
  failedPiece: 4,
  /** Pieces of which the writeback was begun, or given up. */
  begun: 5,
} as const;

export const state = {
  /** The thread has not come up yet. */
  starting: 0,
  running: 1,
  /** The next piece has waited too long: the owner must look at its lease before it is written. */
  asking: 2,
  /** A write failed; every piece is dropped until the owner has read the failure. */
  failed: 3,
} as const;

/** Numbers of one slot: file handle, byte position, bytes, seconds at which it was handed over. */
export const field = { handle: 0, position: 1, length: 2, stamp: 3, count: 4 } as const;

const FAILURE_SIZE = 32;
const WORDS_SIZE = 16 * 4;
const NUMBERS_SIZE = SLOTS * field.count * 8;

export class WriteBehindRing {
  readonly memory: SharedArrayBuffer;
  readonly words: Int32Array;
  readonly numbers: Float64Array;
  readonly failure: Uint8Array;

  /** New memory, or the other side's. */
  constructor(memory = new SharedArrayBuffer(WORDS_SIZE + NUMBERS_SIZE + FAILURE_SIZE + SLOTS * SLOT_SIZE)) {
    this.memory = memory;
    this.words = new Int32Array(memory, 0, WORDS_SIZE / 4);
    this.numbers = new Float64Array(memory, WORDS_SIZE, SLOTS * field.count);
    this.failure = new Uint8Array(memory, WORDS_SIZE + NUMBERS_SIZE, FAILURE_SIZE);
  }

  /** The data of a piece. */
  data(piece: number, length: number): Uint8Array {
    const slot = piece % SLOTS;
    return new Uint8Array(this.memory, WORDS_SIZE + NUMBERS_SIZE + FAILURE_SIZE + slot * SLOT_SIZE, length);
  }

  number(piece: number, at: number): number {
    return this.numbers[(piece % SLOTS) * field.count + at] as number;
  }

  describe(piece: number, handle: number, position: number, length: number, stamp: number): void {
    this.numbers.set([handle, position, length, stamp], (piece % SLOTS) * field.count);
  }

  /** A piece that is written and whose writeback nobody has begun, claimed for the caller; -1 if there is none. */
  claim(): number {
    for (;;) {
      const piece = Atomics.load(this.words, word.begun);
      if (piece >= Atomics.load(this.words, word.completed)) return -1;
      if (Atomics.compareExchange(this.words, word.begun, piece, piece + 1) === piece) return piece;
    }
  }

  restamp(piece: number, stamp: number): void {
    this.numbers[(piece % SLOTS) * field.count + field.stamp] = stamp;
  }

  /** Name of the error that a write ended with, such as `ENOSPC`. */
  get failureName(): string {
    return Buffer.from(this.failure.subarray(0, this.words[word.failureLength])).toString('latin1');
  }

  set failureName(name: string) {
    const bytes = Buffer.from(name, 'latin1').subarray(0, FAILURE_SIZE);
    this.failure.set(bytes);
    this.words[word.failureLength] = bytes.length;
  }
}

/** Begins to write a claimed piece out, without waiting for it. Its slot may be in use again: then the hint is useless. */
export function beginWriteback({ calls }: NativeLibrary, ring: WriteBehindRing, piece: number): void {
  const handle = ring.number(piece, field.handle);
  calls.syncFileRange(handle, ring.number(piece, field.position), ring.number(piece, field.length), startWriteback);
}
