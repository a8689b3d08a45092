// Containers with two volumes become smaller, and both are what they were.

import { count, Random, type SparseDevice } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { expectApfsckContent, formatted } from '../container.testing.js';
import {
  allTrees,
  expectSound,
  open,
  resized,
  ScatteredVolume,
  usedEnd,
  withoutSnapshots,
} from './scattered.testing.js';
import { addVolume, blockOff, letGo } from './two-volumes.testing.js';

const MIB = 1 << 20;
/** A container of two volumes has more than this. */
const LEAST = 512 * MIB;
const SIZE = 700 * MIB;

/** Both volumes, all that was written to them, and their snapshots lie behind `LEAST`. */
function atTheEnd(random: Random, snapshots: 'many' | 'none'): { device: SparseDevice; changes: ScatteredVolume[] } {
  const device = formatted(SIZE);
  addVolume(device, 'Second');
  expectApfsckContent(device);
  const front = blockOff(device, (LEAST + 20 * MIB) / 4096);
  const fileSystem = open(device);
  const changes = fileSystem.volumes.map((volume) => new ScatteredVolume(volume, random, 80));
  for (let step = 0; step < 12; step += 1) {
    const index = random.below(2);
    const volume = fileSystem.volumes[index];
    if (!volume) throw new Error('there are two volumes');
    changes[index]?.change(volume, 12);
    if (random.oneIn(3)) changes[index]?.fill(volume, random.below(4 * MIB));
    if (random.oneIn(4)) changes[index]?.clear(volume, 'half');
    fileSystem.commit();
    if (snapshots === 'many' && random.oneIn(2)) fileSystem.createSnapshot(volume, `after ${step}`);
  }
  fileSystem.close();
  letGo(device, front);
  expectApfsckContent(device);
  return { device, changes };
}

test.each(['none', 'many'] as const)('both volumes are the same in a smaller container, snapshots: %s', (snapshots) => {
  for (let seed = 1; seed <= count(2, 60); seed += 1) {
    const random = new Random(seed);
    const { device, changes } = atTheEnd(random, snapshots);
    const before = allTrees(device);
    expect(usedEnd(device)).toBeGreaterThan(LEAST + 20 * MIB);
    const message = `seed ${seed}`;
    const least = resized(device, 'min');
    expect(least, message).toBe(LEAST + 4096);
    const window = expectSound(device, least, before, message);
    const fileSystem = open(window);
    for (const [index, volume] of fileSystem.volumes.entries()) {
      changes[index]?.change(volume, 6);
      if (snapshots === 'many') fileSystem.createSnapshot(volume, 'later');
    }
    fileSystem.close();
    const after = allTrees(window);
    resized(device, SIZE);
    expectSound(device, SIZE, after, message);
    const last = open(device);
    for (const volume of last.volumes)
      for (const { xid } of random.shuffle([...(volume.snapshots ?? [])])) last.deleteSnapshot(volume, xid);
    last.close();
    expectSound(device, SIZE, withoutSnapshots(after), message);
  }
});

test('the slot of a volume keeps a container large enough for it', () => {
  const device = formatted(SIZE);
  addVolume(device, 'Second');
  expect(open(device).sizeLimits().smallest).toBe(LEAST + 4096);
  expect(() => open(device).resize(LEAST)).toThrow();
});
