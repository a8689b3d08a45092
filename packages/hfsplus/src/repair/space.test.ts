import { expect, test } from 'vitest';
import { Space } from './space.js';

test('blocks are taken where they are wanted, else where there are enough in a row', () => {
  const space = new Space(4096, 64);
  expect(space.own({ start: 10, count: 4 })).toBe(true);
  expect(space.own({ start: 13, count: 2 })).toBe(false);
  expect(space.take(3, 15)).toEqual({ start: 15, count: 3 });
  expect(space.take(9)).toEqual({ start: 1, count: 9 });
  expect(space.take(40)).toEqual({ start: 18, count: 40 });
});

test('the last block and what is in use are never taken', () => {
  const space = new Space(4096, 32);
  expect(space.take(31)).toBeNull();
  expect(space.take(30)).toEqual({ start: 1, count: 30 });
  expect(space.take(1)).toBeNull();
  expect(space.isFree(30)).toBe(false);
});
