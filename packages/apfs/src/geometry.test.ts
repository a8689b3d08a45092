import { expect, test } from 'vitest';
import { geometry, spacemanLayout } from './geometry.js';

// Measured on containers of mkapfs: blocks, chunks, cibs, cabs, pool, ring, limits of pool and main queue, volumes.
const measured: number[][] = [
  [256, 1, 1, 0, 6, 16, 1, 1, 1],
  [5120, 1, 1, 0, 6, 16, 1, 3, 1],
  [25600, 1, 1, 0, 6, 16, 1, 6, 1],
  [131072, 4, 1, 0, 15, 16, 1, 29, 1],
  [262144, 8, 1, 0, 27, 16, 1, 116, 2],
  [1048576, 32, 1, 0, 99, 16, 1, 512, 8],
  [13107200, 400, 4, 0, 1212, 16, 3, 512, 100],
  [67108864, 2048, 17, 0, 6195, 16, 6, 512, 100],
  [536870912, 16384, 131, 0, 49545, 32, 44, 512, 100],
  [2147483648, 65536, 521, 2, 198177, 112, 175, 512, 100],
  [3906250000, 119210, 947, 2, 360477, 192, 318, 512, 100],
];
test.each(measured)('a container of %i blocks', (blocks, ...expected) => {
  const g = geometry(blocks as number);
  expect([
    g.chunks,
    g.cibs,
    g.cabs,
    g.poolBlocks,
    g.poolRingBlocks,
    g.poolQueueLimit,
    g.mainQueueLimit,
    g.maxVolumes,
  ]).toEqual(expected);
});

test.each([
  [4086, 8, 52],
  [12288, 8, 124],
  [16384, 8, 160],
  [32768, 8, 304],
  [65536, 8, 332],
  [13107200, 280, 27672],
])('checkpoint areas of %i blocks', (blocks, descriptor, data) => {
  expect(geometry(blocks)).toMatchObject({ descriptorBlocks: descriptor, dataBlocks: data });
});

test('the arrays of the space manager', () => {
  expect(spacemanLayout(geometry(4086))).toEqual({
    xids: 2520,
    slots: 2528,
    freeNext: 2536,
    addresses: 2568,
    tier2Addresses: 2576,
    size: 4096,
  });
  expect(spacemanLayout(geometry(2_000_000_000)).size).toBe(8192);
});
