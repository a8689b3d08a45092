// Snapshots: each holds the tree as it was, whatever changes after it, and apfsck is content with all of them and when they go.

import { CountingDevice, type NewItem, type WritableVolume } from '@tintype/core';
import {
  changeVolume,
  count,
  MemoryVolume,
  plainAttributes,
  Random,
  RandomChanges,
  snapshotOf,
  type TreeChange,
  type TreeSnapshot,
} from '@tintype/testkit';
import { expect, test } from 'vitest';
import { expectApfsckContent, formatted, mountOptions } from '../container.testing.js';
import { ApfsFileSystem } from '../file-system.js';

const MiB = 1 << 20;

const options = { specialXattrs: ['com.apple.ResourceFork'], items: 60 };

/** A volume and its model, changed alike, with the snapshots that there must be. */
class IncrementalRuns {
  readonly #random: Random;
  readonly #device = formatted(64 * MiB);
  #fileSystem = new ApfsFileSystem(this.#device, mountOptions);
  #model = this.#emptyModel();
  #changes: RandomChanges;
  /** All that led to the volume as it is. */
  readonly #history: TreeChange[] = [];
  readonly #kept = new Map<number, { name: string; tree: TreeSnapshot; changes: number }>();
  #names = 0;

  constructor(seed: number) {
    this.#random = new Random(seed);
    this.#changes = new RandomChanges(this.#model, this.#random, options);
  }
  get #volume(): WritableVolume {
    const [volume] = this.#fileSystem.volumes;
    if (!volume) throw new Error('there is a volume');
    return volume;
  }
  #emptyModel(): MemoryVolume {
    const model = MemoryVolume.like(this.#volume);
    model.setAttributes(model.root.id, this.#volume.root);
    return model;
  }

  run(): void {
    for (let i = 0; i < 20; i += 1) {
      const change = this.#changes.next();
      changeVolume(this.#volume, change);
      this.#history.push(change);
    }
    if (this.#random.oneIn(3)) this.#fileSystem.commit();
    if (this.#kept.size < 2) this.#create();
    else this.#random.pick([() => this.#create(), () => this.#create(), () => this.#remove(), () => this.#rename()])();
    if (this.#random.oneIn(8)) this.#revert();
    if (this.#random.oneIn(2)) this.#judgeOpen();
    else this.#again();
    this.#compare();
  }
  #create(): void {
    this.#names += 1;
    const name = `snapshot ${this.#names}`;
    const xid = this.#fileSystem.createSnapshot(this.#volume, name);
    this.#kept.set(xid, { name, tree: snapshotOf(this.#volume), changes: this.#history.length });
  }
  #any(): number {
    return this.#random.pick([...this.#kept.keys()]);
  }
  #remove(): void {
    const xid = this.#any();
    this.#fileSystem.deleteSnapshot(this.#volume, xid);
    this.#kept.delete(xid);
  }
  #rename(): void {
    const xid = this.#any();
    const known = this.#kept.get(xid);
    this.#names += 1;
    const name = `renamed ${'ä'.repeat(this.#random.between(0, 100))} ${this.#names}`;
    this.#fileSystem.renameSnapshot(this.#volume, xid, name);
    if (known) this.#kept.set(xid, { ...known, name });
  }
  #revert(): void {
    const to = this.#any();
    this.#fileSystem.revertToSnapshot(this.#volume, to);
    this.#history.length = this.#kept.get(to)?.changes ?? 0;
    for (const xid of [...this.#kept.keys()]) if (xid > to) this.#kept.delete(xid);
    this.#model = this.#emptyModel();
    for (const change of this.#history) changeVolume(this.#model, change);
    this.#changes = new RandomChanges(this.#model, this.#random, options);
  }
  /** As it is, and as another driver leaves it that opens and closes it. */
  #judgeOpen(): void {
    expectApfsckContent(this.#device, 'open');
    const other = this.#device.clone();
    new ApfsFileSystem(other, mountOptions).close();
    expectApfsckContent(other);
  }
  #again(): void {
    this.#fileSystem.close();
    expectApfsckContent(this.#device);
    this.#fileSystem = new ApfsFileSystem(this.#device, mountOptions);
  }
  #compare(): void {
    expect(snapshotOf(this.#volume)).toEqual(snapshotOf(this.#model));
    const listed = this.#volume.snapshots?.map(({ xid, name }) => [xid, name]);
    expect(listed).toEqual([...this.#kept].sort(([a], [b]) => a - b).map(([xid, { name }]) => [xid, name]));
    for (const [xid, { tree }] of this.#kept) expect(snapshotOf(this.#volume.openSnapshot(xid))).toEqual(tree);
  }
  end(): void {
    while (this.#kept.size > 0) this.#remove();
    this.#fileSystem.close();
    expectApfsckContent(this.#device);
  }
}

test.each(Array.from({ length: count(3, 10) }, (_, i) => i + 1))(
  'incremental runs with snapshots made, renamed, deleted and reverted to, seed %i',
  (seed) => {
    const runs = new IncrementalRuns(seed);
    for (let i = 0; i < count(12, 50); i += 1) runs.run();
    runs.end();
  },
  600_000,
);

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

test('a snapshot of very many files goes although a queue could not take them all: few are its own', () => {
  const device = formatted(128 * MiB);
  const fileSystem = new ApfsFileSystem(device, mountOptions);
  const [volume] = fileSystem.volumes;
  if (!volume) throw new Error('there is a volume');
  const { id: root } = volume.root;
  const file = { ...plainAttributes, kind: 'file', size: 1, target: '', rdevMajor: 0, rdevMinor: 0 } as const;
  const items = Array.from({ length: 4000 }, (_, i): NewItem => ({ ...file, name: `${i}` }));
  // Every other file has two blocks, so that no two extents are one record.
  for (const [i, id] of volume.create(root, items).entries())
    volume.write(id, 0, new Uint8Array(i % 2 ? 1 : 5000).fill(i));
  const first = fileSystem.createSnapshot(volume, 'first');
  for (let i = 0; i < 40; i += 1) volume.remove(root, `${i * 99}`);
  const second = fileSystem.createSnapshot(volume, 'second');
  const tree = snapshotOf(volume);
  for (const xid of [first, second]) {
    fileSystem.deleteSnapshot(volume, xid);
    expectApfsckContent(device, 'open');
  }
  expect(snapshotOf(volume)).toEqual(tree);
  fileSystem.close();
  expectApfsckContent(device);
});

test('making a snapshot, and deleting one, writes as much as it has of its own, however many there are', () => {
  const device = formatted(128 * MiB);
  const counting = new CountingDevice(device);
  const fileSystem = new ApfsFileSystem(counting, mountOptions);
  const [volume] = fileSystem.volumes;
  if (!volume) throw new Error('there is a volume');
  const { id: root } = volume.root;
  const file = { ...plainAttributes, kind: 'file', size: 1, target: '', rdevMajor: 0, rdevMinor: 0 } as const;
  const items = Array.from({ length: 4000 }, (_, i): NewItem => ({ ...file, name: `${i}` }));
  const ids = volume.create(root, items);
  for (const [i, id] of ids.entries()) volume.write(id, 0, new Uint8Array(i % 2 ? 1 : 5000).fill(i));
  const blocksOf = (call: () => void): number => {
    const before = counting.bytesWritten;
    call();
    return (counting.bytesWritten - before) / 4096;
  };
  const made: number[] = [];
  const kept: number[] = [];
  for (let i = 0; i < 40; i += 1) {
    for (let k = 0; k < 3; k += 1) volume.write(ids[(i * 997 + k * 3001) % ids.length] as number, 0, new Uint8Array(9));
    fileSystem.commit();
    made.push(blocksOf(() => kept.push(fileSystem.createSnapshot(volume, `snapshot ${i}`))));
  }
  for (let k = 0; k < 3; k += 1) volume.write(ids[k * 1999] as number, 0, new Uint8Array(9));
  fileSystem.commit();
  // The first one has the references of all files: their tree is its own from then on, and not written again.
  expect(Math.max(...made.slice(1))).toBeLessThan(2 * Math.min(...made.slice(1)));
  const tree = snapshotOf(volume);
  const deleted = [20, 0, 0, 18, -1].map((place) =>
    blocksOf(() => fileSystem.deleteSnapshot(volume, kept.splice(place, 1)[0] as number)),
  );
  expect(Math.max(...deleted)).toBeLessThan(2 * Math.min(...deleted));
  expect(snapshotOf(volume)).toEqual(tree);
  fileSystem.close();
  expectApfsckContent(device);
});
