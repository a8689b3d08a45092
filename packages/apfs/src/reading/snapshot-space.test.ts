// What is said of a snapshot's space is what its removal gives back.

import { changeVolume, count, MemoryVolume, Random, RandomChanges } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { formatted, mountOptions } from '../container.testing.js';
import { apfs } from '../driver.js';
import { ApfsFileSystem } from '../file-system.js';

const BLOCK = 4096;
/** Nodes of the reference trees, the object map and the list of snapshots come and go with a snapshot, too. */
const SMALL = 24 * BLOCK;

const spaceOf = (device: ReturnType<typeof formatted>) => {
  const volume = apfs.probe(device)?.volumes[0];
  const space = apfs.snapshotSpace(device, volume?.uuid ?? '');
  if (!volume || !space) throw new Error('there is a volume with snapshots');
  return { xids: volume.snapshots.map(({ xid }) => xid), space, free: volume.free };
};

/** What the last commits freed is free: some more that change nothing but a time. */
function settle(device: ReturnType<typeof formatted>): void {
  const fileSystem = new ApfsFileSystem(device, mountOptions);
  const [volume] = fileSystem.volumes;
  for (let i = 0; volume && i < 4; i += 1) {
    volume.setAttributes(volume.root.id, { mtimeNanos: i });
    fileSystem.commit();
  }
  fileSystem.close();
}

function opened(size: number) {
  const device = formatted(size);
  const fileSystem = new ApfsFileSystem(device, mountOptions);
  const [volume] = fileSystem.volumes;
  if (!volume) throw new Error('there is a volume');
  return { device, fileSystem, volume };
}

test('a snapshot holds alone what is not in its neighbours', () => {
  const { device, fileSystem, volume } = opened(32 << 20);
  const { root } = volume;
  const add = (name: string, blocks: number): void => {
    const [id = 0] = volume.create(root.id, [{ ...root, name, kind: 'file', size: blocks * BLOCK, target: '' }]);
    volume.write(id, 0, new Uint8Array(blocks * BLOCK).fill(7));
  };
  add('for good', 1000);
  add('in the first', 100);
  add('in both', 200);
  const first = fileSystem.createSnapshot(volume, 'first');
  volume.remove(root.id, 'in the first');
  add('in the second', 50);
  const second = fileSystem.createSnapshot(volume, 'second');
  for (const name of ['in both', 'in the second']) volume.remove(root.id, name);
  fileSystem.close();
  const { space } = spaceOf(device);
  const blocks = (...xids: number[]) => Math.floor(space.heldBy(new Set(xids)) / BLOCK);
  // Beside the data: a superblock, and the few nodes of the tree.
  expect([blocks(first) - 100, blocks(second) - 50, blocks(first, second) - 350]).toEqual([2, 2, 4]);
  expect(blocks()).toBe(0);
});

test.each(Array.from({ length: count(3, 20) }, (_, i) => i + 1))('what a removal gives back, seed %i', (seed) => {
  const random = new Random(seed);
  const { device, fileSystem, volume } = opened(64 << 20);
  const changes = new RandomChanges(MemoryVolume.like(volume), random, { items: 60 });
  for (let round = 0; round < 8; round += 1) {
    for (let i = 0; i < 20; i += 1) changeVolume(volume, changes.next());
    if (round < 7) fileSystem.createSnapshot(volume, `snapshot ${round}`);
  }
  fileSystem.close();
  settle(device);
  for (let left = 7; left > 0; ) {
    const before = spaceOf(device);
    const gone = random.shuffle([...before.xids]).slice(0, Math.min(left, 1 + random.below(2)));
    const held = before.space.heldBy(new Set(gone));
    const again = new ApfsFileSystem(device, mountOptions);
    for (const xid of gone) again.deleteSnapshot(again.volumes[0] as typeof volume, xid);
    again.close();
    settle(device);
    left -= gone.length;
    expect(Math.abs(spaceOf(device).free - before.free - held), `${gone}`).toBeLessThanOrEqual(SMALL);
  }
});
