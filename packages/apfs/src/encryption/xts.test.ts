import { createCipheriv } from 'node:crypto';
import { Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { Xts } from './xts.js';

const UNIT = 512;

/** Node's own, one unit at a time. */
function plainly(bytes: Uint8Array, key: Uint8Array, first: number): Buffer {
  const units: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += UNIT) {
    const tweak = Buffer.alloc(16);
    tweak.writeBigUInt64LE(BigInt(first + at / UNIT));
    const cipher = createCipheriv(`aes-${key.length * 4}-xts`, key, tweak);
    units.push(cipher.update(bytes.subarray(at, at + UNIT)));
  }
  return Buffer.concat(units);
}

test.each([
  [32, 0],
  [32, 0xffff_fffe],
  [64, 12_345],
])('a key of %i bytes from unit %i gives what Node gives', (size, first) => {
  const random = new Random(size);
  const key = new Uint8Array(size);
  random.fill(key);
  const clear = new Uint8Array(16 * UNIT);
  random.fill(clear);
  const xts = new Xts(key);
  const bytes = clear.slice();
  xts.encrypt(bytes, first);
  expect(Buffer.from(bytes).equals(plainly(clear, key, first))).toBe(true);
  xts.decrypt(bytes, first);
  expect(Buffer.from(bytes).equals(clear)).toBe(true);
});

test('bytes that begin anywhere, and keys with equal halves', () => {
  const memory = new Uint8Array(3 + 2 * UNIT).fill(7);
  const xts = new Xts(new Uint8Array(32).fill(1));
  const bytes = memory.subarray(3);
  xts.encrypt(bytes, 9);
  const aligned = new Uint8Array(2 * UNIT).fill(7);
  xts.encrypt(aligned, 9);
  expect(Buffer.from(bytes).equals(aligned)).toBe(true);
  expect([...memory.subarray(0, 3)]).toEqual([7, 7, 7]);
});
