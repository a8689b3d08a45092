import { CorruptError } from '@tintype/core';
import { expect, test } from 'vitest';
import { bzip2Library } from './bzip2/library.js';
import { bzip2 } from './bzip2.js';
import { inputs } from './codecs.testing.js';

/** Made by the bzip2 command from `hello\n`. */
const HELLO = Buffer.from('QlpoOTFBWSZTWcHAgOIAAAFBAAAQAkSgADDNAMNGKZcXckU4UJDBwIDi', 'base64');

test('a stream of the command', () => {
  const target = Buffer.alloc(6);
  bzip2.decode(HELLO, target);
  expect(target.toString()).toBe('hello\n');
});

test('blocks are as small as the bytes allow, as in images that macOS made', () => {
  const headOf = (length: number) => Buffer.from(bzip2.encode(new Uint8Array(length))).toString('latin1', 0, 4);
  expect([1, 100_000, 100_001, 417_792, 1 << 20].map(headOf)).toEqual(['BZh1', 'BZh1', 'BZh2', 'BZh5', 'BZh9']);
});

test('a checksum that is wrong is found', () => {
  const stream = Buffer.from(HELLO);
  stream[10] = (stream[10] as number) ^ 1;
  expect(() => bzip2.decode(stream, new Uint8Array(6))).toThrow(CorruptError);
});

test('only the first stream counts', () => {
  const target = Buffer.alloc(6);
  bzip2.decode(Buffer.concat([HELLO, HELLO, Buffer.from('junk')]), target);
  expect(target.toString()).toBe('hello\n');
});

test('the library gives its memory back', () => {
  const clear = inputs().find(([name]) => name === 'text after noise')?.[1] as Uint8Array;
  const stream = bzip2.encode(clear);
  const sizes: number[] = [];
  for (let i = 0; i < 30; i += 1) {
    bzip2.decode(stream, new Uint8Array(clear.length));
    expect(() => bzip2.decode(stream.subarray(0, 999), new Uint8Array(clear.length))).toThrow(CorruptError);
    const { bytes } = bzip2Library().call(new Uint8Array(0), 1, () => 0);
    sizes.push(bytes.buffer.byteLength);
  }
  expect(new Set(sizes.slice(1)).size).toBe(1);
});
