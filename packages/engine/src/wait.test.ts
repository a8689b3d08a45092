import { expect, test } from 'vitest';
import { waitingText, waitText } from './wait.js';

test('durations are shown as people say them', () => {
  expect([1000, 90_000, 120_000, 900_000].map(waitText)).toEqual([
    '1 seconds',
    '90 seconds',
    '2 minutes',
    '15 minutes',
  ]);
  expect(waitingText(Number.POSITIVE_INFINITY)).toBe('waiting for it');
});
