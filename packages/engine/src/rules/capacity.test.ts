import { bandSizeFor } from '@tintype/image';
import { expect, test } from 'vitest';
import { defaultCapacity, isOverCommitted } from './capacity.js';

test('B15: a new image gets the free space of its host volume, rounded down to 1 MiB', () => {
  expect(defaultCapacity(5_000_000_000)).toBe(4768 * 1_048_576);
  expect(defaultCapacity(1_048_575)).toBe(0);
});

test('B17: an image that may grow past its host volume is over-committed', () => {
  expect(isOverCommitted(1001, 1000)).toBe(true);
  expect(isOverCommitted(1000, 1000)).toBe(false);
});

test('B14: bands of 8 MiB, doubled until there are at most 65,536', () => {
  expect(bandSizeFor(1)).toBe(8 << 20);
  expect(bandSizeFor((8 << 20) * 65_536)).toBe(8 << 20);
  expect(bandSizeFor((8 << 20) * 65_536 + 512)).toBe(16 << 20);
});
