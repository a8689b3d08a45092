import { constants, deflateRawSync } from 'node:zlib';
import { adc, bzip2, lzfse, xz, zlib } from '@tintype/codec';
import { CorruptError } from '@tintype/core';
import { Random } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { readKoly } from './koly.js';
import { UdifDevice } from './reader.js';
import { END, image, stored } from './udif.testing.js';

const SECTORS = 64;
const text = Buffer.alloc(SECTORS * 512, 'all work and no play ');
/** A literal of `length` bytes (1 to 15) is its opcode and the bytes; 06 and seven zeros end it. Source: docs/formats/codecs.md. */
function lzvnOf(clear: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < clear.length; at += 15) {
    const literal = clear.subarray(at, at + 15);
    parts.push(Uint8Array.of(0xe0 | literal.length), literal);
  }
  const payload = Buffer.concat([...parts, Uint8Array.of(6, 0, 0, 0, 0, 0, 0, 0)]);
  const head = Buffer.alloc(12);
  head.write('bvxn');
  head.writeUInt32LE(clear.length, 4);
  head.writeUInt32LE(payload.length, 8);
  return Buffer.concat([head, payload, Buffer.from('bvx$')]);
}

const CODINGS = [
  ['ADC', 0x8000_0004, adc.encode(text)],
  ['zlib', 0x8000_0005, zlib.encode(text)],
  ['bzip2', 0x8000_0006, bzip2.encode(text)],
  ['LZFSE', 0x8000_0007, lzfse.encode(text)],
  ['LZVN', 0x8000_0007, lzvnOf(text)],
  ['xz', 0x8000_0008, xz.encode(text)],
] as const;

/** One chunk behind a good one of 4 sectors; `sectorCount` is what the table says of it. */
function device(type: number, bytes: Uint8Array, sectorCount: number): UdifDevice {
  const first = { type: 1, firstSector: 0, sectorCount: 4, stored: new Random(2).bytes(2048) };
  const chunk = { type, firstSector: 4, sectorCount, stored: bytes };
  const table = { name: 'disk', firstSector: 0, sectorCount: 4 + sectorCount, chunks: [first, chunk, END] };
  const file = stored(image([table], 4 + sectorCount));
  const koly = readKoly(file);
  if (!koly) throw new Error('has no trailer');
  return new UdifDevice(file, koly);
}

describe.each(CODINGS)('%s', (_name, type, bytes) => {
  test('as long as the table says', () => {
    const disk = new Uint8Array(text.length);
    const good = device(type, bytes, SECTORS);
    good.read(2048, disk);
    expect(Buffer.compare(disk, text)).toBe(0);
    expect([...good.verify()]).toEqual([]);
  });

  test.each([SECTORS - 1, SECTORS / 2, 1, SECTORS + 1, 2 * SECTORS])(
    'of %i sectors by the table: refused where it is read, a finding with its place, and nothing else is hurt',
    (count) => {
      const bad = device(type, bytes, count);
      expect(() => bad.read(2048, new Uint8Array(512))).toThrow(CorruptError);
      const findings = [...bad.verify()];
      expect(findings).toMatchObject([{ kind: 'udif-chunk', place: 'disk' }]);
      expect(findings[0]?.message.length).toBeGreaterThan(10);
      const first = new Uint8Array(2048);
      bad.read(0, first);
      expect(Buffer.compare(first, new Random(2).bytes(2048))).toBe(0);
    },
  );
});

test('raw: what is stored is as long as the sectors, or the image is not opened', () => {
  for (const count of [SECTORS - 1, SECTORS + 1])
    expect(() => device(1, text, count)).toThrow(/as long as its sectors/);
});

test('zero and free: whatever they say is stored is not looked at', () => {
  for (const type of [0, 2]) {
    const disk = new Uint8Array(SECTORS * 512).fill(7);
    const empty = device(type, text, SECTORS);
    empty.read(2048, disk);
    expect(disk.every((byte) => byte === 0)).toBe(true);
    expect([...empty.verify()]).toEqual([]);
  }
});

test('a zlib chunk that would be half a gigabyte is given up early', () => {
  const piece = deflateRawSync(new Uint8Array(1 << 20), { finishFlush: constants.Z_FULL_FLUSH });
  const bomb = Buffer.concat([Uint8Array.of(0x78, 0x9c), ...Array.from({ length: 512 }, () => piece)]);
  const before = process.resourceUsage().maxRSS;
  expect(() => device(0x8000_0005, bomb, SECTORS).read(2048, new Uint8Array(512))).toThrow(CorruptError);
  // In KiB.
  expect(process.resourceUsage().maxRSS - before).toBeLessThan(100 << 10);
});
