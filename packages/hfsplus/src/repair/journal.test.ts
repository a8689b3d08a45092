// Journals that wait, journals that are ruined, and journals that are not to be found.

import { MemoryDevice } from '@tintype/core';
import { expect } from 'vitest';
import { field, remove } from '../check/damage.testing.js';
import { sample, sampleTest as test } from '../check/sample.testing.js';
import { END, JOURNAL_AT, waiting } from '../check/waiting-journal.testing.js';
import { CatalogFolder } from '../structs/catalog.js';
import { VolumeHeader } from '../structs/volume-header.js';
import { Acts } from './acts.js';
import { Headers } from './headers.js';
import { settleJournal } from './journal.js';
import { repaired } from './repaired.testing.js';

test('a transaction that waits is replayed before anything is mended', () => {
  const volume = waiting();
  volume.addTo(field(volume, '.fseventsd', CatalogFolder.at.valence), 1);
  const { acts, left, fsck } = repaired(volume.bytes);
  expect(left).toEqual([]);
  expect(fsck).not.toBe(false);
  expect(acts[0]).toBe('replayed the journal');
  expect(acts.join()).not.toContain('fileCount');
});

test('a ruined transaction is dropped, and what it would have mended is mended', () => {
  const volume = waiting();
  volume.bytes[JOURNAL_AT + END + 8] = (volume.bytes[JOURNAL_AT + END + 8] ?? 0) ^ 0x40;
  const { acts, left, fsck } = repaired(volume.bytes);
  expect(left).toEqual([]);
  expect(fsck).not.toBe(false);
  expect(acts).toContain('emptied the journal, which was ruined');
  expect(acts.join()).toContain('fileCount');
});

test('without its file and its info block the journal is turned off', () => {
  const volume = sample('journaled');
  for (const name of ['.journal_info_block', '.journal']) remove(volume, name);
  volume.bytes.fill(0, 2 * 4096, 3 * 4096);
  const { acts, left } = repaired(volume.bytes);
  expect(left).toEqual([]);
  expect(acts.join()).toContain('turned off the journal');
  expect(volume.header(VolumeHeader.at.journalInfoBlock)).toBe(0);
});

test('the file of the journal comes back from the info block', () => {
  const volume = sample('journaled');
  remove(volume, '.journal');
  const { acts, left, fsck } = repaired(volume.bytes);
  expect(left).toEqual([]);
  expect(fsck).not.toBe(false);
  expect(acts.join()).toContain('corrected the file of the journal');
});

test('a volume without a journal has none to settle', () => {
  const device = new MemoryDevice(sample('small').bytes);
  const acts = new Acts();
  const headers = Headers.choose(device, acts);
  if (headers) settleJournal(device, headers, acts);
  expect(acts.sentences()).toEqual([]);
});
