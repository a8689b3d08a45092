// Damaged streams: the right error, no more bytes than there is room for, in bounded time.

import { CorruptError } from '@tintype/core';
import { count, fixture, fixtureBytes, Random } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { inputs } from './codecs.testing.js';
import { adc, bzip2, decodeLzfse, decodeLzvn, decodeZlib, lzfse, openDecmpfs, xz } from './index.js';
import { decodeLzma2 } from './lzma/decoder.js';
import { encodeLzma2 } from './lzma/encoder.js';

const isMissing = fixture('decmpfs/zlib.expected').skip || fixture('udif/apfs-empty-lzfse.dmg').skip;

/** A few bytes changed, some of them to values of weight; sometimes cut, sometimes with a part repeated. */
function damaged(stream: Uint8Array, random: Random): Uint8Array {
  const bytes = stream.slice();
  for (let i = random.between(1, 4); i > 0; i -= 1) {
    // The beginning, where headers and tables are, twice as often as all the rest.
    const at = random.below(random.oneIn(3) ? bytes.length : Math.min(bytes.length, 200));
    bytes[at] = random.oneIn(3) ? random.pick([0, 0xff, 0x7f, 0x80]) : random.below(256);
  }
  if (random.oneIn(8)) return bytes.subarray(0, random.below(bytes.length));
  if (random.oneIn(8)) bytes.copyWithin(random.below(bytes.length), random.below(bytes.length));
  return bytes;
}

interface Subject {
  readonly stream: Uint8Array;
  readonly size: number;
  readonly decode: (stream: Uint8Array, target: Uint8Array) => void;
}

/** Answers how many of the damaged streams were refused. */
function fuzz({ stream, size, decode }: Subject, seed: number, rounds: number): number {
  const random = new Random(seed);
  const around = new Uint8Array(size + 64);
  let refused = 0;
  for (let round = 0; round < rounds; round += 1) {
    around.fill(0xa5);
    try {
      decode(damaged(stream, random), around.subarray(32, 32 + size));
    } catch (error) {
      expect(error).toBeInstanceOf(CorruptError);
      refused += 1;
    }
    const isUntouched = (part: Uint8Array) => part.every((byte) => byte === 0xa5);
    expect(isUntouched(around.subarray(0, 32)) && isUntouched(around.subarray(32 + size))).toBe(true);
  }
  return refused;
}

function subjects(): Record<string, Subject> {
  const udif = fixtureBytes('udif/apfs-empty-lzfse.dmg');
  const lzvn = fixtureBytes('decmpfs/lzvn.rsrc');
  const inFork = (type: number, fork: string, size: number): Subject => ({
    stream: fixtureBytes(`decmpfs/${fork}`),
    size,
    decode: (stream, target) => readFile(type, stream, target),
  });
  return {
    'LZFSE, a sparse block': { stream: udif.subarray(158, 384), size: 16_384, decode: decodeLzfse },
    'LZFSE, a large block': { stream: udif.subarray(384, 2872), size: 417_792, decode: decodeLzfse },
    'LZFSE over LZVN': { stream: fixtureBytes('decmpfs/real_lzfse_inline.payload'), size: 2000, decode: decodeLzfse },
    LZVN: { stream: lzvn.subarray(27_770), size: 14_464, decode: decodeLzvn },
    zlib: { stream: fixtureBytes('decmpfs/real_zlib_inline.payload'), size: 2000, decode: decodeZlib },
    'decmpfs 4': inFork(4, 'real_zlib_rsrc.rsrc', 150_000),
    'decmpfs 8': inFork(8, 'tahoe_type8.rsrc', 1936),
    'decmpfs 12': inFork(12, 'real_lzfse_rsrc.rsrc', 150_000),
  };
}

function readFile(type: number, fork: Uint8Array, target: Uint8Array): void {
  const attribute = Buffer.alloc(16);
  attribute.write('fpmc', 'latin1');
  attribute.writeUInt32LE(type, 4);
  attribute.writeUInt32LE(target.length, 8);
  const readFork = (position: number, bytes: Uint8Array) => {
    const part = fork.subarray(position, position + bytes.length);
    bytes.set(part);
    return part.length;
  };
  openDecmpfs({ attribute, forkSize: fork.length, readFork }).read(0, target);
}

describe.skipIf(isMissing)('damaged streams', () => {
  test.each(isMissing ? [] : Object.entries(subjects()))('%s', (_name, subject) => {
    const rounds = count(Math.min(2000, Math.ceil(40_000_000 / subject.size)), 20_000);
    const refused = fuzz(subject, 31, rounds);
    // Neither all nor none: the damage reaches headers and payloads.
    expect(refused).toBeGreaterThan(rounds / 20);
    expect(refused).toBeLessThanOrEqual(rounds);
  });
});

const clear = inputs()
  .find(([name]) => name === 'text after noise')?.[1]
  .subarray(60_000, 130_000) as Uint8Array;
/** Without the checksums that would refuse nearly everything. */
const lzma2 = {
  name: 'LZMA2',
  encode: encodeLzma2,
  decode: (stream: Uint8Array, target: Uint8Array) => {
    decodeLzma2(stream, target, 0, target.length);
  },
};

test.each([adc, bzip2, lzfse, xz, lzma2])('damaged streams of our own: $name', ({ encode, decode }) => {
  const stream = encode(clear, 1);
  const rounds = count(150, 10_000);
  const refused = fuzz({ stream, size: clear.length, decode }, 33, rounds);
  expect(refused).toBeGreaterThan(rounds / 20);
});

test('random bytes', () => {
  const random = new Random(32);
  const target = new Uint8Array(5000);
  for (let round = 0; round < count(2000, 50_000); round += 1) {
    const bytes = random.bytes(random.between(0, 300));
    const stream = random.oneIn(2)
      ? Buffer.concat([Buffer.from(random.pick(['bvx1', 'bvx2', 'bvxn', 'bvx-'])), bytes])
      : bytes;
    for (const decode of [decodeLzfse, decodeLzvn, decodeZlib, adc.decode, bzip2.decode, xz.decode]) {
      try {
        decode(stream, target);
      } catch (error) {
        expect(error).toBeInstanceOf(CorruptError);
      }
    }
  }
});
