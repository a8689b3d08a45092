import { Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { crc32, crc32Combined, crc32OfZeros } from './crc32.js';

test('the check value', () => {
  expect(crc32(Buffer.from('123456789'))).toBe(0xcbf4_3926);
});

test('checksums of parts give that of the whole', () => {
  const random = new Random(4);
  for (const [first, second] of [
    [0, 0],
    [0, 5],
    [5, 0],
    [1, 1],
    [1000, 1 << 20],
    [70_001, 3],
    [random.below(9000), random.below(90_000)],
  ] as const) {
    const bytes = random.bytes(first + second);
    const parts = [bytes.subarray(0, first), bytes.subarray(first)].map((part) => crc32(part));
    expect(crc32Combined(parts[0] as number, parts[1] as number, second)).toBe(crc32(bytes));
  }
});

test('zeros of any length, at once', () => {
  for (const length of [0, 1, 7, 512, 1_000_003]) {
    expect(crc32OfZeros(length)).toBe(crc32(new Uint8Array(length)));
    expect(crc32OfZeros(length, 0x1234_5678)).toBe(crc32(new Uint8Array(length), 0x1234_5678));
  }
  const half = crc32OfZeros(2 ** 41);
  expect(crc32OfZeros(2 ** 42)).toBe(crc32Combined(half, half, 2 ** 41));
});
