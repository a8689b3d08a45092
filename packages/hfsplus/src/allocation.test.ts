import { SparseDevice } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { Allocation } from './allocation.js';

const BLOCK = 4096;
const BITMAP_AT = 1;

/** Blocks 0 and 1 … 8 hold header and bitmap; the last one is never given. */
function allocation(totalBlocks: number, used: readonly [number, number][] = []): Allocation {
  const device = new SparseDevice(totalBlocks * BLOCK);
  const bitmap = new Uint8Array(8 * BLOCK);
  const all: [number, number][] = [[0, 9], [totalBlocks - 1, 1], ...used];
  let count = 0;
  for (const [start, length] of all)
    for (let block = start; block < start + length; block += 1) {
      bitmap[block >> 3] = (bitmap[block >> 3] as number) | (0x80 >> (block & 7));
      count += 1;
    }
  device.write(BITMAP_AT * BLOCK, bitmap);
  const extents = [{ start: BITMAP_AT, count: 8 }];
  return new Allocation(device, {
    totalBlocks,
    freeBlocks: totalBlocks - count,
    nextAllocation: 0,
    blockSize: BLOCK,
    extents,
  });
}

describe('blocks are taken', () => {
  test('in one piece, each behind the one before', () => {
    const blocks = allocation(1000);
    expect(blocks.take(10)).toEqual([{ start: 9, count: 10 }]);
    expect(blocks.take(5)).toEqual([{ start: 19, count: 5 }]);
    expect(blocks.available).toBe(1000 - 10 - 15);
  });
  test('in one piece elsewhere rather than in two pieces here', () => {
    const blocks = allocation(1000, [[15, 1]]);
    expect(blocks.take(20)).toEqual([{ start: 16, count: 20 }]);
    expect(blocks.take(6)).toEqual([{ start: 36, count: 6 }]);
  });
  test('from the beginning again when the end is reached', () => {
    const blocks = allocation(100, [[20, 60]]);
    expect(blocks.take(19)).toEqual([{ start: 80, count: 19 }]);
    expect(blocks.take(3)).toEqual([{ start: 9, count: 3 }]);
  });
  test('in pieces where no piece is long enough', () => {
    const blocks = allocation(64, [
      [12, 1],
      [20, 10],
    ]);
    const extents = blocks.take(40);
    expect(extents.reduce((sum, { count }) => sum + count, 0)).toBe(40);
    expect(extents.length).toBeGreaterThan(1);
  });
  test('never more than there are, and then none', () => {
    const blocks = allocation(100);
    expect(() => blocks.take(91)).toThrow(expect.objectContaining({ code: 'volume-full' }));
    expect(blocks.available).toBe(90);
    blocks.take(90);
    expect(() => blocks.take(1)).toThrow(expect.objectContaining({ code: 'volume-full' }));
    expect([...blocks.freeRanges()]).toEqual([]);
  });
  test('behind an extent, as far as there is room', () => {
    const blocks = allocation(100, [[40, 1]]);
    blocks.take(1);
    expect(blocks.takeAfter(10, 100)).toEqual({ start: 10, count: 30 });
    expect(blocks.takeAfter(40, 5)).toBe(null);
  });
  test('a damaged count of free blocks is noticed, and nothing stays taken', () => {
    const device = new SparseDevice(100 * BLOCK);
    device.write(BLOCK, new Uint8Array(BLOCK).fill(255, 0, 12));
    const extents = [{ start: 1, count: 1 }];
    const blocks = new Allocation(device, {
      totalBlocks: 100,
      freeBlocks: 50,
      nextAllocation: 0,
      blockSize: BLOCK,
      extents,
    });
    expect(() => blocks.take(20)).toThrow(expect.objectContaining({ code: 'corrupt' }));
    expect(blocks.available).toBe(50);
  });
});

describe('blocks that are freed', () => {
  test('can be taken again at once if they were taken since the last commit', () => {
    const blocks = allocation(100);
    const [extent] = blocks.take(90);
    blocks.free(extent ?? { start: 0, count: 0 });
    expect(blocks.available).toBe(90);
    expect(blocks.take(90)).toEqual([{ start: 9, count: 90 }]);
  });
  test('wait for the commit otherwise', () => {
    const blocks = allocation(100);
    const taken = blocks.take(90);
    blocks.settle();
    for (const extent of taken) {
      expect(blocks.isFresh(extent)).toBe(false);
      blocks.free(extent);
    }
    expect(blocks.available).toBe(0);
    expect(blocks.freeBlocks).toBe(90);
    expect(() => blocks.take(1)).toThrow();
    blocks.prepare();
    expect(blocks.settle()).toEqual(taken);
    expect(blocks.available).toBe(90);
    expect(blocks.take(1)).toEqual([{ start: 9, count: 1 }]);
  });
  test('are written to the bitmap by the commit, in the pieces that changed', () => {
    const blocks = allocation(8 * 4096 * 7);
    expect([...blocks.dirtyPieces(4096)]).toEqual([]);
    blocks.take(3);
    const [piece] = [...blocks.dirtyPieces(4096)];
    expect(piece?.position).toBe(BITMAP_AT * BLOCK);
    expect([...(piece?.bytes.subarray(0, 3) ?? [])]).toEqual([0xff, 0xf0, 0]);
    expect(blocks.dirtyBytes).toBe([...blocks.dirtyPieces(4096)].length * 4096);
  });
});

test('ranges across the pieces in which the bitmap is loaded', () => {
  const device = new SparseDevice(1_000_000 * BLOCK);
  const extents = [{ start: 1, count: 31 }];
  device.write(BLOCK, new Uint8Array(4).fill(255));
  const blocks = new Allocation(device, {
    totalBlocks: 1_000_000,
    freeBlocks: 1_000_000 - 33,
    nextAllocation: 0,
    blockSize: BLOCK,
    extents,
  });
  expect([...blocks.freeRanges()]).toEqual([{ start: 32 * BLOCK, length: 999_967 * BLOCK }]);
  expect(blocks.take(900_000)).toEqual([{ start: 32, count: 900_000 }]);
  expect([...blocks.freeRanges()]).toEqual([{ start: 900_032 * BLOCK, length: 99_967 * BLOCK }]);
});
