// The kernel against its reference: the same bytes when writing, the same answer to every stream when reading.

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { CorruptError } from '@tintype/core';
import { count, fixture, fixtureBytes, Random, repository } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { inputs } from '../codecs.testing.js';
import { decodeByReference } from '../lzfse/decoder.js';
import { codedBlocks, encodeStream } from '../lzfse/encoder.js';
import { encodeLzfse } from '../lzfse.js';
import { LZFSE_BINARY } from './lzfse-binary.js';
import { LzfseKernel } from './lzfse-kernel.js';

const kernel = new LzfseKernel(Buffer.from(LZFSE_BINARY, 'base64'));

// A copy that was installed before the kernels were there has no compiler yet; what must pass for a change has it.
const isMissing = !process.env.CI && !existsSync(path.join(repository, 'node_modules/assemblyscript'));

test.skipIf(isMissing)('lzfse-binary.ts is what the kernel compiles to: npm run kernels', async () => {
  const script = pathToFileURL(path.join(repository, 'scripts/kernels.mjs')).href;
  const { compiled, moduleOf } = (await import(script)) as {
    compiled(name: string): Promise<Uint8Array>;
    moduleOf(name: string, binary: Uint8Array): string;
  };
  const file = path.join(repository, 'packages/codec/src/kernels/lzfse-binary.ts');
  expect(readFileSync(file, 'utf8')).toBe(moduleOf('lzfse', await compiled('lzfse')));
});

/** Literals, matches near and far, short and longer than a triplet takes, in turns whose odds are chosen once. */
function mixed(random: Random): Uint8Array {
  const size = random.between(1, 400_000);
  const bytes = new Uint8Array(size);
  const odds = random.between(2, 30);
  const values = random.pick([2, 20, 256]);
  for (let at = 0; at < size; ) {
    const length = random.oneIn(300) ? random.below(9000) : random.below(random.pick([8, 40, 400]));
    const end = Math.min(size, at + length);
    if (at === 0 || random.oneIn(odds)) for (; at < end; at += 1) bytes[at] = random.below(values);
    else {
      const distance = 1 + random.below(random.oneIn(2) ? Math.min(at, 20) : at);
      for (; at < end; at += 1) bytes[at] = bytes[at - distance] as number;
    }
  }
  return bytes;
}

function expectSame(clear: Uint8Array): Buffer {
  const expected = codedBlocks(clear);
  const size = expected.reduce((sum, { length }) => sum + length, 0);
  expect(Buffer.concat(kernel.encode(clear, size + 1) ?? []).equals(Buffer.concat(expected))).toBe(true);
  expect(kernel.encode(clear, size)).toBe(null);
  const stream = Buffer.from(encodeLzfse(clear));
  expect(stream.equals(encodeStream(clear))).toBe(true);
  const target = Buffer.alloc(clear.length + 2, 0xa5);
  const isTaken = kernel.decode(stream, target.subarray(1, -1));
  expect(isTaken).toBe(!stream.includes('bvxn'));
  if (isTaken) expect(Buffer.compare(target.subarray(1, -1), clear)).toBe(0);
  expect([target[0], target.at(-1)]).toEqual([0xa5, 0xa5]);
  return stream;
}

test.each(inputs())('%s: the same bytes, both ways', (_name, clear) => {
  expectSame(clear);
});

test('random matches: the same bytes, both ways', () => {
  const random = new Random(71);
  for (let round = 0; round < count(40, 1000); round += 1) expectSame(mixed(random));
});

/** A few bytes changed, most of them in the first header. */
function damaged(stream: Uint8Array, random: Random): Uint8Array {
  const bytes = stream.slice(0, random.oneIn(8) ? random.below(stream.length) : stream.length);
  for (let i = random.between(1, 3); i > 0 && bytes.length > 0; i -= 1)
    bytes[random.below(random.oneIn(3) ? bytes.length : Math.min(bytes.length, 300))] = random.below(256);
  return bytes;
}

/** Null: refused. */
function byReference(stream: Uint8Array, size: number): Buffer | null {
  const target = Buffer.alloc(size);
  try {
    decodeByReference(stream, target);
    return target;
  } catch (error) {
    expect(error).toBeInstanceOf(CorruptError);
    return null;
  }
}

function compareDamaged(stream: Uint8Array, size: number, rounds: number): void {
  const random = new Random(72);
  let refused = 0;
  for (let round = 0; round < rounds; round += 1) {
    const bytes = damaged(stream, random);
    const expected = byReference(bytes, size);
    const target = Buffer.alloc(size, 0xa5);
    const isTaken = kernel.decode(bytes, target);
    // Refused or left: nothing was written.
    if (!isTaken) expect(target.every((byte) => byte === 0xa5)).toBe(true);
    else expect(expected?.equals(target)).toBe(true);
    if (expected === null) refused += 1;
    else if (Buffer.from(bytes).indexOf('bvx1') < 0 && Buffer.from(bytes).indexOf('bvxn') < 0)
      expect(isTaken).toBe(true);
  }
  expect(refused).toBeGreaterThan(rounds / 20);
}

test('damaged streams of our own: what the reference refuses is refused, all else is the same', () => {
  const clear = mixed(new Random(73)).subarray(0, 30_000);
  compareDamaged(encodeLzfse(clear), clear.length, count(1500, 50_000));
});

describe.skipIf(fixture('udif/apfs-empty-lzfse.dmg').skip)('a stream that Apple wrote', () => {
  test('damaged: what the reference refuses is refused, all else is the same', () => {
    const stream = fixtureBytes('udif/apfs-empty-lzfse.dmg').subarray(158, 384);
    compareDamaged(stream, 16_384, count(1500, 50_000));
  });
});

test('what is longer than the kernel takes is left to the reference, with the same result', () => {
  const clear = new Uint8Array((4 << 20) + 1);
  for (let i = 0; i < clear.length; i += 1) clear[i] = (i >> 12) ^ (i & 31);
  expect(kernel.takes(clear.length)).toBe(false);
  const stream = encodeLzfse(clear);
  const target = new Uint8Array(clear.length);
  expect(kernel.decode(stream, target)).toBe(false);
  decodeByReference(stream, target);
  expect(Buffer.compare(target, clear)).toBe(0);
});
