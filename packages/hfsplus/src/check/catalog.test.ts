// One damage for each rule about records of the catalog: exactly that rule must be named, and where fsck.hfsplus knows
// the rule it must refuse the volume too (hfsplus.md 11.5 says where it does not).

import { expect } from 'vitest';
import { catalogDamages } from './catalog-damages.testing.js';
import { fsckAccepts, oracle, sample, sampleTest as test } from './sample.testing.js';

test.each(catalogDamages)('$what', ({ of = 'small', kinds, damage, fsck }) => {
  const volume = sample(of);
  damage(volume);
  expect(volume.kinds()).toEqual(kinds);
  if (fsck && oracle('fsck.hfsplus')) expect(fsckAccepts(volume.bytes)).toBe(fsck === 'accepts');
});
