// Hard links to folders, which no fixture has.

import { expect } from 'vitest';
import { directoryLinkDamages, linked } from '../check/directory-link.testing.js';
import { sampleTest as test } from '../check/sample.testing.js';
import { isRepairable, repaired } from './repaired.testing.js';

test.each(directoryLinkDamages)('%s of a link to a folder', (_what, kinds, damage) => {
  const volume = linked();
  damage(volume);
  const { left, fsck } = repaired(volume.bytes);
  expect(left.filter((kind) => !kinds.includes(kind) || isRepairable(kind))).toEqual([]);
  expect(fsck).not.toBe(false);
});

test.each(['51', 'x\0', '\0'])('a first link of %j is set', (first) => {
  const volume = linked(first);
  const { acts, left, fsck } = repaired(volume.bytes);
  expect(left).toEqual([]);
  expect(fsck).not.toBe(false);
  expect(acts).toHaveLength(1);
});
