import { Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { Changes } from './changes.js';

/** Counts between blocks, from sorted pairs. */
function countsOf(pairs: Float64Array, blocks: number): number[] {
  const counts = new Array<number>(blocks).fill(0);
  for (let i = 0; i < pairs.length; i += 2)
    for (let block = pairs[i] as number; block < blocks; block += 1)
      counts[block] = (counts[block] as number) + (pairs[i + 1] as number);
  return counts;
}

test('no changes make no pairs', () => {
  expect([...new Changes().sorted()]).toEqual([]);
});

test('changes that ascend stay as they are', () => {
  const changes = new Changes();
  changes.add(3, 2, 1);
  changes.add(5, 1, -4);
  expect([...changes.sorted()]).toEqual([3, 1, 5, -1, 5, -4, 6, 4]);
});

test.each([1, 2, 3, 5, 600])('%i changes in any order are sorted, also when more come later', (count) => {
  const random = new Random(count);
  const blocks = 200;
  const changes = new Changes();
  const wanted = new Array<number>(blocks).fill(0);
  for (let turn = 0; turn < 2; turn += 1) {
    for (let i = 0; i < count; i += 1) {
      const start = random.below(blocks - 20);
      const length = 1 + random.below(20);
      const change = random.below(5) - 2;
      changes.add(start, length, change);
      for (let block = start; block < start + length; block += 1) wanted[block] = (wanted[block] as number) + change;
    }
    const pairs = changes.sorted();
    expect(pairs.length).toBe(4 * count * (turn + 1));
    for (let i = 2; i < pairs.length; i += 2) expect(pairs[i]).toBeGreaterThanOrEqual(pairs[i - 2] as number);
    expect(countsOf(pairs, blocks)).toEqual(wanted);
  }
});
