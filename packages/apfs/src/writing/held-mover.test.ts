// Data that snapshots hold goes before the end of a smaller container, and every state goes on seeing what it saw.

import { type BlockDevice, CountingDevice, VolumeFullError, WindowDevice } from '@tintype/core';
import { CrashDevice, count, plainAttributes, Random, type SparseDevice } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { RecordBuffer } from '../btree/node.js';
import { check } from '../check/check.js';
import { formatted, mountOptions } from '../container.testing.js';
import type { ApfsFileSystem } from '../file-system.js';
import { KEY_HEADER, putKeyHeader } from '../records/inode-record.js';
import { PhysicalExtentValue, RECORD_TYPE } from '../structs/records.js';
import { Container } from './container.js';
import { heldStretches, leafVersions } from './held-stretches.js';
import {
  allTrees,
  expectCutsSound,
  expectSound,
  open,
  resized,
  ScatteredVolume,
  scattered,
  usedEnd,
  volumeOf,
  withoutSnapshots,
} from './scattered.testing.js';
import { SnapshotWriter } from './snapshot-writer.js';

const MIB = 1 << 20;

/** A volume with snapshots whose data lies all over the container, clones and changed parts of files among it. */
function withSnapshots(random: Random, size: number): { device: SparseDevice; changes: ScatteredVolume } {
  return scattered(random, size, (fileSystem, step) => {
    const volume = volumeOf(fileSystem);
    const files = volume.list(volume.root.id).filter(({ kind, size }) => kind === 'file' && size > 0);
    if (files.length > 0 && random.oneIn(2)) {
      const file = random.pick(files);
      const clone = volume.clone(volume.root.id, `clone ${step}`, file.id);
      if (random.oneIn(2))
        volume.write(clone, random.below(file.size), new Uint8Array(random.below(30_000)).fill(step));
      if (random.oneIn(3)) volume.truncate(clone, random.below(file.size));
      if (random.oneIn(3)) volume.write(clone, file.size + random.below(200_000), Buffer.from(`behind ${step}`));
    }
    if (random.oneIn(3)) fileSystem.createSnapshot(volume, `after ${step}`);
  });
}

/** The byte behind the last that holds data of a snapshot. */
function heldEnd(device: BlockDevice): number {
  const { volumes } = new Container(device, mountOptions);
  const ends = volumes.map((volume) => (volume.hasSnapshots ? new SnapshotWriter(volume).dataEnd : 0));
  return 4096 * Math.max(...ends);
}

function removeSnapshots(fileSystem: ApfsFileSystem, random: Random, which: 'all' | 'half'): void {
  const volume = volumeOf(fileSystem);
  const xids = random.shuffle((volume.snapshots ?? []).map(({ xid }) => xid));
  for (const xid of which === 'all' ? xids : xids.slice(0, xids.length >>> 1)) fileSystem.deleteSnapshot(volume, xid);
}

test('the volume and all snapshots are the same in a smaller container, and go on', () => {
  let moved = 0;
  for (let seed = 1; seed <= count(3, 200); seed += 1) {
    const random = new Random(seed);
    const size = (60 + random.below(60)) * MIB;
    const { device, changes } = withSnapshots(random, size);
    const before = allTrees(device);
    const held = heldEnd(device);
    const { smallest } = open(device).sizeLimits();
    const to = random.oneIn(3) ? smallest + random.below(size - smallest) : smallest;
    const message = `seed ${seed}, ${size} bytes, in use up to ${usedEnd(device)}, held up to ${held} → ${to}`;
    if (to < held) moved += 1;
    resized(device, to);
    const window = expectSound(device, to, before, message);

    const fileSystem = open(window);
    removeSnapshots(fileSystem, random, 'half');
    changes.change(volumeOf(fileSystem), 4);
    fileSystem.createSnapshot(volumeOf(fileSystem), 'later');
    fileSystem.close();
    const after = allTrees(window);
    expectSound(device, to, after, message);
    for (const name of Object.keys(after)) if (name !== '' && name in before) expect(after[name]).toEqual(before[name]);
    resized(device, size);
    expectSound(device, size, after, `${message} → ${size}`);
    const last = open(device);
    const back = random.pick([...(volumeOf(last).snapshots ?? [])]);
    last.revertToSnapshot(volumeOf(last), back.xid);
    removeSnapshots(last, random, 'all');
    last.close();
    const reverted = { '': after[back.name] ?? {} };
    expectSound(device, size, reverted, `${message} → ${size}, back at ${back.name}, without snapshots`);
  }
  expect(moved).toBeGreaterThan(0);
});

const newFile = (name: string) =>
  ({ ...plainAttributes, kind: 'file', name, size: 0, target: '', rdevMajor: 0, rdevMinor: 0 }) as const;

test('data in one piece for which there is no room before is a reason to refuse, with nothing changed', () => {
  const device = formatted(80 * MIB);
  const first = open(device);
  const volume = volumeOf(first);
  const changes = new ScatteredVolume(volume, new Random(4));
  // Small files keep the free blocks before the large one apart.
  for (let i = 0; i < 8; i += 1) {
    changes.fill(volume, 5 * MIB);
    const [id = 0] = volume.create(volume.root.id, [newFile(`between ${i}`)]);
    volume.write(id, 0, new Uint8Array(8192).fill(i));
    first.commit();
  }
  const [large = 0] = volume.create(volume.root.id, [newFile('large')]);
  volume.write(large, 0, new Uint8Array(16 * MIB).fill(9));
  first.commit();
  changes.clear(volume, 'all');
  const xid = first.createSnapshot(volume, 'holds');
  volume.remove(volume.root.id, 'large');
  first.close();
  const before = allTrees(device);

  const crash = new CrashDevice(device);
  const refused = open(crash);
  const { smallest, heldBySnapshots } = refused.sizeLimits();
  expect(heldBySnapshots).toBe(smallest);
  expect(smallest).toBeGreaterThan(40 * MIB);
  expect(() => refused.resize(smallest - 4096)).toThrow(VolumeFullError);
  refused.close();
  expect(crash.calls).toBe(0);
  resized(device, smallest);
  const window = expectSound(device, smallest, before, 'as small as the snapshot lets it be');
  const after = open(window);
  after.deleteSnapshot(volumeOf(after), xid);
  after.close();
  expect(open(window).sizeLimits().heldBySnapshots).toBe(0);
  const least = resized(window, 'min');
  expect(least).toBeLessThan(30 * MIB);
  expectSound(device, least, withoutSnapshots(before), 'without the snapshot');
});

test('blocks that are in no record of their own are damage, and nothing is moved', () => {
  const { device } = withSnapshots(new Random(3), 60 * MIB);
  const damaged = new Container(device, mountOptions);
  const [volume] = damaged.volumes;
  if (!volume) throw new Error('there is a volume');
  // The record of its first blocks is shorter than it was.
  const last = heldStretches([volume]).findLast(({ count }) => count > 1);
  const snapshots = new SnapshotWriter(volume);
  let shortened = 0;
  for (const { xid, tree } of snapshots.references) {
    const record = new RecordBuffer();
    putKeyHeader(record.view, 0, last?.start ?? 0, RECORD_TYPE.extent);
    record.keyLength = KEY_HEADER;
    if (!tree.find(record)) continue;
    const leaf = tree.change();
    leaf.view.setUint32(leaf.valueAt(tree.index) + PhysicalExtentValue.at.len_and_kind, 1, true);
    snapshots.putReferences(xid, tree);
    shortened += 1;
  }
  expect(shortened).toBeGreaterThan(0);
  damaged.unmount();
  const before = allTrees(device);
  const xid = new Container(device, mountOptions).xid;
  const fileSystem = open(device);
  expect(() => fileSystem.resize(fileSystem.sizeLimits().smallest)).toThrow(
    expect.objectContaining({ structure: 'j_phys_ext_key', field: 'block' }),
  );
  fileSystem.abandon();
  expect(allTrees(device)).toEqual(before);
  // Two commits let go what was queued.
  expect(new Container(device, mountOptions).xid).toBe(xid + 2);
});

test('many pieces are moved in several transactions, each of which is sound', () => {
  const device = formatted(60 * MIB);
  const fileSystem = open(device);
  const volume = volumeOf(fileSystem);
  const changes = new ScatteredVolume(volume, new Random(5));
  changes.fill(volume, 20 * MIB);
  const [even = 0, odd = 0] = volume.create(volume.root.id, [newFile('even'), newFile('odd')]);
  for (let i = 0; i < 2000; i += 1) {
    const bytes = new Uint8Array(4096).fill(i);
    volume.write(i % 2 === 0 ? even : odd, 4096 * Math.floor(i / 2), bytes);
  }
  fileSystem.createSnapshot(volume, 'both');
  changes.clear(volume, 'all');
  volume.write(odd, 4096 * 300, new Uint8Array(4096 * 500).fill(255));
  fileSystem.createSnapshot(volume, 'changed');
  volume.remove(volume.root.id, 'even');
  fileSystem.createSnapshot(volume, 'without one');
  fileSystem.deleteSnapshot(volume, volume.snapshots?.[0]?.xid ?? 0);
  fileSystem.close();
  const before = allTrees(device);
  expect(heldStretches(new Container(device, mountOptions).volumes).length).toBeGreaterThan(1000);

  const crash = new CrashDevice(device);
  const to = resized(crash, 'min');
  expect(to).toBeLessThan(heldEnd(device));
  const states = new Set<string>();
  for (const { device: cut, calls, description } of crash.prefixes()) {
    if (calls % count(Math.ceil(crash.calls / 30), 5) !== 0) continue;
    const kinds = [...check(cut, {})].map(({ kind }) => kind);
    expect(
      kinds.filter((kind) => kind !== 'copy-damaged'),
      description,
    ).toEqual([]);
    expect(allTrees(cut), description).toEqual(before);
    const { volumes } = new Container(cut, mountOptions);
    states.add(
      heldStretches(volumes)
        .map(({ start }) => start)
        .join(),
    );
  }
  // Neither all in front nor all behind.
  expect(states.size).toBeGreaterThan(2);
  expectSound(crash, to, before, 'many pieces');
});

/** Files that change in no order between many snapshots, behind a gap. */
function changedBetween(snapshots: number): SparseDevice {
  const device = formatted(64 * MIB);
  const fileSystem = open(device);
  const volume = volumeOf(fileSystem);
  const random = new Random(7);
  const changes = new ScatteredVolume(volume, random);
  changes.fill(volume, 25 * MIB);
  const files = volume.create(
    volume.root.id,
    Array.from({ length: 1000 }, (_, i) => newFile(`file ${i}`)),
  );
  const block = new Uint8Array(4096).fill(1);
  for (const [i, id] of files.entries()) {
    volume.write(id, 0, block);
    if (i % 100 === 99) fileSystem.commit();
  }
  changes.clear(volume, 'all');
  fileSystem.commit();
  for (let i = 0; i < snapshots; i += 1) {
    for (let k = 0; k < 20; k += 1) volume.write(random.pick(files), 0, block);
    fileSystem.createSnapshot(volume, `after ${i}`);
  }
  fileSystem.close();
  return device;
}

test('each leaf is written about once, however many of its pieces are moved', () => {
  const device = changedBetween(40);
  const { volumes } = new Container(device, mountOptions);
  const pieces = heldStretches(volumes).length;
  const leaves = volumes.reduce((sum, volume) => sum + [...leafVersions(volume)].length, 0);
  const counting = new CountingDevice(device);
  const to = resized(counting, 'min');
  expect(to).toBeLessThan(25 * MIB);
  expect([...check(new WindowDevice(device, 0, to), {})]).toEqual([]);
  // In the order of pieces it was five times as much.
  expect(counting.bytesWritten / 4096).toBeLessThan(2 * (pieces + leaves));
});

test.each([1, 3])('cut at any moment, every state sees what it saw, and the call goes on, seed %i', (seed) => {
  const { device: start } = withSnapshots(new Random(seed), 50 * MIB);
  expect(Object.keys(allTrees(start)).length).toBeGreaterThan(1);
  expect(open(start).sizeLimits().smallest).toBeLessThan(heldEnd(start));
  expectCutsSound(start, { seed, every: (calls) => count(Math.ceil(calls / 8), 3), states: count(8, 500) });
});
