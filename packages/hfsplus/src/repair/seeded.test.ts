// Seeded damage: each kind on each volume at random places, and several kinds at once. After the repair our check and
// Apple's find nothing, and no item has changed but those that were damaged.

import { count, Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import type { Sample } from '../check/sample.testing.js';
import { changedPaths, repaired, treeIn } from './repaired.testing.js';
import { seededDamages } from './seeded-damages.testing.js';
import { PIECEMEAL, seededVolume, volumeNames } from './seeded-volumes.testing.js';

const FULL_COUNT = 200;
const cases = Array.from({ length: count(20, FULL_COUNT) }, (_, i) => {
  // A step that has no divisor with the number of kinds in common visits all of them.
  const seed = count(i * 11, i);
  return { seed, name: volumeNames[seed % volumeNames.length] ?? 'hfs+', kinds: seed % 7 === 6 ? 2 : 1 };
});

/** Damages it until the check sees something; answers what was done, and to which items. */
function damage(volume: Sample, seed: number, kinds: number): { what: string[]; touched: string[] } {
  const random = new Random(seed);
  const what: string[] = [];
  const touched: string[] = [];
  for (let turn = 0; what.length < kinds; turn += 1) {
    const [kind, apply] = seededDamages[(seed + turn * 5) % seededDamages.length] ?? seededDamages[0] ?? [];
    const before = volume.bytes.slice();
    const names = apply?.(volume, random) ?? null;
    if (names === null || (what.length === 0 && volume.kinds().length === 0)) {
      volume.bytes.set(before);
      continue;
    }
    what.push(kind ?? '');
    touched.push(...names.map((name) => name.normalize('NFC')));
    // A second kind needs a volume whose records can still be found.
    if (
      what.length === 1 &&
      kinds > 1 &&
      volume.kinds().some((each) => /^(tree|volume-header|volume-alternate|extent)/.test(each))
    )
      return { what, touched };
  }
  return { what, touched };
}

test.each(volumeNames)('the volume %s is sound before, and has what is to be damaged', (name) => {
  const volume = seededVolume(name);
  expect(volume.kinds()).toEqual([]);
  if (name !== 'macos' && name !== 'journaled') expect(Object.keys(treeIn(volume.bytes))).toContain(PIECEMEAL);
});

test.each(cases)('seed $seed on $name', ({ seed, name, kinds }) => {
  const volume = seededVolume(name);
  const before = treeIn(volume.bytes);
  const { what, touched } = damage(volume, seed, kinds);
  const { acts, left, fsck } = repaired(volume.bytes);
  const story = `${what.join(' and ')}: ${acts.join('; ')}`;
  expect(left, story).toEqual([]);
  expect(fsck, story).not.toBe(false);
  const changed = changedPaths(before, treeIn(volume.bytes)).filter(
    (path) => path !== 'lost+found' && !touched.some((each) => path.split('/').includes(each)),
  );
  expect(changed, story).toEqual([]);
});
