// Every damage that the tests of the check know: what the check calls repairable is mended, Apple's checker agrees, and no
// file has changed but the one that was damaged.

import { MemoryDevice } from '@tintype/core';
import { expect } from 'vitest';
import { catalogDamages } from '../check/catalog-damages.testing.js';
import { linkDamages } from '../check/link-damages.testing.js';
import { sample, sampleNames, sampleTest as test } from '../check/sample.testing.js';
import { treeDamages } from '../check/tree-damages.testing.js';
import { volumeDamages } from '../check/volume-damages.testing.js';
import { repair } from './repair.js';
import { changedPaths, isRepairable, NOW, repaired, treeIn } from './repaired.testing.js';

/** Of damages to one item: with its folder, or the folder that it is put into. */
const MOST_CHANGED = 4;

test.each([...treeDamages, ...catalogDamages, ...linkDamages, ...volumeDamages])(
  '$what',
  ({ of = 'small', kinds, damage }) => {
    const volume = sample(of);
    const before = treeIn(volume.bytes);
    damage(volume);
    const { left, fsck } = repaired(volume.bytes);
    expect(left.filter((kind) => !kinds.includes(kind) || isRepairable(kind))).toEqual([]);
    if (left.length > 0) return;
    expect(fsck).not.toBe(false);
    const isOfOneItem = [...catalogDamages, ...linkDamages, ...volumeDamages].some((each) => each.damage === damage);
    expect(changedPaths(before, treeIn(volume.bytes)).length).toBeLessThanOrEqual(isOfOneItem ? MOST_CHANGED : 0);
  },
);

test.each(sampleNames)('the volume %s, which is sound, stays as it is', (name) => {
  const volume = sample(name);
  const before = volume.bytes.slice();
  expect(repair(new MemoryDevice(volume.bytes), { now: NOW })).toEqual([]);
  expect(Buffer.compare(before, volume.bytes)).toBe(0);
});
