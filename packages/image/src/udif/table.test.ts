import { crc32 } from '@tintype/core';
import { MemoryStore } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { CHUNK, ForkWriter, readStoredChunk, type StoredChunk } from './fork-writer.js';
import { readTable } from './runs.js';
import { CHUNK_TYPE, CODECS } from './structs.js';
import { regionTable } from './table.js';

const K = 1024;
const region = { name: 'x', id: 3, descriptor: 4, start: 8 * K, size: 64 * K, isFree: false };

test('the data fork has the chunks one behind the other, what does not shrink as it is', () => {
  const file = new MemoryStore().open('x', 'create');
  const fork = new ForkWriter(file, { format: 'udzo' });
  const told: StoredChunk[] = [];
  const text = Buffer.alloc(9000, 'all work ');
  const noise = Buffer.from([1, 9, 77, 3]);
  fork.add(text, (chunk) => told.push(chunk));
  fork.add(noise, (chunk) => told.push(chunk));
  fork.drain();
  const [coded, raw] = told;
  expect(CODECS[coded?.type ?? 0]).toBe('zlib');
  expect(raw).toEqual({
    type: CHUNK_TYPE.raw,
    offset: coded?.length,
    length: 4,
    crc: crc32(noise),
    storedCrc: crc32(noise),
  });
  expect(coded?.crc).toBe(crc32(text));
  const all = new Uint8Array(fork.length);
  file.read(0, all);
  expect([file.size(), crc32(all.subarray(0, coded?.length))]).toEqual([fork.length, coded?.storedCrc]);
  const clear = Buffer.alloc(9000);
  readStoredChunk(file, 'udzo', coded as StoredChunk, clear);
  expect(clear.equals(text)).toBe(true);
  file.truncate(10);
  expect(() => readStoredChunk(file, 'udzo', coded as StoredChunk, clear)).toThrow('shorter');
  expect(() => fork.add(new Uint8Array(CHUNK + 1), () => {})).toThrow();
});

test('runs of nothing and raw neighbours are joined; the checksum is that of the bytes that count', () => {
  const bytes = Buffer.alloc(8 * K, 'abc');
  const row = (type: number, start: number, size: number, offset = 0, length = 0) => {
    return { type, start: 8 * K + start, size, offset, length, crc: length > 0 ? crc32(bytes.subarray(0, size)) : 0 };
  };
  const { raw, zero, ignore } = CHUNK_TYPE;
  const rows = [
    row(raw, 0, 4 * K, 100, 4 * K),
    row(raw, 4 * K, 2 * K, 100 + 4 * K, 2 * K),
    row(raw, 6 * K, 2 * K, 50_000, 2 * K),
    row(zero, 8 * K, 8 * K),
    row(zero, 16 * K, 16 * K),
    row(ignore, 32 * K, 32 * K),
  ];
  const { listed, crc } = regionTable(region, () => rows, { format: 'udro', start: 100, end: 60_000 });
  const table = readTable('x', Buffer.concat([...listed.pieces()].map((piece) => Buffer.from(piece))), {
    forkLength: 60_000,
    diskSize: 72 * K,
  });
  expect([...table.runs].map(({ type, start, size, length }) => [type, start - 8 * K, size, length])).toEqual([
    [raw, 0, 6 * K, 6 * K],
    [raw, 6 * K, 2 * K, 2 * K],
    [zero, 8 * K, 24 * K, 0],
    [ignore, 32 * K, 32 * K, 0],
  ]);
  const parts = [4 * K, 2 * K, 2 * K].map((size) => bytes.subarray(0, size));
  expect(crc).toBe(crc32(Buffer.concat([...parts, new Uint8Array(24 * K)])));
});
