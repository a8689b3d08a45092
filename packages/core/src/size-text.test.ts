import { expect, test } from 'vitest';
import { showCount, showSize, showSizes } from './size-text.js';

test.each([
  [0, '0 bytes'],
  [1, '1 byte'],
  [999, '999 bytes'],
  [1000, '1.00 kB'],
  [999_499, '999 kB'],
  [999_700, '1.00 MB'],
  [1_310_000_000, '1.31 GB'],
  [2e15, '2000 TB'],
])('%d bytes are shown in decimal units', (bytes, text) => {
  expect(showSize(bytes)).toBe(text);
});

test.each([
  [1_310_000_000, 1_320_000_000, '1.31 GB', '1.32 GB'],
  [1_000_000_000, 1_001_048_576, '1.00000 GB', '1.00105 GB'],
  [5_000_000_000, 5_000_000_001, '5.00000000000 GB', '5.00000000100 GB'],
  [7_000_000, 7_000_000, '7.00 MB', '7.00 MB'],
])('%d and %d bytes in one sentence differ as they do in truth', (a, b, aText, bText) => {
  expect(showSizes(a, b)).toEqual([aText, bText]);
});

test('one of a thing, or several', () => {
  expect([0, 1, 2].map((count) => showCount(count, 'file'))).toEqual(['0 files', '1 file', '2 files']);
});
