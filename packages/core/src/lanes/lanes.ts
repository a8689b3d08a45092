// An ordered pipeline: tasks are performed by several threads at once and told in the order in which they were handed
// over. The serial reference gives the same bytes.
//
// Invariants: memory is that of the slots, whatever is handed over. The caller performs tasks itself while it would have
// to wait, so a pipeline whose threads are not up yet, or never come up, is only slower.

import { assert } from '../errors.js';
import { type Perform, performTask } from './lane.js';
import { FAILED, field, type SlotSizes, Slots, VALUES, word } from './slots.js';

/** All three are good during the call only. */
export type Told = (output: Uint8Array, values: Int32Array, input: Uint8Array) => void;

/** Perform tasks on bytes, in worker threads or in the caller; results come in the order of the tasks. */
export interface Lanes {
  /** Longest input and output that are handed to another thread. */
  readonly sizes: Pick<SlotSizes, 'input' | 'output'>;
  /** How many tasks may be under way before `push` waits. */
  readonly depth: number;
  /**
   * Hands a task over; `input` may be used again at once. `room`: bytes of its longest output. `told` is called, in order,
   * by a later `push` or by `drain`. @throws what a task threw that is told now; the others are lost
   */
  push(
    task: { readonly values: readonly number[]; readonly input: Uint8Array; readonly room: number },
    told: Told,
  ): void;
  /** Waits for the oldest task that was not told, and tells it; nothing if there is none. @throws what it threw */
  next(): void;
  /** Waits until every task was told. */
  drain(): void;
  close(): void;
}

/** In the caller's own thread, at once. */
export class SerialLanes implements Lanes {
  readonly sizes = { input: 0, output: 0 };
  readonly depth = 1;
  readonly #perform: Perform;

  constructor(perform: Perform) {
    this.#perform = perform;
  }
  push({ values, input, room }: Parameters<Lanes['push']>[0], told: Told): void {
    const numbers = numbersOf(values);
    const output = new Uint8Array(room);
    const length = this.#perform(numbers, input, output);
    told(output.subarray(0, length), numbers, input);
  }
  next(): void {}
  drain(): void {}
  close(): void {}
}

/** A thread that serves the slots, or will soon. */
export interface LaneThread {
  end(): void;
}

/** Which worker, how many, and how large a task may be. */
export interface ThreadLanesOptions {
  readonly sizes: SlotSizes;
  readonly perform: Perform;
  /** How many threads. */
  readonly count: number;
  readonly start: (slots: Slots) => LaneThread;
  /** Bytes of input from which on threads are worth their start. */
  readonly after?: number;
}

const AFTER = 8 << 20;

/** Lanes that are worker threads over shared memory. */
export class ThreadLanes implements Lanes {
  readonly sizes: SlotSizes;
  readonly #options: ThreadLanesOptions;
  readonly #serial: SerialLanes;
  readonly #threads: LaneThread[] = [];
  readonly #told: Told[] = [];
  #slots: Slots | null = null;
  #offered = 0;
  #submitted = 0;
  #collected = 0;

  constructor(options: ThreadLanesOptions) {
    this.#options = options;
    this.sizes = options.sizes;
    this.#serial = new SerialLanes(options.perform);
  }
  get depth(): number {
    return this.sizes.slots;
  }

  push(task: Parameters<Lanes['push']>[0], told: Told): void {
    const { values, input, room } = task;
    this.#offered += input.length;
    const slots = this.#ready();
    if (!slots || input.length > this.sizes.input || room > this.sizes.output) {
      this.drain();
      this.#serial.push(task, told);
      return;
    }
    while (this.#submitted - this.#collected >= this.sizes.slots) this.#collect(slots);
    const number = this.#submitted;
    const numbers = slots.numbers(number);
    numbers.set(numbersOf(values), field.values);
    numbers[field.inputLength] = input.length;
    slots.input(number).set(input);
    this.#told[number % this.sizes.slots] = told;
    this.#submitted += 1;
    Atomics.store(slots.words, word.submitted, this.#submitted);
    Atomics.notify(slots.words, word.submitted, 1);
  }

  next(): void {
    if (this.#slots && this.#collected < this.#submitted) this.#collect(this.#slots);
  }

  drain(): void {
    while (this.#collected < this.#submitted) this.next();
  }

  close(): void {
    for (const thread of this.#threads) thread.end();
    this.#threads.length = 0;
  }

  /** Waits for the oldest task, performing others meanwhile, and tells it. */
  #collect(slots: Slots): void {
    while (!this.#isDone(slots, this.#collected)) {
      const task = slots.claim();
      if (task >= 0) performTask(slots, task, this.#options.perform);
      else {
        const numbers = slots.numbers(this.#collected);
        const done = Atomics.load(numbers, field.done);
        if (done !== this.#collected + 1) Atomics.wait(numbers, field.done, done);
      }
    }
    this.#tell(slots);
  }

  #isDone(slots: Slots, task: number): boolean {
    return Atomics.load(slots.numbers(task), field.done) === task + 1;
  }

  #tell(slots: Slots): void {
    const task = this.#collected;
    const told = this.#told[task % this.sizes.slots];
    assert(told !== undefined, 'whoever hands a task over is told');
    this.#collected += 1;
    const numbers = slots.numbers(task);
    const values = numbers.subarray(field.values);
    let length = numbers[field.outputLength] as number;
    const input = slots.input(task).subarray(0, numbers[field.inputLength]);
    const output = slots.output(task);
    // The same error again, here where it can be thrown.
    if (length === FAILED) length = this.#options.perform(values, input, output);
    told(output.subarray(0, length), values, input);
  }

  #ready(): Slots | null {
    const { count, start, after = AFTER, sizes } = this.#options;
    if (this.#slots === null && count > 0 && this.#offered > after) {
      this.#slots = new Slots(sizes);
      for (let i = 0; i < count; i += 1) this.#threads.push(start(this.#slots));
    }
    return this.#slots;
  }
}

function numbersOf(values: readonly number[]): Int32Array {
  assert(values.length <= VALUES, 'a task has few numbers');
  const numbers = new Int32Array(VALUES);
  numbers.set(values);
  return numbers;
}
