// One damage for each rule about the shape of trees: exactly that rule must be named, and where fsck.hfsplus knows
// the rule it must refuse the volume too (hfsplus.md 11.5 says where it does not).

import { expect } from 'vitest';
import { fsckAccepts, oracle, sample, sampleTest as test } from './sample.testing.js';
import { treeDamages } from './tree-damages.testing.js';

test.each(treeDamages)('$what', ({ of = 'small', kinds, damage, fsck }) => {
  const volume = sample(of);
  damage(volume);
  expect(volume.kinds()).toEqual(kinds);
  if (fsck && oracle('fsck.hfsplus')) expect(fsckAccepts(volume.bytes)).toBe(fsck === 'accepts');
});
