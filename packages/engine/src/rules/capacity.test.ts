import { bandSizeFor } from '@tintype/image';
import { expect, test } from 'vitest';
import { archiveCapacity, defaultCapacity, grownSize, isOverCommitted, requireDiskSize } from './capacity.js';

const MIB = 1 << 20;

test('B15: a new image gets the free space of its host volume, rounded down to 1 MiB', () => {
  expect(defaultCapacity(5_000_000_000)).toBe(4768 * 1_048_576);
  expect(defaultCapacity(1_048_575)).toBe(0);
  // A first backup on a host with more room than any volume can have must not fail.
  expect(defaultCapacity(40e12)).toBe(Math.floor(16e12 / 1_048_576) * 1_048_576);
});

test('a new disk has room for a volume, and no more than a volume can have', () => {
  for (const size of [1e6, 16e12]) expect(() => requireDiskSize(size)).not.toThrow();
  expect(() => requireDiskSize(1e6 - 1)).toThrow('a disk of 999999 bytes has no room for a volume: the least is 1mb');
  expect(() => requireDiskSize(16e12 + 1)).toThrow('a disk of 16000000000001 bytes is too large: the most is 16.0 TB');
});

test('B17: an image that may grow past its host volume is over-committed', () => {
  expect(isOverCommitted(1001, 1000)).toBe(true);
  expect(isOverCommitted(1000, 1000)).toBe(false);
});

test.each([
  // By what is needed, at least a tenth and 64 MiB.
  [100 * MIB, 1 * MIB, 1e12, 164 * MIB],
  [1000 * MIB, 200 * MIB, 1e12, 1205 * MIB],
  [10_000 * MIB, 1, 1e12, 11_000 * MIB],
  // Never past what the host has free.
  [10_000 * MIB, 100 * MIB, 216 * MIB, 10_200 * MIB],
  [10_000 * MIB, 200 * MIB, 216 * MIB, null],
  [10_000 * MIB, 1, 0, null],
])(
  'B16: an image of %i bytes that lacks %i grows, with %i free on the host, to %s',
  (size, needed, hostFree, grown) => {
    expect(grownSize({ size, needed, hostFree })).toBe(grown);
  },
);

test('B14: bands of 8 MiB, doubled until there are at most 65,536', () => {
  expect(bandSizeFor(1)).toBe(8 << 20);
  expect(bandSizeFor((8 << 20) * 65_536)).toBe(8 << 20);
  expect(bandSizeFor((8 << 20) * 65_536 + 512)).toBe(16 << 20);
});

test('the volume of a read-only image is sized by its content, and by its items where these are small', () => {
  expect(archiveCapacity({ blocks: 1000 * MIB, items: 10 })).toBe(1100 * MIB + 16 * MIB);
  expect(archiveCapacity({ blocks: 0, items: 0 })).toBe(16 * MIB);
  expect(archiveCapacity({ blocks: 0, items: 1_000_000 })).toBeGreaterThan(900 * MIB);
  expect(archiveCapacity({ blocks: 4097, items: 1 }) % 4096).toBe(0);
});
