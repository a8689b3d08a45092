import { expect, test } from 'vitest';
import { ReferenceChanges } from './reference-changes.js';

const over = (changes: readonly [number, number, number][], start: number, end: number) =>
  [
    ...new ReferenceChanges(changes.map(([state, from, to]) => ({ state, start: from, end: to, count: -1 }))).over(
      start,
      end,
    ),
  ].map((part) => [part.start, part.end, part.changes.map(({ state }) => state)]);

test('parts are cut where a change begins or ends', () => {
  const changes: [number, number, number][] = [
    [2, 10, 20],
    [1, 15, 30],
    [3, 40, 41],
    [4, 20, 22],
  ];
  expect(over(changes, 0, 100)).toEqual([
    [10, 15, [2]],
    [15, 20, [1, 2]],
    [20, 22, [1, 4]],
    [22, 30, [1]],
    [40, 41, [3]],
  ]);
  expect(over(changes, 16, 21)).toEqual([
    [16, 20, [1, 2]],
    [20, 21, [1, 4]],
  ]);
  expect(over(changes, 30, 40)).toEqual([]);
  expect(over([], 0, 100)).toEqual([]);
});
