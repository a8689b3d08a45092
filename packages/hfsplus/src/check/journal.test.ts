// A journal that waits is no damage: the volume is judged as it will be. One that cannot be replayed is.

import { expect } from 'vitest';
import { sample, sampleTest as test } from './sample.testing.js';
import { END, JOURNAL_AT, JOURNAL_SIZE, LIST_HEADER, waiting } from './waiting-journal.testing.js';

test('a transaction that waits is replayed first', () => {
  expect(waiting().kinds()).toEqual([]);
});

test('a transaction of several lists that goes round the end of the ring is sound', () => {
  const volume = waiting(700);
  expect(volume.view.getUint32(JOURNAL_AT + 16, true)).toBeLessThan(END);
  expect(volume.kinds()).toEqual([]);
});

test.each([
  ['the checksum of a list', END + 8],
  ['the data of a block', END + LIST_HEADER + 20],
  ['the number of blocks', END + 2],
  ['the length of a list', END + 4],
])('%s', (_what, at) => {
  const volume = waiting();
  volume.bytes[JOURNAL_AT + at] = (volume.bytes[JOURNAL_AT + at] ?? 0) ^ 0x40;
  expect(volume.kinds()).toEqual(['journal-transaction', 'volume-file-count']);
});

test('a journal that was never used is empty', () => {
  const volume = sample('journaled');
  volume.bytes.fill(0, JOURNAL_AT, JOURNAL_AT + JOURNAL_SIZE);
  expect(volume.kinds()).toEqual(['journal-header']);
  volume.view.setUint32(2 * 4096, 5);
  expect(volume.kinds()).toEqual([]);
});
