import { expect, test } from 'vitest';
import { COMPACT_BELOW, isCompactionDue, isGainWorthwhile, LEAST_GAIN, mayCompact } from './compaction-due.js';

test.each([
  [24_999_999_999, 30e9, true],
  [25e9, 30e9, false],
  [25e9, 1e12, true],
  [149_999_999_999, 1e12, true],
  [150e9, 1e12, false],
  [0, 0, true],
])('B19 with %i of %i bytes free on the host, compaction is due: %s', (hostFree, hostCapacity, due) => {
  expect(isCompactionDue({ hostFree, hostCapacity })).toBe(due);
});

test.each([
  [999_999, 100e6, false],
  [1e6, 100e6, true],
  [999_999_999, 100e9, false],
  [1e9, 1e12, true],
  [0, 0, true],
])('B19 a gain of %i bytes of %i is worth it: %s', (gain, imageBytes, worth) => {
  expect(isGainWorthwhile({ gain, imageBytes })).toBe(worth);
});

test('B24 on battery nothing is compacted unless allowed; where the host does not say, it is', () => {
  expect(mayCompact({ onBattery: true, allowed: false })).toBe(false);
  expect(mayCompact({ onBattery: true, allowed: true })).toBe(true);
  for (const onBattery of [false, null]) expect(mayCompact({ onBattery, allowed: false })).toBe(true);
});

test('the thresholds are those of the promises', () => {
  expect([COMPACT_BELOW, LEAST_GAIN]).toEqual([
    { free: 25e9, share: 0.15 },
    { share: 0.01, bytes: 1e9 },
  ]);
});
