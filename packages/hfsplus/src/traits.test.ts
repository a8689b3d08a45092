import { expect, test } from 'vitest';
import { volumeTraits } from './traits.js';

test('times reach from the beginning of 1904 into February 2040', () => {
  const { timeRange } = volumeTraits({ caseSensitive: true, epoch: 2_082_844_800, flags: 0 });
  const text = (seconds: number) => new Date(seconds * 1000).toISOString();
  expect(text(timeRange.first)).toBe('1904-01-01T00:00:00.000Z');
  expect(text(timeRange.last)).toBe('2040-02-06T06:28:15.000Z');
});
