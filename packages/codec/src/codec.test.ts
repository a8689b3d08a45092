// Every codec, both ways: what is common to all.

import { CorruptError } from '@tintype/core';
import { Random } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { inputs } from './codecs.testing.js';
import { adc, bzip2, type Codec, lzfse, xz, zlib } from './index.js';

const all: readonly Codec[] = [adc, bzip2, lzfse, xz, zlib];

describe.each(all.map((codec): [string, Codec] => [codec.name, codec]))('%s', (_name, codec) => {
  test.each(inputs())('%s', (_what, clear) => {
    const stream = codec.encode(clear);
    expect(Buffer.compare(stream, codec.encode(clear))).toBe(0);
    const target = Buffer.alloc(clear.length + 2, 0x5a);
    codec.decode(stream, target.subarray(1, -1));
    expect(Buffer.compare(target.subarray(1, -1), clear)).toBe(0);
    expect([target[0], target.at(-1)]).toEqual([0x5a, 0x5a]);
    // Noise grows, but never by much.
    expect(stream.length).toBeLessThan(clear.length * 1.02 + 700);
  });

  test('what repeats itself shrinks', () => {
    const clear = Buffer.alloc(100_000, 'a sentence of forty bytes, over and over');
    expect(codec.encode(clear).length).toBeLessThan(7000);
  });

  test('too few and too many bytes are refused', () => {
    const clear = Buffer.concat([new Random(4).bytes(5000), Buffer.alloc(5000, 'ab')]);
    const stream = codec.encode(clear);
    for (const size of [clear.length - 1, clear.length + 1])
      if (codec !== adc || size > clear.length)
        expect(() => codec.decode(stream, new Uint8Array(size))).toThrow(CorruptError);
    for (const length of [0, 1, 5, stream.length >> 1, stream.length - 1])
      expect(() => codec.decode(stream.subarray(0, length), new Uint8Array(clear.length))).toThrow(CorruptError);
  });
});

test.each([
  [bzip2, 1, 9],
  [xz, 1, 9],
  [zlib, 1, 9],
])('$name at both ends of its levels', (codec, fast, small) => {
  const [, text] = inputs().find(([name]) => name === 'text') as [string, Uint8Array];
  const sizes = [fast, small].map((level) => {
    const stream = codec.encode(text, level);
    const target = new Uint8Array(text.length);
    codec.decode(stream, target);
    expect(Buffer.compare(target, text)).toBe(0);
    return stream.length;
  });
  expect(sizes[1]).toBeLessThan(sizes[0] as number);
});
