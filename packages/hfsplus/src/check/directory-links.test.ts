// Hard links of directories, which no fixture has: one is put into a real volume, then damaged.

import { expect } from 'vitest';
import { HeaderRecord } from '../structs/btree.js';
import { directoryLinkDamages, linked } from './directory-link.testing.js';
import { fsckAccepts, oracle, sampleTest as test } from './sample.testing.js';

test('a directory link is sound', () => {
  const volume = linked();
  expect(volume.view.getUint32(volume.record('attributes') + HeaderRecord.at.leafRecords)).toBe(1);
  expect(volume.kinds()).toEqual([]);
  if (oracle('fsck.hfsplus')) expect(fsckAccepts(volume.bytes)).toBe(true);
});

test.each(directoryLinkDamages)('%s of a directory link', (_what, kinds, damage) => {
  const volume = linked();
  damage(volume);
  expect(volume.kinds()).toEqual(kinds);
});

test.each(['51', 'x\0', '\0'])('a first link of %j is none', (first) => {
  expect(linked(first).kinds()).toEqual(['directory-inode-first']);
});
