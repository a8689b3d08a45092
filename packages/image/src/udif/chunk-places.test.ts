import { crc32 } from '@tintype/core';
import { expect, test } from 'vitest';
import { ChunkPlaces } from './chunk-places.js';
import { CHUNK_TYPE } from './structs.js';

test('the sum of a fork is that of its bytes, with zeros where no chunk lies', () => {
  const zlib = 0x8000_0005;
  const places = new ChunkPlaces(4, zlib);
  const fork = Buffer.alloc(90);
  const put = (chunk: number, offset: number, text: string, type = zlib): void => {
    const stored = Buffer.from(text);
    stored.copy(fork, offset);
    places.put(chunk, { type, offset, length: stored.length, crc: chunk, storedCrc: crc32(stored) });
  };
  put(0, 50, 'the first');
  put(2, 3, 'the second', CHUNK_TYPE.raw);
  put(3, 13, 'the third');
  const ordered = places.inOrder(Uint32Array.of(0, 2, 3));
  expect([...ordered]).toEqual([2, 3, 0]);
  expect(places.sum(ordered, fork.length)).toBe(crc32(fork));
  expect(places.get(2)).toMatchObject({ type: CHUNK_TYPE.raw, offset: 3, length: 10, crc: 2 });
  expect(places.range(0)).toEqual({ start: 50, length: 9 });
  places.move(0, 22);
  const joined = Buffer.concat([fork.subarray(0, 22), Buffer.from('the first')]);
  expect(places.sum(ordered, joined.length)).toBe(crc32(joined));
  expect(places.sum(new Uint32Array(0), 0)).toBe(0);
});
