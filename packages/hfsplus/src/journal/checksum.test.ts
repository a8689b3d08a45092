import { expect, test } from 'vitest';
import { addToChecksum, CHECKSUM_START, journalChecksum } from './checksum.js';

test('bytes shifted into a sum of 32 bits', () => {
  expect(journalChecksum(new Uint8Array(0))).toBe(0xffff_ffff);
  expect(journalChecksum(Uint8Array.of(1))).toBe(0xffff_fffe);
  // (1 << 8) ^ (1 + 2)
  expect(journalChecksum(Uint8Array.of(1, 2))).toBe(0xffff_fefc);
});

test('pieces give the checksum of the whole', () => {
  const bytes = Uint8Array.from({ length: 1000 }, (_, i) => (i * 37) & 255);
  const sum = addToChecksum(addToChecksum(CHECKSUM_START, bytes.subarray(0, 333)), bytes.subarray(333));
  expect(~sum >>> 0).toBe(journalChecksum(bytes));
});
