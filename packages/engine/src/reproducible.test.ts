import type { Item } from '@tintype/core';
import { expect, test } from 'vitest';
import { derivedRandom, epochOf, withReproducibleTimes } from './reproducible.js';

function numbers(name: string, capacity: number): string[] {
  const random = derivedRandom(name, capacity);
  return [16, 16, 100].map((length) => {
    const bytes = Buffer.alloc(length);
    random(bytes);
    return bytes.toString('hex');
  });
}

test('numbers follow from name and capacity, and each use has its own', () => {
  expect(numbers('a', 1)).toEqual(numbers('a', 1));
  expect(new Set([...numbers('a', 1), ...numbers('a', 2), ...numbers('b', 1)]).size).toBe(9);
  expect(numbers('a', 1)[2]).not.toMatch(/(00){8}/);
});

test('times are the smaller of content and epoch, and the content keeps its own', () => {
  const times = (mtime: number, mtimeNanos: number) => {
    const item = { mtime, mtimeNanos, ctime: 77, ctimeNanos: 7, btime: 66, btimeNanos: 6 } as Item;
    const shown = withReproducibleTimes(item, 1000);
    expect([shown.mtime, shown.mtimeNanos]).toEqual([mtime, mtimeNanos]);
    return [shown.ctime, shown.ctimeNanos, shown.btime, shown.btimeNanos];
  };
  expect(times(5, 4)).toEqual([5, 4, 5, 4]);
  expect(times(1000, 9)).toEqual([1000, 0, 1000, 0]);
  expect(times(2000, 9)).toEqual([1000, 0, 1000, 0]);
});

test('an epoch is a number of seconds', () => {
  expect([epochOf('1700000000'), epochOf('0'), epochOf(''), epochOf('now'), epochOf(undefined)]).toEqual([
    1_700_000_000,
    0,
    undefined,
    undefined,
    undefined,
  ]);
});
