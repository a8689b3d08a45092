import { crc32 } from '@tintype/core';
import { expect, test } from 'vitest';
import { agrees, masterAgrees, summing, wordBytes } from './checksums.js';
import { readKoly } from './koly.js';
import type { RunTable } from './runs.js';
import { padded } from './table.js';
import { kolyOf, stored } from './udif.testing.js';

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
  const kept = Buffer.alloc(128, 0x77);
  kept.set(wordBytes(0xcbf43926));
  expect(agrees(wordBytes(0xcbf43926), kept)).toBe(true);
  expect(agrees(wordBytes(0xcbf43927), kept)).toBe(false);
});

test('of all tables: asked only where it is of a kind that is known, and all of theirs are', () => {
  const table = (checksumType: number): RunTable => {
    const none = { name: '', start: 0, end: 0, runs: [], findings: [] };
    return { ...none, checksumType, checksum: Buffer.concat([digits.subarray(0, 4), Buffer.alloc(124, 0x77)]) };
  };
  const agree = (type: number, size: number, word: number, tables: readonly number[]) => {
    const sums = { masterChecksumType: type, masterChecksumSize: size, masterChecksum: padded(word) };
    const koly = readKoly(stored(kolyOf(sums)));
    return koly && masterAgrees(koly, tables.map(table));
  };
  const right = crc32(Buffer.from('12341234'));
  expect([agree(2, 32, right, [2, 2]), agree(2, 32, 0, [])]).toEqual([true, true]);
  expect([agree(2, 32, right, [2]), agree(2, 32, right + 1, [2, 2])]).toEqual([false, false]);
  // No checksum, MD5, and tables with none or another: nothing is known to be wrong.
  expect([agree(0, 32, 5, [2]), agree(2, 0, 5, [2]), agree(4, 128, 5, [2])]).toEqual([true, true, true]);
  expect([agree(2, 32, 5, [2, 0]), agree(2, 32, 5, [2, 4])]).toEqual([true, true]);
});
