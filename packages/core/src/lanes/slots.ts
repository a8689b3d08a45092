// The shared memory between a pipeline and its lanes: a ring of slots, each with a task's input, its output, and a few
// numbers. Tasks are claimed one by one, by whoever is idle; counts only ever go up, so nothing needs a lock.

/** How many tasks there is room for, and how large each may be. */
export interface SlotSizes {
  readonly slots: number;
  /** Bytes of the longest input and output. */
  readonly input: number;
  readonly output: number;
}

export const word = { submitted: 0, claimed: 1 } as const;

/** Numbers of a slot: the task that is done there, counted from 1; lengths; then the task's own. */
export const field = { done: 0, inputLength: 1, outputLength: 2, values: 4, count: 12 } as const;

/** How many numbers a task has for itself, given and answered. */
export const VALUES = field.count - field.values;
/** Instead of an output length: the task threw. */
export const FAILED = -1;

const WORDS_SIZE = 64;

/** Shared memory of lanes, cut into slots: a task is written into one, its result is read from it. */
export class Slots {
  readonly words: Int32Array;
  readonly #numbers: Int32Array;

  /** `memory`: of the other side; else of `sizeOf` bytes. */
  constructor(
    readonly sizes: SlotSizes,
    readonly memory: SharedArrayBuffer = new SharedArrayBuffer(sizeOf(sizes)),
  ) {
    this.words = new Int32Array(memory, 0, WORDS_SIZE / 4);
    this.#numbers = new Int32Array(memory, WORDS_SIZE, sizes.slots * field.count);
  }

  numbers(task: number): Int32Array {
    const at = (task % this.sizes.slots) * field.count;
    return this.#numbers.subarray(at, at + field.count);
  }
  input(task: number): Uint8Array {
    return new Uint8Array(this.memory, this.#place(task), this.sizes.input);
  }
  output(task: number): Uint8Array {
    return new Uint8Array(this.memory, this.#place(task) + this.sizes.input, this.sizes.output);
  }

  /** The next task that nobody has begun, now the caller's; -1 if there is none. */
  claim(): number {
    for (;;) {
      const task = Atomics.load(this.words, word.claimed);
      if (task >= Atomics.load(this.words, word.submitted)) return -1;
      if (Atomics.compareExchange(this.words, word.claimed, task, task + 1) === task) return task;
    }
  }

  #place(task: number): number {
    const { slots, input, output } = this.sizes;
    return WORDS_SIZE + slots * field.count * 4 + (task % slots) * (input + output);
  }
}

function sizeOf({ slots, input, output }: SlotSizes): number {
  return WORDS_SIZE + slots * (field.count * 4 + input + output);
}
