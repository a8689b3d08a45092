import { setTimeout as pause } from 'node:timers/promises';
import { crc32, type Lanes } from '@tintype/core';
import { Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
// The built package: a thread cannot run from the source.
import { chunkLanes, serialChunkLanes } from '../dist/index.js';
import { bzip2 } from './bzip2.js';
import { clearSum, decoding, encoding, performChunk, summing } from './chunk-task.js';
import { lzfse } from './lzfse.js';
import { zlib } from './zlib.js';

// Their numbers are those of the built codecs.
const codecs = [zlib, bzip2, lzfse];

/** Chunks of every kind, small and large, text and noise. */
function chunks(seed: number): Uint8Array[] {
  const random = new Random(seed);
  return Array.from({ length: 27 }, (_, i) => {
    const size = i === 13 ? 1_300_000 : 1 + random.below(30_000);
    return random.oneIn(4) ? random.bytes(size) : new Uint8Array(size).map((_value, at) => (at * i) >> 7);
  });
}

/** Encodes all, then decodes what was encoded. */
function roundTrip(lanes: Lanes, seed: number): { stored: Buffer[]; sums: number[]; clear: (Buffer | null)[] } {
  const all = chunks(seed);
  const stored: Buffer[] = [];
  const sums: number[] = [];
  for (const [i, chunk] of all.entries()) {
    const input = chunk.slice();
    lanes.push(encoding(codecs[i % 3] ?? null, input, 3), (output, values) => {
      stored.push(Buffer.from(output));
      sums.push(clearSum(values));
    });
    input.fill(0);
  }
  lanes.drain();
  const clear: (Buffer | null)[] = [];
  for (const [i, bytes] of stored.entries())
    if (bytes.length === 0) clear.push(null);
    else
      lanes.push(decoding(codecs[i % 3] ?? zlib, bytes, all[i]?.length ?? 0), (output) =>
        clear.push(Buffer.from(output)),
      );
  lanes.drain();
  return { stored, sums, clear };
}

test.each([0, 300])(
  'threads give the bytes of the serial reference, in order, from the first on (%s ms)',
  async (ms) => {
    const lanes = chunkLanes(3, 0);
    const reference = serialChunkLanes();
    lanes.push(encoding(zlib, new Uint8Array(9), 1), () => {});
    await pause(ms);
    for (const seed of [1]) {
      const found = roundTrip(lanes, seed);
      const expected = roundTrip(reference, seed);
      expect(found.stored.map((bytes) => bytes.toString('base64'))).toEqual(
        expected.stored.map((bytes) => bytes.toString('base64')),
      );
      expect(found.sums).toEqual(chunks(seed).map((chunk) => crc32(chunk)));
      const shrunk = found.stored.map(({ length }) => length > 0);
      expect(shrunk).toContain(true);
      expect(shrunk).toContain(false);
    }
    lanes.close();
  },
);

test('the sum alone', () => {
  const lanes = chunkLanes(2, 0);
  const sums: number[] = [];
  for (const chunk of chunks(2))
    lanes.push(summing(chunk), (output, values) => sums.push(clearSum(values), output.length));
  lanes.drain();
  expect(sums).toEqual(chunks(2).flatMap((chunk) => [crc32(chunk), 0]));
  lanes.close();
});

test('what was encoded comes back in the order of the chunks', () => {
  const lanes = chunkLanes(2, 0);
  const { stored, clear } = roundTrip(lanes, 3);
  const expected = chunks(3).filter((_, i) => (stored[i]?.length ?? 0) > 0);
  const found = clear.filter((bytes) => bytes !== null);
  expect(found.length).toBe(expected.length);
  for (const [i, bytes] of found.entries()) expect(Buffer.compare(bytes, expected[i] as Uint8Array)).toBe(0);
  lanes.close();
});

test('a chunk that cannot be decoded is an error for the one who waits for it, and the rest goes on', () => {
  const lanes = chunkLanes(2, 0);
  const told: number[] = [];
  lanes.push(encoding(zlib, new Uint8Array(100), 1), () => told.push(1));
  lanes.push(decoding(zlib, Buffer.from('no stream'), 50), () => told.push(2));
  expect(() => lanes.drain()).toThrow('zlib stream');
  lanes.push(encoding(zlib, new Uint8Array(100), 1), () => told.push(3));
  lanes.drain();
  expect(told).toEqual([1, 3]);
  lanes.close();
});

test('a task in the caller itself', () => {
  const values = new Int32Array(8);
  expect(performChunk(values, new Uint8Array(0), new Uint8Array(0))).toBe(0);
});
