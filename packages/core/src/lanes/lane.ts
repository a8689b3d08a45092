// What runs inside a lane: takes tasks until the thread is ended. It never decides anything, and does no input or output.

import { FAILED, field, type Slots, word } from './slots.js';

/**
 * What lanes do: from `input` to `output`; answers how many bytes of `output` count. `values` are the task's own
 * numbers, 8 of 32 bits; what is left in them comes back. The same for the same input, in any thread.
 */
export type Perform = (values: Int32Array, input: Uint8Array, output: Uint8Array) => number;

/** Never returns. */
export function serveLane(slots: Slots, perform: Perform): never {
  const { words } = slots;
  for (;;) {
    const submitted = Atomics.load(words, word.submitted);
    const task = slots.claim();
    if (task >= 0) performTask(slots, task, perform);
    else Atomics.wait(words, word.submitted, submitted);
  }
}

/** A task that was claimed. One that throws is marked as failed: whoever waits for it does it again, and throws. */
export function performTask(slots: Slots, task: number, perform: Perform): void {
  const numbers = slots.numbers(task);
  const input = slots.input(task).subarray(0, numbers[field.inputLength]);
  try {
    numbers[field.outputLength] = perform(numbers.subarray(field.values), input, slots.output(task));
  } catch {
    numbers[field.outputLength] = FAILED;
  }
  Atomics.store(numbers, field.done, task + 1);
  Atomics.notify(numbers, field.done);
}
