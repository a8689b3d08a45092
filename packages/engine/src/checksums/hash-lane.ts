// Hashes in a thread of its own while the caller goes on. Bytes of many small files travel together: a hand-off costs as
// much as hashing 50 KB. Until the thread is worth it and up, small files are hashed by the caller; a long one waits for it.

import { Worker } from 'node:worker_threads';
import { assert, LANE_HEAP } from '@tintype/core';
import { HashRing, mark, PIECES, SLOT_SIZE, SLOTS, state, word } from './hash-ring.js';
import { type ContentHasher, DIGEST_SIZE, SerialHasher } from './hasher.js';
import { SlotHasher } from './slot-hasher.js';

/** Bytes from which on a thread is worth its start. */
const AFTER = 8 << 20;
const LONGEST_ZEROS = 1 << 30;
/** A slot with less room than this is not begun by a longer read, which would be cut in two. */
const LEAST_SPACE = 64 << 10;
/** Milliseconds that a thread may take to come up (some 40 here) before the caller does its work. */
const PATIENCE = 5000;

type Told = (digest: Uint8Array) => void;

export class LaneHasher implements ContentHasher {
  readonly #serial = new SerialHasher();
  readonly #ring = new HashRing();
  readonly #after: number;
  /** Whom to tell of the files that end in each slot. */
  readonly #told: Told[][] = Array.from({ length: SLOTS }, () => []);
  readonly #patience: number;
  #worker: Worker | null = null;
  /** What hashes here after all; null while there is a thread, or may be one. */
  #slots: SlotHasher | null = null;
  #offered = 0;
  /** Which of the two has the file that was begun. */
  #isSerial = true;
  #isFirst = true;
  /** The slot that is being filled, and how far. */
  #index = 0;
  #used = 0;
  #pieces = 0;
  /** Slots whose digests were told. */
  #collected = 0;
  #data: Uint8Array;
  #table: Int32Array;

  constructor(after = AFTER, patience = PATIENCE) {
    this.#after = after;
    this.#patience = patience;
    this.#data = this.#ring.data(0);
    this.#table = this.#ring.table(0);
  }

  begin(size: number): void {
    this.#isSerial = !this.#isReady(size);
    this.#isFirst = true;
    if (this.#isSerial) this.#serial.begin();
  }
  add(bytes: Uint8Array): void {
    this.#offered += bytes.length;
    if (this.#isSerial) {
      this.#serial.add(bytes);
      return;
    }
    for (let at = 0; at < bytes.length; ) {
      const space = this.#free(bytes.length - at);
      space.set(bytes.subarray(at, at + space.length));
      at += space.length;
      this.#take(space.length);
    }
  }
  space(length: number): Uint8Array {
    if (this.#isSerial) return this.#serial.space(length);
    if (SLOT_SIZE - this.#used < Math.min(length, LEAST_SPACE)) this.#submit();
    return this.#free(length);
  }
  filled(length: number): void {
    this.#offered += length;
    if (this.#isSerial) this.#serial.filled(length);
    else if (length > 0) this.#take(length);
  }
  addZeros(length: number): void {
    if (this.#isSerial) this.#serial.addZeros(length);
    else
      for (let left = length; left > 0; left -= LONGEST_ZEROS) this.#piece(Math.min(left, LONGEST_ZEROS), mark.zeros);
  }
  end(told: Told): void {
    if (this.#isSerial) {
      this.#serial.end(told);
      return;
    }
    if (this.#isFirst || this.#pieces === 0) this.#piece(0, mark.last);
    else this.#mark(this.#pieces - 1, mark.last);
    this.#told[this.#index % SLOTS]?.push(told);
  }
  drain(): void {
    if (this.#pieces > 0) this.#submit();
    this.#waitUntil(this.#index);
  }
  close(): void {
    void this.#worker?.terminate();
    this.#worker = null;
  }

  /** In the slot that is being filled, or the next one: bytes and their piece go into one. */
  #free(length: number): Uint8Array {
    if (this.#used === SLOT_SIZE || this.#pieces === PIECES) this.#submit();
    return this.#data.subarray(this.#used, this.#used + Math.min(length, SLOT_SIZE - this.#used));
  }
  #take(length: number): void {
    this.#used += length;
    this.#piece(length, 0);
  }
  #piece(length: number, marks: number): void {
    if (this.#pieces === PIECES) this.#submit();
    this.#table[2 + 2 * this.#pieces] = length;
    this.#table[3 + 2 * this.#pieces] = marks | (this.#isFirst ? mark.first : 0);
    this.#isFirst = false;
    this.#pieces += 1;
  }
  #mark(piece: number, marks: number): void {
    this.#table[3 + 2 * piece] = (this.#table[3 + 2 * piece] as number) | marks;
  }

  #submit(): void {
    const { words } = this.#ring;
    this.#table[0] = this.#pieces;
    this.#index += 1;
    Atomics.store(words, word.submitted, this.#index);
    Atomics.notify(words, word.submitted);
    this.#waitUntil(this.#index - SLOTS + 1);
    this.#data = this.#ring.data(this.#index);
    this.#table = this.#ring.table(this.#index);
    this.#used = 0;
    this.#pieces = 0;
  }

  /** Waits for so many slots, and tells the digests of all that are done. */
  #waitUntil(count: number): void {
    const { words } = this.#ring;
    const start = performance.now();
    for (let done = Atomics.load(words, word.completed); done < count; done = Atomics.load(words, word.completed)) {
      const now = Atomics.load(words, word.state);
      assert(now !== state.failed, 'the thread that hashes does not fail');
      if (now === state.withdrawn) this.#hashHere(done);
      else Atomics.wait(words, word.completed, done, 100);
      if (now === state.starting && performance.now() - start > this.#patience) this.#withdraw();
    }
    const done = Atomics.load(words, word.completed);
    for (; this.#collected < done; this.#collected += 1) {
      const slot = this.#told[this.#collected % SLOTS] as Told[];
      const digests = this.#ring.digests(this.#collected);
      for (const [i, told] of slot.entries()) told(digests.subarray(i * DIGEST_SIZE, (i + 1) * DIGEST_SIZE));
      slot.length = 0;
    }
  }

  #withdraw(): void {
    const { words } = this.#ring;
    if (Atomics.compareExchange(words, word.state, state.starting, state.withdrawn) !== state.starting) return;
    this.#slots = new SlotHasher(this.#ring);
  }
  #hashHere(index: number): void {
    this.#slots?.hash(index);
    Atomics.store(this.#ring.words, word.completed, index + 1);
  }

  /** Whether the thread takes a file of this size. */
  #isReady(size: number): boolean {
    const { words, memory } = this.#ring;
    if (this.#worker === null) {
      if (this.#offered + size < this.#after) return false;
      this.#worker = new Worker(new URL('./hash-worker.js', import.meta.url), {
        workerData: memory,
        resourceLimits: LANE_HEAP,
      });
      this.#worker.on('error', () => {
        // Its state says so; before it is up, everything is hashed without it.
      });
      this.#worker.unref();
    }
    const now = Atomics.load(words, word.state);
    return now === state.running || (now === state.starting && size >= this.#after);
  }
}
