// A journal that waits is no damage: the volume is judged as it will be. One that cannot be replayed is.

import { MemoryDevice } from '@tintype/core';
import { expect, test } from 'vitest';
import { Journal } from '../journal.js';
import { VolumeHeader } from '../structs/volume-header.js';
import { type Sample, sample } from './sample.testing.js';

const JOURNAL_AT = 12_288;
const JOURNAL_SIZE = 524_288;
/** Where the next transaction of this volume goes: `end` of its header (hfsplus.md 13.1). */
const END = 198_656;
const LIST_HEADER = 8192;

/** The journaled volume with a transaction in its ring that mends the damage done to its header afterwards. */
function waiting(count = 1): Sample {
  const volume = sample('journaled');
  const sound = volume.bytes.slice(1024, 1536);
  const device = new MemoryDevice(volume.bytes);
  const journal = Journal.open(device, VolumeHeader.read(volume.view, 1024));
  const blocks = Array.from({ length: count }, () => ({ position: 1024, bytes: sound }));
  journal?.commit(blocks);
  volume.addTo(1024 + VolumeHeader.at.fileCount, 5);
  return volume;
}

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
