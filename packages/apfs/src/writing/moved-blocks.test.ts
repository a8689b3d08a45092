import { Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { MovedBlocks } from './moved-blocks.js';

test('each block is found where it went, and what did not move in between', () => {
  const moved = new MovedBlocks();
  moved.add(100, 10, 5);
  moved.add(80, 10, 40);
  moved.add(90, 5, 70);
  expect(moved.find(70, 50)).toEqual({ count: 10, to: null });
  expect(moved.find(80, 50)).toEqual({ count: 10, to: 40 });
  expect(moved.find(92, 2)).toEqual({ count: 2, to: 72 });
  expect(moved.find(92, 50)).toEqual({ count: 3, to: 72 });
  expect(moved.find(95, 50)).toEqual({ count: 5, to: null });
  expect(moved.find(109, 50)).toEqual({ count: 1, to: 14 });
  expect(moved.find(110, 50)).toEqual({ count: 50, to: null });
});

test('as a plain map from block to block', () => {
  const random = new Random(11);
  for (let round = 0; round < 30; round += 1) {
    const moved = new MovedBlocks();
    const plain = new Map<number, number>();
    for (let i = 0; i < 40; i += 1) {
      const start = random.below(600);
      const count = 1 + random.below(8);
      const blocks = Array.from({ length: count }, (_, each) => start + each);
      if (blocks.some((block) => plain.has(block))) continue;
      const to = 1000 * (i + 1);
      moved.add(start, count, to);
      for (const block of blocks) plain.set(block, to + block - start);
    }
    for (let block = 0; block < 620; ) {
      const { count, to } = moved.find(block, 620 - block);
      for (let i = 0; i < count; i += 1) expect(plain.get(block + i) ?? null).toBe(to === null ? null : to + i);
      block += count;
    }
  }
});
