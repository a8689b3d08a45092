import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import { Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { ChunkCipher } from './chunk-cipher.js';
import { ImageKeys } from './unlock.js';

const random = new Random(9);
const keysOf = (bits: number) => new ImageKeys(Buffer.from(random.bytes(bits / 8)), Buffer.from(random.bytes(20)));

/** By the book: an object for each chunk, a vector for each number. */
function decryptEach(keys: ImageKeys, chunkSize: number, source: Uint8Array, first: number): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < source.length; at += chunkSize) {
    const number = Buffer.alloc(4);
    number.writeUInt32BE(first + at / chunkSize);
    const vector = createHmac('sha1', keys.hmac).update(number).digest().subarray(0, 16);
    const name = `aes-${keys.cipher.length * 8}-cbc`;
    parts.push(
      createDecipheriv(name, keys.cipher, vector)
        .setAutoPadding(false)
        .update(source.subarray(at, at + chunkSize)),
    );
  }
  return Buffer.concat(parts);
}

test.each([
  [128, 512],
  [256, 512],
  [128, 4096],
  [256, 4096],
  [256, 1 << 20],
])('AES-%i in chunks of %i: both ways, as an object for each chunk does it', (bits, chunkSize) => {
  const keys = keysOf(bits);
  const cipher = new ChunkCipher(keys, chunkSize);
  for (const count of chunkSize > 65_536 ? [1, 2] : [1, 2, 15, 16, 17, 64])
    for (const first of [0, 1, 511, 512, 100_000, 2 ** 32 - count]) {
      const clear = random.bytes(count * chunkSize);
      const before = clear.slice();
      const stored = cipher.encrypt(clear, first);
      expect(Buffer.compare(stored, cipher.encryptEach(clear, first))).toBe(0);
      expect(Buffer.compare(decryptEach(keys, chunkSize, stored, first), clear)).toBe(0);
      expect(Buffer.compare(cipher.decrypt(stored, first), clear)).toBe(0);
      expect(Buffer.compare(clear, before)).toBe(0);
    }
});

test('bytes that begin at an odd place', () => {
  const cipher = new ChunkCipher(keysOf(128), 512);
  const bytes = random.bytes(512 * 20 + 3);
  for (const shift of [1, 2, 3]) {
    const clear = bytes.subarray(shift, shift + 512 * 20);
    const stored = new Uint8Array(clear.length + shift);
    stored.set(cipher.encrypt(clear, 7), shift);
    expect(Buffer.compare(cipher.decrypt(stored.subarray(shift), 7), clear)).toBe(0);
  }
});

test('chunks far apart, more than vectors are kept for', () => {
  const keys = keysOf(128);
  const cipher = new ChunkCipher(keys, 512);
  const clear = random.bytes(512);
  const first = Buffer.from(cipher.encrypt(clear, 5));
  for (let i = 0; i < 2100; i += 1) cipher.vector(i * 512 + 1);
  expect(Buffer.compare(cipher.encrypt(clear, 5), first)).toBe(0);
});

test('what is encrypted is what other programs encrypt', () => {
  const keys = keysOf(256);
  const cipher = new ChunkCipher(keys, 512);
  const clear = random.bytes(512);
  const plain = createCipheriv('aes-256-cbc', keys.cipher, cipher.vector(3)).setAutoPadding(false).update(clear);
  expect(Buffer.compare(cipher.encrypt(clear, 3), plain)).toBe(0);
});

test('many chunks, then few, then more: buffers that are used again hold nothing over', () => {
  const keys = keysOf(256);
  const cipher = new ChunkCipher(keys, 512);
  for (const [count, first] of [
    [512, 0],
    [16, 700],
    [600, 300],
    [17, 511],
    [1024, 0],
    [1024, 1],
  ] as const) {
    const clear = random.bytes(count * 512);
    expect(Buffer.compare(cipher.encrypt(clear, first), cipher.encryptEach(clear, first))).toBe(0);
  }
});

test.each([1, 40])('%i chunks in memory that threads share', (count) => {
  const cipher = new ChunkCipher(keysOf(256), 512);
  const clear = random.bytes(count * 512);
  const shared = new Uint8Array(new SharedArrayBuffer(clear.length));
  shared.set(clear);
  const stored = Buffer.from(cipher.encrypt(shared, 3));
  expect(stored.equals(cipher.encryptEach(clear, 3))).toBe(true);
  shared.set(stored);
  expect(Buffer.compare(cipher.decrypt(shared, 3), clear)).toBe(0);
});
