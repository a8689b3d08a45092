import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { CorruptError, crc32 } from '@tintype/core';
import { fixture, fixtureBytes, Random } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { inputs } from './codecs.testing.js';
import { xz } from './xz.js';

const sha1 = (bytes: Uint8Array) => createHash('sha1').update(bytes).digest('hex');
const command = (input: Uint8Array, ...words: string[]) =>
  spawnSync('xz', words, { input, maxBuffer: 1 << 28 }).stdout ?? Buffer.alloc(0);
const isMissing = command(Buffer.from('x'), '-zc').length === 0;
const [, text] = inputs().find(([name]) => name === 'text') as [string, Uint8Array];

function decode(stream: Uint8Array, size: number): Buffer {
  const target = Buffer.alloc(size);
  xz.decode(stream, target);
  return target;
}

const image = fixture('udif/apfs-empty-lzma.dmg');
test.skipIf(image.skip)('a chunk that macOS wrote', () => {
  expect(sha1(decode(fixtureBytes('udif/apfs-empty-lzma.dmg').subarray(0, 84), 512))).toMatch(/^efbfc919d37d/);
});

test.skipIf(isMissing)('the xz command reads what we write', () => {
  for (const [name, clear] of inputs())
    expect([name, Buffer.compare(command(xz.encode(clear, 1), '-dc'), clear)]).toEqual([name, 0]);
});

describe.skipIf(isMissing)('we read what the xz command writes', () => {
  test.each([
    ['--check=none', '-0'],
    ['--check=crc32', '-3'],
    ['--check=crc64', '-6'],
    ['--check=sha256', '-6'],
    ['--block-size=100000', '-1'],
    ['--lzma2=preset=6,lc=0,lp=4,pb=4', '--check=none'],
    ['--lzma2=preset=1,lc=4,lp=0,pb=0', '--check=none'],
    ['--lzma2=preset=0,dict=64MiB', '--check=none'],
  ])('%s %s', (...options) => {
    expect(decode(command(text, '-zc', ...options), text.length).equals(text)).toBe(true);
  });

  test('chunks of all kinds: raw between coded ones', () => {
    const random = new Random(3);
    const clear = Buffer.concat([text, random.bytes(150_000), text.subarray(0, 90_000), random.bytes(70_000)]);
    expect(decode(command(clear, '-zc', '-2'), clear.length).equals(clear)).toBe(true);
    expect(decode(xz.encode(clear, 2), clear.length).equals(clear)).toBe(true);
  });

  test.each([
    ['a dictionary above the limit', ['--lzma2=dict=96MiB']],
    ['another filter', ['--x86', '--lzma2']],
  ])('refused: %s', (_what, options) => {
    const stream = command(text, '-zc', ...options);
    expect(() => decode(stream, text.length)).toThrow(CorruptError);
  });
});

test('a wrong check, index, footer or header is found', () => {
  const stream = Buffer.from(xz.encode(text));
  for (const at of [0, 6, 8, 13, 20, stream.length - 1, stream.length - 6, stream.length - 14]) {
    const damaged = Buffer.from(stream);
    damaged[at] = (damaged[at] as number) ^ 1;
    expect(() => decode(damaged, text.length)).toThrow(CorruptError);
  }
});

test('sizes that no stream can have', () => {
  const stream = Buffer.from(xz.encode(text));
  // The block header says 2^40 clear bytes.
  const header = Buffer.from([
    0x05, 0xc0, 1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20, 0x21, 1, 0x16, 0, 0, 0, 0, 0, 0, 0, 0,
  ]);
  const sum = Buffer.alloc(4);
  sum.writeUInt32LE(crc32(header));
  expect(() => decode(Buffer.concat([stream.subarray(0, 12), header, sum, stream.subarray(28)]), 512)).toThrow(
    /1099511627776/,
  );
});
