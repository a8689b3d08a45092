// The shared memory between a store and the thread that writes for it: a ring of slots, each with a piece of data and
// where it goes. One side submits, the other completes; both only ever count up, so neither needs a lock.

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
