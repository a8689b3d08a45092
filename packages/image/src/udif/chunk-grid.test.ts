import { expect, test } from 'vitest';
import { ChunkGrid } from './chunk-grid.js';
import { CHUNK } from './fork-writer.js';
import { OpenChunks } from './open-chunks.js';

const REGIONS = [
  { start: 0, size: 512 },
  { start: 512, size: 0 },
  { start: 512, size: CHUNK + 512 },
  { start: CHUNK + 1024, size: CHUNK },
];

test('chunks begin with their region and end with it', () => {
  const grid = new ChunkGrid(REGIONS);
  expect(grid.count).toBe(4);
  expect([0, 1, 2, 3].map((chunk) => grid.range(chunk))).toEqual([
    { start: 0, size: 512 },
    { start: 512, size: CHUNK },
    { start: 512 + CHUNK, size: 512 },
    { start: 1024 + CHUNK, size: CHUNK },
  ]);
  for (const position of [0, 511, 512, CHUNK + 511, CHUNK + 512, CHUNK + 1024, 2 * CHUNK + 1023]) {
    const { start, size } = grid.range(grid.at(position));
    expect(position >= start && position < start + size).toBe(true);
  }
  expect(() => grid.at(2 * CHUNK + 1024)).toThrow();
  expect(() => grid.range(4)).toThrow();
});

test('a chunk is full when every piece was written whole; the oldest is the least recently written', () => {
  const open = new OpenChunks(2);
  open.open(5, 10_000, false);
  open.open(3, 4096, true);
  expect([open.isFull, open.oldest(), open.numbers]).toEqual([true, 5, [3, 5]]);
  const written = [0, 4096, 4000, 8192].map((offset) => {
    return open.write(5, offset, new Uint8Array(offset === 8192 ? 1808 : 4096).fill(1));
  });
  expect(written).toEqual([false, false, false, true]);
  expect(open.oldest()).toBe(3);
  expect(open.close(5).bytes.every((byte) => byte === 1)).toBe(true);
  expect(open.open(6, 10_000, false).bytes.every((byte) => byte === 0)).toBe(true);
  expect(() => open.open(7, 512, false)).toThrow();
  expect(() => open.write(5, 0, new Uint8Array(1))).toThrow();
});
