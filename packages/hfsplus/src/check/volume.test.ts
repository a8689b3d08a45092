// One damage for each rule about headers, bitmap, forks and journal: exactly that rule must be named, and where
// fsck.hfsplus knows the rule it must refuse the volume too (hfsplus.md 11.5 says where it does not).

import { expect } from 'vitest';
import { fsckAccepts, oracle, sample, sampleTest as test } from './sample.testing.js';
import { volumeDamages } from './volume-damages.testing.js';

test.each(volumeDamages)('$what', ({ of = 'small', kinds, damage, fsck }) => {
  const volume = sample(of);
  damage(volume);
  expect(volume.kinds()).toEqual(kinds);
  if (fsck && oracle('fsck.hfsplus')) expect(fsckAccepts(volume.bytes)).toBe(fsck === 'accepts');
});
