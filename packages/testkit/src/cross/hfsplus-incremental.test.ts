// Fifty runs of random changes on one volume: after each commit Apple's checker and ours are content, and the tree is
// the model's.

import { hfsplus } from '@tintype/hfsplus';
import { expect, test } from 'vitest';
import { contractFormat, contractMount } from '../contracts/driver.js';
import { firstVolume } from '../contracts/volume.js';
import { MemoryVolume } from '../memory-volume.js';
import { withOracle } from '../oracles.js';
import { RandomChanges } from '../random-changes.js';
import { count, Random } from '../seeds.js';
import { snapshotOf } from '../snapshot-of.js';
import { SparseDevice } from '../sparse-device.js';
import { changeVolume } from '../tree-change.js';
import { buildOnVolume, difficultTree } from '../trees.js';
import { expectAppleContent } from './surviving.testing.js';

const SIZE = 18 << 20;

test.skipIf(withOracle('fsck.hfsplus').skip).each([false, true])(
  'after each random incremental run the volume is sound, case sensitive %s',
  (caseSensitive) => {
    const device = new SparseDevice(SIZE);
    hfsplus.format(device, { ...contractFormat, caseSensitive });
    const runs = caseSensitive ? count(10, 50) : 50;
    const random = new Random(caseSensitive ? 1 : 2);
    let model: MemoryVolume | null = null;
    let changes: RandomChanges | null = null;
    for (let run = 0; run < runs; run += 1) {
      const fileSystem = hfsplus.open(device, contractMount('writable'));
      const volume = firstVolume(fileSystem);
      if (!model || !changes) {
        model = MemoryVolume.like(volume);
        model.setAttributes(model.root.id, volume.root);
        const start = difficultTree({ manyEntries: 200, levels: 60, twinNames: caseSensitive ? 'case' : 'none' });
        buildOnVolume(model, start);
        buildOnVolume(volume, start);
        changes = new RandomChanges(model, random, { items: 600, largestFile: 40_000, largestXattr: 8000 });
      }
      for (let i = 0; i < count(15, 60); i += 1) changeVolume(volume, changes.next());
      fileSystem.close();
      expect([...hfsplus.check(device, {})], `run ${run}`).toEqual([]);
      expectAppleContent(device, `run ${run}`);
      if (run % 10 !== 9) continue;
      const again = hfsplus.open(device, contractMount('read-only'));
      expect(snapshotOf(firstVolume(again)), `run ${run}`).toEqual(snapshotOf(model));
      again.close();
    }
  },
);
