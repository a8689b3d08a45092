import { expect, test } from 'vitest';
import { agrees, firstWord, summing, wordBytes } from './checksums.js';

const digits = Buffer.from('123456789');
const sum = (type: number): string => {
  const summed = summing(type);
  summed?.add(digits.subarray(0, 4));
  summed?.add(digits.subarray(4));
  return Buffer.from(summed?.end() ?? []).toString('hex');
};

test('the published check values', () => {
  expect([sum(2), sum(4)]).toEqual(['cbf43926', '25f9e794323b453885f5181f1b624d0b']);
});

test('none, and kinds that are not known', () => {
  expect([0, 1, 3, 5, 99].map(summing)).toEqual([null, null, null, null, null]);
});

test('leftovers behind the used bits are not looked at', () => {
  const stored = Buffer.alloc(128, 0x77);
  stored.set(wordBytes(0xcbf43926));
  expect(agrees(wordBytes(0xcbf43926), stored)).toBe(true);
  expect(agrees(wordBytes(0xcbf43927), stored)).toBe(false);
  expect(Buffer.from(firstWord(stored)).toString('hex')).toBe('cbf43926');
});
