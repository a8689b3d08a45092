import { deflateSync } from 'node:zlib';
import { CorruptError, UnsupportedError } from '@tintype/core';
import { fixture, fixtureBytes, Random } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { type DecompressedFile, openDecmpfs, readDecmpfsHeader } from './decmpfs.js';

const read = (name: string) => fixtureBytes(`decmpfs/${name}`);
const isMissing = fixture('decmpfs/zlib.expected').skip;

function attribute(type: number, size: number, payload: Uint8Array = new Uint8Array(0)): Uint8Array {
  const head = Buffer.alloc(16);
  head.write('fpmc', 'latin1');
  head.writeUInt32LE(type >>> 0, 4);
  head.writeBigUInt64LE(BigInt(size), 8);
  return Buffer.concat([head, payload]);
}

function open(header: Uint8Array, fork: Uint8Array = new Uint8Array(0)): DecompressedFile {
  const readFork = (position: number, target: Uint8Array) => {
    const part = fork.subarray(position, position + target.length);
    target.set(part);
    return part.length;
  };
  return openDecmpfs({ attribute: header, forkSize: fork.length, readFork });
}

function all(file: DecompressedFile): Buffer {
  const clear = Buffer.alloc(file.size + 10);
  return clear.subarray(0, file.read(0, clear));
}

describe.skipIf(isMissing)('files that macOS compressed', () => {
  const nothing = new Uint8Array(0);
  const cases: [string, Uint8Array, Uint8Array, string][] = isMissing
    ? []
    : [
        ['3, zlib in the attribute', attribute(3, 2000, read('real_zlib_inline.payload')), nothing, 'real_zlib_inline'],
        ['3, bytes as they are', attribute(3, 3000, read('zlib_type3_stored.payload')), nothing, 'zlib_inline'],
        ['4, zlib in the fork', attribute(4, 150_000), read('real_zlib_rsrc.rsrc'), 'zlib'],
        ['8, LZVN in the fork', attribute(8, 80_000), read('lzvn.rsrc'), 'lzvn'],
        ['8, bytes behind the end mark', attribute(8, 1936), read('tahoe_type8.rsrc'), 'tahoe_type8'],
        ['9, the whole attribute', read('tahoe_type9.decmpfs'), nothing, 'tahoe_type9'],
        [
          '11, LZFSE in the attribute',
          attribute(11, 2000, read('real_lzfse_inline.payload')),
          nothing,
          'real_zlib_inline',
        ],
        [
          '12, LZFSE in the fork, a table with spare entries',
          attribute(12, 150_000),
          read('real_lzfse_rsrc.rsrc'),
          'zlib',
        ],
      ];
  test.each(cases)('type %s', (_what, header, fork, expected) => {
    expect(all(open(header, fork)).equals(read(`${expected}.expected`))).toBe(true);
  });

  test.each(cases)('type %s: any part of it, in any order', (_what, header, fork, expected) => {
    const clear = read(`${expected}.expected`);
    const file = open(header, fork);
    const random = new Random(9);
    for (let round = 0; round < 40; round += 1) {
      const position = random.below(clear.length + 5);
      const part = Buffer.alloc(random.between(0, 70_000));
      const length = file.read(position, part);
      const wanted = clear.subarray(position, position + part.length);
      expect(length).toBe(wanted.length);
      expect(part.subarray(0, length).equals(wanted)).toBe(true);
    }
  });

  test('a payload of another file is refused', () => {
    expect(() => all(open(attribute(3, 1999, read('real_zlib_inline.payload'))))).toThrow(CorruptError);
    expect(() => all(open(attribute(4, 150_001), read('real_zlib_rsrc.rsrc')))).toThrow(CorruptError);
    expect(() => all(open(attribute(8, 200_000), read('lzvn.rsrc')))).toThrow(CorruptError);
    expect(() => all(open(attribute(12, 149_999), read('real_lzfse_rsrc.rsrc')))).toThrow(CorruptError);
  });
});

/** Chunks behind a table of their ends. */
function forkOf(...chunks: Uint8Array[]): Buffer {
  const table = Buffer.alloc(4 * (chunks.length + 1));
  let at = table.length;
  table.writeUInt32LE(at);
  for (const [i, chunk] of chunks.entries()) {
    at += chunk.length;
    table.writeUInt32LE(at, 4 * (i + 1));
  }
  return Buffer.concat([table, ...chunks]);
}

describe('types for which no real file was at hand', () => {
  const clear = Buffer.from(new Random(1).bytes(70_000));
  const chunks = (marker: number) =>
    [clear.subarray(0, 65_536), clear.subarray(65_536)].map((part) => Buffer.concat([Buffer.of(marker), part]));

  test('1: bytes in the attribute', () => {
    expect(all(open(attribute(1, 5, Buffer.from('hello')))).toString()).toBe('hello');
    expect(() => all(open(attribute(1, 6, Buffer.from('hello'))))).toThrow(CorruptError);
  });
  test('5: zeros, however many', () => {
    const file = open(attribute(5, 2 ** 40, Buffer.alloc(12)));
    const part = Buffer.alloc(10, 7);
    expect(file.read(2 ** 40 - 4, part)).toBe(4);
    expect(part).toEqual(Buffer.from([0, 0, 0, 0, 7, 7, 7, 7, 7, 7]));
    expect(file.read(2 ** 40, part)).toBe(0);
  });
  test('7: LZVN in the attribute, or bytes as they are', () => {
    const lzvn = Buffer.from('c803616263fde1630600000000000000', 'hex');
    expect(all(open(attribute(7, 21, lzvn))).toString()).toBe('abc'.repeat(7));
    expect(all(open(attribute(7, 5, Buffer.from('\x06hello')))).toString()).toBe('hello');
    expect(() => all(open(attribute(7, 22, lzvn)))).toThrow(CorruptError);
  });
  test.each([
    [4, 0xff],
    [8, 0x06],
    [10, 0xcc],
    [12, 0xff],
  ])('%i: chunks of bytes as they are', (type, marker) => {
    const fork = type === 4 ? zlibFork(chunks(marker)) : forkOf(...chunks(marker));
    expect(all(open(attribute(type, clear.length), fork)).equals(clear)).toBe(true);
  });
  test('10: without the marker', () => {
    expect(() => all(open(attribute(10, 10), forkOf(Buffer.alloc(11))))).toThrow(/marker/);
  });
  test.each([0, 2, 6, 13, 14, 0x8000_0001])('%i: cannot be read', (type) => {
    expect(() => open(attribute(type, 10))).toThrow(UnsupportedError);
  });
});

/** A resource file with one resource, as type 4 has it. */
function zlibFork(chunks: readonly Uint8Array[]): Buffer {
  const head = Buffer.alloc(264 + 8 * chunks.length);
  head.writeUInt32BE(256);
  head.writeUInt32LE(chunks.length, 260);
  let at = 4 + 8 * chunks.length;
  for (const [i, chunk] of chunks.entries()) {
    head.writeUInt32LE(at, 264 + 8 * i);
    head.writeUInt32LE(chunk.length, 268 + 8 * i);
    at += chunk.length;
  }
  return Buffer.concat([head, ...chunks, Buffer.alloc(50)]);
}

test('empty files', () => {
  for (const type of [1, 3, 4, 5, 7, 8, 9, 10, 11, 12]) expect(all(open(attribute(type, 0)))).toHaveLength(0);
});

describe('headers', () => {
  test('type and size, below 2^53', () => {
    expect(readDecmpfsHeader(attribute(4, 2 ** 40 + 5))).toEqual({ type: 4, size: 2 ** 40 + 5 });
    const beyond = attribute(4, 0);
    beyond[15] = 1;
    expect(readDecmpfsHeader(beyond)).toBe(null);
  });
  test('what macOS would not look at is none', () => {
    expect(readDecmpfsHeader(new Uint8Array(15))).toBe(null);
    expect(readDecmpfsHeader(new Uint8Array(16))).toBe(null);
    expect(readDecmpfsHeader(attribute(3, 10, new Uint8Array(3802 - 16)))).not.toBe(null);
    expect(readDecmpfsHeader(attribute(3, 10, new Uint8Array(3803 - 16)))).toBe(null);
    expect(() => open(new Uint8Array(16))).toThrow(CorruptError);
  });
});

describe('refused', () => {
  const chunk = deflateSync(Buffer.alloc(100));
  test.each([
    ['no table', 8, 100, Buffer.alloc(0)],
    ['a chunk of no bytes', 8, 100, forkOf(Buffer.alloc(0))],
    ['a chunk behind the end', 4, 100, zlibFork([chunk]).subarray(0, 280)],
    ['fewer chunks than the size needs', 4, 65_537, zlibFork([chunk])],
    ['a chunk that is too long', 8, 100, forkOf(Buffer.alloc(131_073, 6))],
    ['a chunk that ends before it begins', 8, 100, Buffer.from('0800000004000000', 'hex')],
  ])('%s', (_what, type, size, fork) => {
    expect(() => all(open(attribute(type, size), fork))).toThrow(CorruptError);
  });
  test('sizes that an attribute cannot hold cost nothing', () => {
    expect(() => open(attribute(3, 2 ** 52, Buffer.alloc(100)))).toThrow(CorruptError);
  });
  test('a failed chunk is not taken for the one before it', () => {
    const good = Buffer.concat([Buffer.of(0x06), Buffer.alloc(65_536, 1)]);
    const file = open(attribute(8, 131_072), forkOf(good, Buffer.from('70')));
    const byte = Buffer.alloc(1);
    for (let round = 0; round < 2; round += 1) {
      expect(file.read(0, byte)).toBe(1);
      expect(byte[0]).toBe(1);
      expect(() => file.read(65_536, byte)).toThrow(CorruptError);
    }
  });
});
