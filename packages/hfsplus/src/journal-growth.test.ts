import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { NewItem, WritableVolume } from '@tintype/core';
import {
  CrashDevice,
  count,
  fsckHfsplus,
  plainAttributes,
  Random,
  SparseDevice,
  snapshotOf,
  withFolder,
  withOracle,
} from '@tintype/testkit';
import { expect, test } from 'vitest';
import { hfsplus } from './driver.js';
import { type HfsFileSystem, openFileSystem } from './file-system.js';
import { Journal, journalCapacity } from './journal.js';
import { readVolumeHeader } from './mounted.js';

const MIB = 1 << 20;
const options = { writable: true, now: () => 1_700_000_000, random: (target: Uint8Array) => target.fill(1) };

function formatted(size: number): SparseDevice {
  const device = new SparseDevice(size);
  hfsplus.format(device, { ...options, volumeName: 'Small', caseSensitive: false, now: 1_700_000_000, uid: 0, gid: 0 });
  return device;
}

function newFile(name: string): NewItem {
  return { ...plainAttributes, kind: 'file', name, size: 0, target: '', rdevMajor: 0, rdevMinor: 0 };
}

function files(random: Random, howMany: number): NewItem[] {
  return Array.from({ length: howMany }, () => newFile(random.next().toString(36).padEnd(60, 'abcdefgh')));
}

function volumeOf(fileSystem: HfsFileSystem): WritableVolume {
  return fileSystem.volume;
}

function placeOf(device: SparseDevice): { offset: number; size: number } | undefined {
  return Journal.open(device, readVolumeHeader(device))?.place;
}

/** A folder whose names fill many nodes, and then one commit that changes nearly each of them. */
function grownRun(device: ConstructorParameters<typeof HfsFileSystem>[0]): { trees: string[]; close: () => void } {
  const random = new Random(5);
  const fileSystem = openFileSystem(device, options);
  const volume = volumeOf(fileSystem);
  const trees = [JSON.stringify(snapshotOf(volume))];
  for (let i = 0; i < 8; i += 1) {
    volume.create(volume.root.id, files(random, 256));
    fileSystem.commit();
    trees.push(JSON.stringify(snapshotOf(volume)));
  }
  return { trees, close: () => fileSystem.close() };
}

test('a commit that outgrows the journal moves it to a larger place', () => {
  const device = formatted(32 * MIB);
  const before = placeOf(device);
  expect(before?.size).toBe(512 << 10);
  const { trees, close } = grownRun(device);
  close();
  const after = placeOf(device);
  expect(after?.size).toBeGreaterThanOrEqual(MIB);
  expect(after?.offset).not.toBe(before?.offset);
  expect([...hfsplus.check(device, {})]).toEqual([]);
  const again = openFileSystem(device, { ...options, writable: false });
  expect(JSON.stringify(snapshotOf(volumeOf(again)))).toBe(trees.at(-1));
  // The old place is free again.
  const covers = [...again.freeRanges()].some(
    ({ start, length }) =>
      start <= (before?.offset ?? 0) && start + length >= (before?.offset ?? 0) + (before?.size ?? 0),
  );
  expect(covers).toBe(true);
});

test.skipIf(withOracle('fsck.hfsplus').skip)("Apple's checker accepts a volume whose journal has moved", () => {
  const device = formatted(32 * MIB);
  grownRun(device).close();
  const bytes = Buffer.alloc(device.size);
  device.read(0, bytes);
  withFolder((folder) => {
    const file = path.join(folder, 'volume');
    writeFileSync(file, bytes);
    expect(fsckHfsplus(file)).toMatchObject({ ok: true });
  });
});

test('a cut while the journal moves leaves the commit before or after', () => {
  const crash = new CrashDevice(formatted(32 * MIB));
  const { trees } = grownRun(crash);
  let moved = 0;
  for (const { device, description } of crash.randomStates({ seed: 9, count: count(30, 400) })) {
    hfsplus.recover(device);
    if ((placeOf(device)?.size ?? 0) > 512 << 10) moved += 1;
    expect([...hfsplus.check(device, {})], description).toEqual([]);
    const tree = JSON.stringify(snapshotOf(volumeOf(openFileSystem(device, { ...options, writable: false }))));
    expect(trees.includes(tree), description).toBe(true);
  }
  expect(moved).toBeGreaterThan(5);
});

test('a volume that is too full for a larger journal says so, and keeps its last commit', () => {
  const device = formatted(8 * MIB);
  const fileSystem = openFileSystem(device, options);
  const volume = volumeOf(fileSystem);
  const random = new Random(3);
  const [big = 0] = volume.create(volume.root.id, [newFile('big')]);
  const ids = Array.from({ length: 4 }, () => volume.create(volume.root.id, files(random, 500))).flat();
  fileSystem.commit();
  volume.write(big, 0, new Uint8Array(fileSystem.free - 300_000));
  fileSystem.commit();
  const tree = JSON.stringify(snapshotOf(volume));
  for (const id of ids) volume.setAttributes(id, { mode: 0o600 });
  expect(() => fileSystem.commit()).toThrow(expect.objectContaining({ code: 'volume-full' }));
  fileSystem.abandon();
  const again = openFileSystem(device, { ...options, writable: false });
  expect(JSON.stringify(snapshotOf(volumeOf(again)))).toBe(tree);
});

test('the capacity of a journal is below half of it', () => {
  for (const size of [256 << 10, MIB, 512 * MIB]) {
    expect(journalCapacity(size)).toBeLessThan(size / 2);
    expect(journalCapacity(size)).toBeGreaterThan(size * 0.4);
  }
});
