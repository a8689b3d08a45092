import { deflateSync } from 'node:zlib';
import { CorruptError } from '@tintype/core';
import { Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { decodeZlib } from './zlib.js';

const clear = Buffer.concat([new Random(1).bytes(3000), Buffer.alloc(70_000, 'abc')]);
const stream = deflateSync(clear);

test('a stream gives its bytes; what follows it is ignored', () => {
  for (const source of [stream, Buffer.concat([stream, Buffer.from('junk')])]) {
    const target = Buffer.alloc(clear.length);
    decodeZlib(source, target);
    expect(target.equals(clear)).toBe(true);
  }
});

test('an empty stream', () => {
  decodeZlib(deflateSync(Buffer.alloc(0)), new Uint8Array(0));
});

test.each([
  ['too few bytes', stream, clear.length + 1],
  ['too many bytes', stream, clear.length - 1],
  ['bytes where none belong', stream, 0],
  ['a stream that is cut', stream.subarray(0, 2000), clear.length],
  ['no stream', Buffer.from('no stream at all'), 10],
  ['nothing', Buffer.alloc(0), 10],
  ['a wrong checksum', Buffer.concat([stream.subarray(0, -4), Buffer.alloc(4)]), clear.length],
])('refused: %s', (_what, source, size) => {
  expect(() => decodeZlib(source, new Uint8Array(size))).toThrow(CorruptError);
});

test('a bomb is not inflated', () => {
  const bomb = deflateSync(Buffer.alloc(64 << 20));
  const before = process.memoryUsage().rss;
  expect(() => decodeZlib(bomb, new Uint8Array(65_536))).toThrow(CorruptError);
  expect(process.memoryUsage().rss - before).toBeLessThan(32 << 20);
});
