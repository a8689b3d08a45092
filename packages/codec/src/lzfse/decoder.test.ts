import { createHash } from 'node:crypto';
import { CorruptError } from '@tintype/core';
import { fixture, fixtureBytes } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { lzfseKernel } from '../kernels/lzfse-kernel.js';
import { decodeByReference } from './decoder.js';
import { readPackedHeader } from './header.js';

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const sha1 = (bytes: Uint8Array) => createHash('sha1').update(bytes).digest('hex');
const END = '62767824';

function decode(stream: Uint8Array, size: number): Buffer {
  const target = Buffer.alloc(size);
  decodeByReference(stream, target);
  // The kernel may leave a stream, but never gives anything else.
  const other = Buffer.alloc(size);
  if (lzfseKernel().decode(stream, other)) expect(other.equals(target)).toBe(true);
  return target;
}

function raw(text: string): string {
  const size = Buffer.alloc(4);
  size.writeUInt32LE(text.length);
  return `6276782d ${size.toString('hex')} ${Buffer.from(text).toString('hex')}`;
}

const ABC = '6276786e 15000000 10000000 c803616263fde163 0600000000000000';

test('a stream made with the lzfse tool', () => {
  expect(decode(hex(`${ABC} ${END}`), 21).toString()).toBe('abcabcabcabcabcabcabc');
});

test('blocks follow each other; a match may reach into the block before', () => {
  // Small distance, no literals, 3 bytes from 5 back.
  const match = '6276786e 03000000 0a000000 0005 0600000000000000';
  expect(decode(hex(`${raw('hello')} ${match} ${ABC} ${raw('!')} ${END} 00`), 30).toString()).toBe(
    `hellohel${'abc'.repeat(7)}!`,
  );
});

test('the empty stream', () => {
  decodeByReference(hex(END), new Uint8Array(0));
});

const udif = fixture('udif/apfs-empty-lzfse.dmg');
const fork = fixture('decmpfs/real_lzfse_rsrc.rsrc');
const APPLE = [
  ['udif/apfs-empty-lzfse.dmg', 0, 52, 512, 'efbfc919d37d'],
  ['udif/apfs-empty-lzfse.dmg', 158, 226, 16_384, '12acb723c1a9'],
  ['udif/apfs-empty-lzfse.dmg', 384, 2488, 417_792, '35a8c65f16db'],
  ['decmpfs/real_lzfse_rsrc.rsrc', 24, 21_768, 65_536, '45f354c4bbd199e4'],
  ['decmpfs/real_lzfse_rsrc.rsrc', 21_792, 20_621, 65_536, 'af8ed653bcb36390'],
  ['decmpfs/real_lzfse_rsrc.rsrc', 42_413, 6329, 18_928, 'be0d14ead3351063'],
] as const;

describe.skipIf(udif.skip || fork.skip)('streams that Apple wrote', () => {
  const streamOf = (file: string, at: number, length: number) => fixtureBytes(file).subarray(at, at + length);

  test.each(APPLE)('%s at %i', (file, at, length, size, sum) => {
    expect(sha1(decode(streamOf(file, at, length), size)).startsWith(sum)).toBe(true);
  });

  test.each(APPLE.slice(1))('%s at %i, its blocks with plain headers instead', (file, at, length, size, sum) => {
    expect(sha1(decode(withPlainHeaders(streamOf(file, at, length)), size)).startsWith(sum)).toBe(true);
  });

  test('of which an end is missing are refused, wherever they are cut', () => {
    const stream = streamOf('udif/apfs-empty-lzfse.dmg', 158, 226);
    for (let end = 0; end < stream.length; end += 1)
      expect(() => decode(stream.subarray(0, end), 16_384)).toThrow(CorruptError);
  });

  test('into a target of another size are refused', () => {
    const stream = streamOf('udif/apfs-empty-lzfse.dmg', 158, 226);
    for (const size of [0, 16_383, 16_385]) expect(() => decode(stream, size)).toThrow(CorruptError);
  });
});

/** The same blocks as `bvx1`, which nobody writes any more. */
function withPlainHeaders(stream: Uint8Array): Uint8Array {
  const view = new DataView(stream.buffer, stream.byteOffset, stream.length);
  const parts: Uint8Array[] = [];
  let at = 0;
  for (; view.getUint32(at, true) === 0x3278_7662; ) {
    const header = readPackedHeader(view, at);
    const plain = new DataView(new ArrayBuffer(772));
    const { l, m, d, literal } = header.frequencies;
    const payload = header.literalBytes + header.tripletBytes;
    const numbers = [0x3178_7662, view.getUint32(at + 4, true), payload, header.literals, header.triplets];
    for (const [i, value] of [...numbers, header.literalBytes, header.tripletBytes].entries())
      plain.setUint32(4 * i, value, true);
    plain.setInt32(28, header.literalBits, true);
    for (const [i, state] of header.literalStates.entries()) plain.setUint16(32 + 2 * i, state, true);
    plain.setInt32(40, header.tripletBits, true);
    for (const [i, value] of [...header.tripletStates, ...l, ...m, ...d, ...literal].entries())
      plain.setUint16(44 + 2 * i, value, true);
    const start = at + header.size;
    parts.push(new Uint8Array(plain.buffer), stream.subarray(start, start + payload));
    at = start + payload;
  }
  expect(parts.length).toBeGreaterThan(0);
  return Buffer.concat([...parts, stream.subarray(at)]);
}

test.each([
  ['nothing', ''],
  ['no end mark', raw('hello')],
  ['an unknown block', `62767839 05000000 00000000 ${END}`],
  ['a raw block that is cut off', '6276782d 05000000 6865'],
  ['an LZVN block that is cut off', '6276786e 05000000 10000000 c803'],
  ['an LZVN block that gives less', `6276786e 05000000 08000000 0600000000000000 ${END}`],
  ['a block longer than the target', `${raw('hello!')} ${END}`],
  ['fewer bytes than the target', `${raw('hell')} ${END}`],
])('refused: %s', (_what, text) => {
  expect(() => decode(hex(text), 5)).toThrow(CorruptError);
});
