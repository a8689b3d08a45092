import { expect, test } from 'vitest';
import type { Perform } from './lane.js';
import { performTask } from './lane.js';
import { type Lanes, SerialLanes, ThreadLanes } from './lanes.js';
import { FAILED, field, Slots, word } from './slots.js';

/** Adds the task's number to every byte; refuses a number of 99. */
const perform: Perform = (values, input, output) => {
  if (values[0] === 99) throw new Error('refused');
  for (const [i, byte] of input.entries()) output[i] = byte + (values[0] as number);
  values[1] = input.length;
  return input.length;
};
const sizes = { slots: 3, input: 10, output: 10 };

/** Without a thread, the caller does everything. */
function withoutThreads(started: Slots[] = []): Lanes {
  const start = (slots: Slots) => {
    started.push(slots);
    return { end: () => started.pop() };
  };
  return new ThreadLanes({ sizes, perform, count: 2, after: 5, start });
}

function pushed(lanes: Lanes): string[] {
  const told: string[] = [];
  for (let i = 0; i < 20; i += 1) {
    const input = new Uint8Array(i === 11 ? 50 : 4).fill(i);
    lanes.push({ values: [i, -1], input, room: input.length }, (output, values, given) =>
      told.push(`${values[0]} ${values[1]}: ${output} from ${given[0]}`),
    );
    input.fill(0);
  }
  lanes.drain();
  return told;
}

test('tasks are told in order, too long ones too, and nobody waits for threads that never come', () => {
  const started: Slots[] = [];
  const lanes = withoutThreads(started);
  const told = pushed(lanes);
  expect(told).toEqual(pushed(new SerialLanes(perform)));
  expect(told.map((line) => Number(line.split(' ')[0]))).toEqual(Array.from({ length: 20 }, (_, i) => i));
  expect(started.length).toBe(2);
  lanes.close();
  expect(started.length).toBe(0);
});

test('what a task throws reaches whoever takes it, and the next one is sound', () => {
  const lanes = withoutThreads();
  const told: number[] = [];
  for (const value of [1, 99, 2])
    lanes.push({ values: [value], input: new Uint8Array(6), room: 6 }, (_output, values) => told.push(values[0] ?? 0));
  lanes.next();
  expect(() => lanes.next()).toThrow('refused');
  lanes.next();
  lanes.next();
  expect(told).toEqual([1, 2]);
});

test('a task is claimed once, and says when it is done', () => {
  const slots = new Slots(sizes);
  expect(slots.claim()).toBe(-1);
  slots.numbers(0).set([0, 2, 0, 0, 7]);
  slots.input(0).set([1, 2]);
  slots.numbers(1).set([0, 2, 0, 0, 99]);
  Atomics.store(slots.words, word.submitted, 2);
  const other = new Slots(sizes, slots.memory);
  expect([other.claim(), slots.claim(), other.claim()]).toEqual([0, 1, -1]);
  performTask(other, 0, perform);
  performTask(other, 1, perform);
  expect([...slots.output(0).subarray(0, 2)]).toEqual([8, 9]);
  const seen = [0, 1].map((task) => [field.done, field.outputLength].map((at) => slots.numbers(task)[at]));
  expect(seen).toEqual([
    [1, 2],
    [2, FAILED],
  ]);
  expect(slots.numbers(3).byteOffset).toBe(slots.numbers(0).byteOffset);
});
