import { crc32 } from '@tintype/core';
import { expect, test } from 'vitest';
import { CHUNK_TYPE } from './structs.js';
import { CutChunks, ZeroPieces } from './zero-pieces.js';

const PIECE = 1 << 16;

/** A chunk with a byte in each of these pieces, `pieces` long in all. */
function chunkOf(pieces: number, filled: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(pieces * PIECE);
  for (const piece of filled) bytes[piece * PIECE + piece] = piece + 1;
  return bytes;
}
const lengths = (bytes: Uint8Array, zeros = new ZeroPieces()) =>
  zeros.of(bytes).map(({ isZero, length }) => (isZero ? -length : length) / PIECE);

test('zeros and bytes in turn, in pieces of 64 KiB; the last may be shorter', () => {
  expect(lengths(chunkOf(16, [0, 1, 5]))).toEqual([2, -3, 1, -10]);
  expect(lengths(chunkOf(16, [15]))).toEqual([-15, 1]);
  expect(lengths(chunkOf(4, [0, 1, 2, 3]))).toEqual([4]);
  expect(lengths(chunkOf(16, []))).toEqual([-16]);
  expect(lengths(chunkOf(16, [0, 2, 4, 6, 8, 10, 12, 14]))).toHaveLength(16);
  expect(lengths(chunkOf(2, [1]).subarray(0, PIECE + 512))).toEqual([-1, 512 / PIECE]);
});

test('a chunk is left whole where it would need more entries than are left, until others give theirs back', () => {
  const zeros = new ZeroPieces(4);
  const chunk = chunkOf(16, [0, 5]);
  const first = zeros.of(chunk);
  expect(first).toHaveLength(4);
  expect(lengths(chunk, zeros)).toEqual([16]);
  expect(lengths(chunkOf(16, [0]), zeros)).toEqual([1, -15]);
  zeros.giveBack(first);
  expect(lengths(chunk, zeros)).toEqual([1, -4, 1, -10]);
});

test('what is stored of a chunk has no gaps, goes back to its places, and has an entry for each piece', () => {
  for (const filled of [[0, 1, 5], [3, 15], [0, 2, 4, 6, 8, 10, 12, 14], [1, 3, 5, 7, 9, 11, 13, 15], [15]]) {
    const chunks = new CutChunks();
    const bytes = chunkOf(16, filled);
    const stored = chunks.cut(9, bytes);
    expect(stored.length).toBe(filled.length * PIECE);
    // What was in the buffer before is no part of it.
    const clear = new Uint8Array(bytes.length).fill(0xee);
    clear.set(stored);
    chunks.spread(9, clear);
    expect(Buffer.compare(clear, bytes)).toBe(0);
    const place = { type: CHUNK_TYPE.raw, offset: 1000, length: stored.length, crc: 0, storedCrc: 0 };
    const rows = chunks.rows(9, 1 << 20, place) ?? [];
    let [at, offset] = [1 << 20, 1000];
    for (const row of rows) {
      expect(row.start).toBe(at);
      at += row.size;
      if (row.type === CHUNK_TYPE.zero) continue;
      expect([row.offset, row.length]).toEqual([offset, row.size]);
      expect(row.crc).toBe(crc32(bytes.subarray(row.start - (1 << 20), at - (1 << 20))));
      offset += row.length;
    }
    expect([at, offset]).toEqual([(1 << 20) + bytes.length, 1000 + stored.length]);
    chunks.forget(9);
    expect(chunks.rows(9, 0, place)).toBe(null);
  }
});
