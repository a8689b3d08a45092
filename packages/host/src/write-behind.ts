// Long writes of a store, made by a thread of their own while the caller goes on: copying into the page cache and
// starting the disk costs as much as everything else that a first backup does.
//
// Invariants: pieces are written in the order in which they were handed over. Nothing that a caller can see depends on
// one that is not written: reading, cutting, syncing and closing a file wait for its pieces. A failed piece is told at
// the store's next change or sync, and nothing more is written until every file with such writes is closed. A piece that
// waited for long is written only after `confirm`: meanwhile a lease may have been lost.

import { Worker } from 'node:worker_threads';
import { LANE_HEAP, StoreError } from '@tintype/core';
import { clockThroughSleep } from './holder.js';
import { behindAfter, lateSeconds } from './limits.js';
import { requireNative } from './native.js';
import { beginWriteback, SLOT_SIZE, SLOTS, state, WriteBehindRing, word } from './write-behind-ring.js';

/** How long `rest` waits for a thread that does not come up. */
const START_TRIES = 100;
const START_WAIT_MS = 100;

/** For the thread that makes long writes. */
export interface WriteBehindOptions {
  /** Asks whether this process may still write; throws if not. */
  readonly confirm: () => void;
  /** Seconds by a clock that runs on through sleep, the same for every thread (tests have their own). */
  readonly clock?: () => number;
  /** Bytes of long writes after which the thread is started. */
  readonly after?: number;
}

/** A file with pieces under way. */
export interface BehindFile {
  readonly path: string;
  readonly handle: number;
  /** Piece after the last one of this file; 0: none so far. */
  nextPiece: number;
}

interface Place {
  readonly file: BehindFile;
  readonly position: number;
  readonly end: number;
}

export class WriteBehind {
  readonly #ring = new WriteBehindRing();
  readonly #confirm: () => void;
  readonly #clock: () => number;
  readonly #after: number;
  /** What each slot holds. */
  readonly #places: Place[] = [];
  /** Files with pieces handed over since they were opened. */
  readonly #users = new Set<BehindFile>();
  readonly #native = requireNative();
  #worker: Worker | null = null;
  #submitted = 0;
  /** Bytes of all long writes. */
  #offered = 0;
  #failure: Error | null = null;
  /** Whoever is asked may look into files of this very store. */
  #isAnswering = false;

  constructor({ confirm, clock = clockThroughSleep(), after = behindAfter }: WriteBehindOptions) {
    this.#confirm = confirm;
    this.#clock = clock;
    this.#after = after;
  }

  /** Hands a write over; `source` may be used again at once. False if there is no thread: write yourself. */
  write(file: BehindFile, position: number, source: Uint8Array): boolean {
    this.#offered += source.length;
    if (!this.#isReady()) return false;
    for (let at = 0; at < source.length; at += SLOT_SIZE)
      this.#submit(file, position + at, source.subarray(at, Math.min(at + SLOT_SIZE, source.length)));
    return true;
  }

  /** Waits until the file's pieces are written, or only those that touch a range. @throws StoreError of a failed one */
  settle(file: BehindFile, position = 0, length = Number.POSITIVE_INFINITY): void {
    if (this.#failure) throw this.#failure;
    for (let piece = file.nextPiece - 1; piece >= this.#completed(); piece -= 1) {
      const place = this.#places[piece % SLOTS] as Place;
      if (place.file !== file || place.position >= position + length || place.end <= position) continue;
      this.#waitUntil(piece + 1);
      break;
    }
    this.#look();
  }

  /** True if some of the file's pieces may not be written yet. */
  isUnderWay(file: BehindFile): boolean {
    return this.#completed() < file.nextPiece;
  }

  /** Before a file is closed, whatever became of its pieces. @throws StoreError if that was not told yet */
  leave(file: BehindFile): void {
    if (!this.#users.delete(file)) return;
    const known = this.#failure;
    try {
      if (!known) this.settle(file);
      else while (this.#completed() < file.nextPiece) this.#pause(this.#completed());
    } finally {
      if (this.#failure && this.#users.size === 0) {
        this.#failure = null;
        Atomics.store(this.#ring.words, word.state, state.running);
      }
    }
  }

  /**
   * Call before the thread that uses this store ends, which ends ours with it: in the middle of loading the native
   * library that would abort the whole process.
   */
  rest(): void {
    const { words } = this.#ring;
    if (this.#worker === null) return;
    for (let tries = 0; tries < START_TRIES && Atomics.load(words, word.state) === state.starting; tries += 1)
      Atomics.wait(words, word.state, state.starting, START_WAIT_MS);
  }

  #submit(file: BehindFile, position: number, source: Uint8Array): void {
    const piece = this.#submitted;
    this.#users.add(file);
    this.#waitUntil(piece - SLOTS + 1);
    this.#look();
    this.#giveUp(piece - SLOTS + 1);
    this.#ring.data(piece, source.length).set(source);
    this.#ring.describe(piece, file.handle, position, source.length, this.#clock());
    this.#places[piece % SLOTS] = { file, position, end: position + source.length };
    this.#submitted = piece + 1;
    file.nextPiece = this.#submitted;
    Atomics.store(this.#ring.words, word.submitted, this.#submitted);
    Atomics.notify(this.#ring.words, word.submitted);
  }

  /** Pieces whose slots are used again are forgotten: the next sync writes them. */
  #giveUp(until: number): void {
    const { words } = this.#ring;
    for (let begun = Atomics.load(words, word.begun); begun < until; begun = Atomics.load(words, word.begun))
      Atomics.compareExchange(words, word.begun, begun, until);
  }

  #completed(): number {
    return Atomics.load(this.#ring.words, word.completed);
  }

  #waitUntil(completed: number): void {
    for (let done = this.#completed(); done < completed; done = this.#completed()) {
      this.#look();
      // The thread is busy, so this one helps.
      const written = this.#ring.claim();
      if (written < 0) this.#pause(done);
      else beginWriteback(this.#native, this.#ring, written);
    }
  }

  /** Until a piece more is done, or the thread wants something. */
  #pause(done: number): void {
    Atomics.wait(this.#ring.words, word.completed, done, 100);
  }

  /** Answers what the thread asks, and tells of its failure. */
  #look(): void {
    if (this.#failure) throw this.#failure;
    const { words } = this.#ring;
    const now = Atomics.load(words, word.state);
    if (now === state.asking && !this.#isAnswering) this.#answer();
    if (now !== state.failed) return;
    const place = this.#places[(words[word.failedPiece] as number) % SLOTS];
    this.#failure = new StoreError(this.#ring.failureName, 'write', place?.file.path ?? '');
    throw this.#failure;
  }

  #answer(): void {
    const { words } = this.#ring;
    this.#isAnswering = true;
    try {
      this.#confirm();
    } catch (error) {
      this.#failure = error instanceof Error ? error : new StoreError('EIO', 'write', '');
      Atomics.store(words, word.state, state.failed);
      Atomics.notify(words, word.state);
      throw error;
    } finally {
      this.#isAnswering = false;
    }
    const stamp = this.#clock();
    for (let piece = this.#completed(); piece < this.#submitted; piece += 1) this.#ring.restamp(piece, stamp);
    Atomics.store(words, word.state, state.running);
    Atomics.notify(words, word.state);
  }

  /** Starts the thread when it is worth it. Until it is up, and where it cannot start, the store writes by itself. */
  #isReady(): boolean {
    const { words, memory } = this.#ring;
    if (this.#worker === null) {
      if (this.#offered < this.#after) return false;
      this.#worker = new Worker(new URL('./write-behind-worker.js', import.meta.url), {
        workerData: { memory, late: lateSeconds },
        resourceLimits: LANE_HEAP,
      });
      this.#worker.on('error', () => {
        // Stays in the state `starting`: see above.
      });
      this.#worker.unref();
    }
    return Atomics.load(words, word.state) !== state.starting;
  }
}
