import { count, Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { placeWhole } from './placement.js';

test('stretches lie in free runs, none over another', () => {
  for (let seed = 1; seed <= count(50, 2000); seed += 1) {
    const random = new Random(seed);
    const runs: { start: number; count: number }[] = [];
    for (let at = 1; at < 5000; ) {
      const start = at + random.between(1, 100);
      runs.push({ start, count: random.between(1, 300) });
      at = start + (runs.at(-1)?.count ?? 0);
    }
    const lengths = Array.from({ length: random.between(1, 40) }, () => random.between(1, 250)).sort((a, b) => b - a);
    const places = placeWhole(lengths, runs);
    if (!places) continue;
    expect(places).toHaveLength(lengths.length);
    const taken = new Set<number>();
    for (const [i, start] of places.entries()) {
      const end = start + (lengths[i] ?? 0);
      const isFree = runs.some((run) => run.start <= start && end <= run.start + run.count);
      expect(isFree, `seed ${seed}, ${start} to ${end}`).toBe(true);
      for (let block = start; block < end; block += 1) {
        expect(taken.has(block), `seed ${seed}, block ${block}`).toBe(false);
        taken.add(block);
      }
    }
  }
});

test('each takes the shortest run with room, and what is left of a run is taken as well', () => {
  const runs = [
    { start: 10, count: 100 },
    { start: 200, count: 70 },
    { start: 300, count: 66 },
  ];
  expect(placeWhole([65, 65, 5, 1], runs)).toEqual([300, 200, 265, 365]);
  expect(placeWhole([100, 70, 66], runs)).toEqual([10, 200, 300]);
});

test('one without room is a reason to place none', () => {
  expect(placeWhole([60, 50], [{ start: 1, count: 109 }])).toBeNull();
  expect(placeWhole([60, 49], [{ start: 1, count: 109 }])).toEqual([1, 61]);
  expect(placeWhole([], [])).toEqual([]);
});
