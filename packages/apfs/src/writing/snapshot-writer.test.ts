// Snapshots: each holds the tree as it was, whatever changes after it, and apfsck is content with all of them and when they go.

import {
  changeVolume,
  count,
  MemoryVolume,
  Random,
  RandomChanges,
  snapshotOf,
  type TreeSnapshot,
} from '@tintype/testkit';
import { expect, test } from 'vitest';
import { expectApfsckContent, formatted, mountOptions } from '../container.testing.js';
import { ApfsFileSystem } from '../file-system.js';

const MiB = 1 << 20;

test.each(Array.from({ length: count(3, 20) }, (_, i) => i + 1))('snapshots hold their trees, seed %i', (seed) => {
  const random = new Random(seed);
  const device = formatted(64 * MiB);
  let fileSystem = new ApfsFileSystem(device, mountOptions);
  let [volume] = fileSystem.volumes;
  if (!volume) throw new Error('there is a volume');
  const model = MemoryVolume.like(volume);
  model.setAttributes(model.root.id, volume.root);
  const changes = new RandomChanges(model, random, { specialXattrs: ['com.apple.ResourceFork'], items: 60 });
  const kept = new Map<number, { name: string; tree: TreeSnapshot }>();
  for (let round = 0; round < 14; round += 1) {
    for (let i = 0; i < 20; i += 1) changeVolume(volume, changes.next());
    if (random.oneIn(3)) fileSystem.commit();
    if (kept.size < 2 || random.oneIn(2)) {
      const name = `snapshot ${round}`;
      kept.set(fileSystem.createSnapshot(volume, name), { name, tree: snapshotOf(volume) });
    } else {
      const xid = random.pick([...kept.keys()]);
      fileSystem.deleteSnapshot(volume, xid);
      kept.delete(xid);
    }
    expectApfsckContent(device, 'open');
    if (random.oneIn(3)) {
      fileSystem.close();
      fileSystem = new ApfsFileSystem(device, mountOptions);
      [volume] = fileSystem.volumes;
      if (!volume) throw new Error('there is a volume');
    }
    expect(snapshotOf(volume)).toEqual(snapshotOf(model));
    const listed = volume.snapshots?.map(({ xid, name }) => [xid, name]);
    expect(listed).toEqual([...kept].sort(([a], [b]) => a - b).map(([xid, { name }]) => [xid, name]));
    for (const [xid, { tree }] of kept) expect(snapshotOf(volume.openSnapshot(xid))).toEqual(tree);
  }
  for (const xid of random.shuffle([...kept.keys()])) fileSystem.deleteSnapshot(volume, xid);
  fileSystem.close();
  expectApfsckContent(device);
});

test('a snapshot is renamed; names are used once', () => {
  const device = formatted(8 * MiB);
  const fileSystem = new ApfsFileSystem(device, mountOptions);
  const [volume] = fileSystem.volumes;
  if (!volume) throw new Error('there is a volume');
  const first = fileSystem.createSnapshot(volume, 'first');
  const unsupported = expect.objectContaining({ code: 'unsupported' });
  expect(() => fileSystem.createSnapshot(volume, 'first')).toThrow(unsupported);
  expect(() => fileSystem.renameSnapshot(volume, first, '')).toThrow(unsupported);
  expect(() => fileSystem.deleteSnapshot(volume, first + 100)).toThrow(unsupported);
  fileSystem.renameSnapshot(volume, first, 'erster Schnappschuß');
  expect(volume.snapshots?.map(({ name }) => name)).toEqual(['erster Schnappschuß']);
  fileSystem.close();
  expectApfsckContent(device);
});

test('a snapshot goes on being read while commits change and free what lies beside it', () => {
  const device = formatted(16 * MiB);
  const fileSystem = new ApfsFileSystem(device, mountOptions);
  const [volume] = fileSystem.volumes;
  if (!volume) throw new Error('there is a volume');
  const { root } = volume;
  // So many that what is looked up in the end is in nodes of the object map that were not read before.
  const names = Array.from({ length: 16_000 }, (_, i) => `file ${i}`);
  const plain = { ...root, kind: 'file' as const, size: 0, target: '' };
  volume.create(
    root.id,
    names.map((name) => ({ ...plain, name })),
  );
  const snapshot = volume.openSnapshot(fileSystem.createSnapshot(volume, 'kept'));
  expect(snapshot.lookup(root.id, 'file 1')).not.toBeNull();
  for (let round = 0; round < 12; round += 1) {
    for (let i = round; i < names.length; i += 12) {
      volume.remove(root.id, names[i] as string);
      if (fileSystem.commitDue) fileSystem.commit();
    }
    fileSystem.commit();
  }
  expect(snapshot.list(root.id).map(({ name }) => name)).toHaveLength(names.length);
  expect(volume.list(root.id)).toEqual([]);
  fileSystem.close();
  expectApfsckContent(device);
});
