import { MemoryDevice } from '@tintype/core';
import { expect, test } from 'vitest';
import { ForkData } from '../structs/volume-header.js';
import { forkShape, lostOf, readFork } from './forks.js';
import { SalvageSource } from './source.js';

const shape = { origin: 0, blockSize: 512, totalBlocks: 100 };
const source = new SalvageSource(new MemoryDevice(Uint8Array.from({ length: 51_200 }, (_, i) => i >>> 9)));

function fork(size: number, extents: readonly (readonly [number, number])[]): DataView {
  const view = new DataView(new ArrayBuffer(ForkData.size));
  view.setUint32(4, size);
  for (const [i, [start, count]] of extents.entries()) {
    view.setUint32(ForkData.at.extents + 8 * i, start);
    view.setUint32(ForkData.at.extents + 8 * i + 4, count);
  }
  return view;
}
function overflow(startBlock: number, start: number, count: number) {
  const extents = new DataView(new ArrayBuffer(64));
  extents.setUint32(0, start);
  extents.setUint32(4, count);
  return { startBlock, extents };
}

test('extents outside the volume, and gaps between overflow records, are lost', () => {
  const found = forkShape(
    fork(4000, [
      [5, 1],
      [99, 5],
      [7, 1],
    ]),
    0,
    [],
    shape,
  );
  expect(found.stretches).toEqual([
    { position: 0, length: 512, at: 2560 },
    { position: 512, length: 2560, at: null },
    { position: 3072, length: 512, at: 3584 },
    { position: 3584, length: 416, at: null },
  ]);
  expect(lostOf(found, source).map(({ start, length }) => [start, length])).toEqual([
    [512, 2560],
    [3584, 416],
  ]);
  const bytes = new Uint8Array(4000).fill(1);
  expect(readFork(found, source, 0, bytes)).toBe(4000);
  expect([bytes[0], bytes[600], bytes[3100], bytes[3999]]).toEqual([5, 0, 7, 0]);
  const late = forkShape(fork(2048, [[5, 1]]), 0, [overflow(3, 9, 1), overflow(1, 8, 1), overflow(0, 1, 9)], shape);
  expect(late.stretches.map(({ position, at }) => [position, at])).toEqual([
    [0, 2560],
    [512, 4096],
    [1024, null],
    [1536, 4608],
  ]);
});

test('a size that cannot be is cut only by what is there', () => {
  const view = fork(0, [[5, 1]]);
  view.setUint32(0, 0xffff_ffff);
  const found = forkShape(view, 0, [], shape);
  expect(found.size).toBe(Number.MAX_SAFE_INTEGER);
  expect(found.stretches).toHaveLength(2);
  expect(readFork(found, source, 2 ** 50, new Uint8Array(10))).toBe(10);
});
