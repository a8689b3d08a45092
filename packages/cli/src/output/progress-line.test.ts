import { expect, test } from 'vitest';
import { type ProgressState, progressText } from './progress-line.js';

const nothing: ProgressState = {
  phase: '',
  items: 0,
  totalItems: 0,
  bytes: 0,
  totalBytes: 0,
  seconds: 0,
  isWaiting: false,
};

test.each<[Partial<ProgressState>, string]>([
  [{}, 'working'],
  [{ phase: 'open' }, 'open: working'],
  [{ phase: 'copy', items: 302, bytes: 25_200_000, seconds: 0.5 }, 'copy: 302 items, 25.2 MB, 50.4 MB/s'],
  [
    { phase: 'copy', bytes: 1_000_000_000, totalBytes: 4_000_000_000, seconds: 10 },
    'copy: 1.00 GB of 4.00 GB, 100 MB/s, 30 s left',
  ],
  [{ phase: 'verify', items: 8, totalItems: 16, seconds: 1 }, 'verify: 8 of 16 items, 1.0 s left'],
  [{ items: 75, totalItems: 100, bytes: 600, seconds: 30 }, '75 of 100 items, 600 bytes, 20 bytes/s, 10 s left'],
  [
    { phase: 'copy', items: 75, bytes: 600, seconds: 30, isWaiting: true },
    'waiting for the destination, 75 items, 600 bytes',
  ],
])('%j is shown as %s', (state, text) => {
  expect(progressText({ ...nothing, ...state })).toBe(text);
});
