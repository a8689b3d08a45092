import { expect, test } from 'vitest';
import { checkOf, checkSize } from './checks.js';

const digits = Buffer.from('123456789');
const hex = (type: number) => Buffer.from(checkOf(type, digits) ?? []).toString('hex');

test('the published check values, least significant byte first', () => {
  expect([hex(0), hex(1), hex(4)]).toEqual(['', '2639f4cb', 'fa3919dfbbc95d99']);
  expect(hex(10)).toMatch(/^15e2b0d3c33891eb/);
});

test('a kind that is not known has a size all the same', () => {
  expect(checkOf(2, digits)).toBeNull();
  expect([0, 1, 2, 3, 4, 6, 7, 9, 10, 12, 13, 15].map(checkSize)).toEqual([0, 4, 4, 4, 8, 8, 16, 16, 32, 32, 64, 64]);
});
