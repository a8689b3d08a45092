// A container becomes smaller than its last block in use: what lies behind the new end is moved.

import { type BlockDevice, VolumeFullError } from '@tintype/core';
import { count, plainAttributes, Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import {
  allTrees,
  expectCutsSound,
  expectSound,
  open,
  resized,
  scattered,
  usedEnd,
  volumeOf,
  withoutSnapshots,
} from './scattered.testing.js';

const MIB = 1 << 20;

test('volumes that lie all over a container are the same in a smaller one, and go on', () => {
  for (let seed = 1; seed <= count(3, 200); seed += 1) {
    const random = new Random(seed);
    const size = (30 + random.below(random.oneIn(3) ? 400 : 90)) * MIB;
    const { device, changes } = scattered(random, size);
    const message = `seed ${seed}, ${size} bytes`;
    const before = allTrees(device);
    const { smallest } = open(device).sizeLimits();
    expect(smallest, message).toBeLessThan(usedEnd(device));
    const between = smallest + random.below(size - smallest);
    resized(device, between);
    const smaller = expectSound(device, between, before, `${message} → ${between}`);
    const least = resized(smaller, 'min');
    const small = expectSound(device, least, before, `${message} → ${between} → ${least}`);
    const fileSystem = open(small);
    changes.change(volumeOf(fileSystem), 4);
    fileSystem.close();
    const after = allTrees(small);
    resized(device, size);
    expectSound(device, size, after, `${message} → ${least} → ${size}`);
  }
});

test('what snapshots have of the trees is moved as well, and they see what they saw', () => {
  let moved = 0;
  for (let seed = 1; seed <= count(2, 100); seed += 1) {
    const random = new Random(seed);
    const size = (60 + random.below(60)) * MIB;
    // Data of the snapshots lies in front, nodes and superblocks of them behind a large file.
    const { device } = scattered(random, size, (fileSystem, step) => {
      if (step > 3) return;
      fileSystem.createSnapshot(volumeOf(fileSystem), `after ${step}`);
    });
    const before = allTrees(device);
    const fileSystem = open(device);
    const { smallest } = fileSystem.sizeLimits();
    fileSystem.close();
    const end = usedEnd(device);
    const to = random.oneIn(2) ? smallest : smallest + random.below(size - smallest);
    const message = `seed ${seed}, ${size} bytes, in use up to ${end} → ${to}`;
    if (to < end) moved += 1;
    resized(device, to);
    const window = expectSound(device, to, before, message);
    // The snapshots can still be deleted: no block is lost or used twice.
    const after = open(window);
    for (const { xid } of [...(volumeOf(after).snapshots ?? [])]) after.deleteSnapshot(volumeOf(after), xid);
    after.close();
    expectSound(device, to, withoutSnapshots(before), message);
  }
  expect(moved).toBeGreaterThan(0);
});

test('blocks that many files share are copied once', () => {
  const { device, changes } = scattered(new Random(5), 120 * MIB);
  const fileSystem = open(device);
  changes.fill(volumeOf(fileSystem), 70 * MIB);
  const volume = volumeOf(fileSystem);
  const folder = volume.root.id;
  const [file = 0] = volume.create(folder, [newFile('shared')]);
  volume.write(file, 0, new Uint8Array(4 * MIB).fill(7));
  fileSystem.commit();
  for (let i = 0; i < 20; i += 1) {
    const clone = volume.clone(folder, `clone ${i}`, file);
    volume.write(clone, i * 100_000, Buffer.from(`clone ${i}`));
    if (i % 7 === 0) fileSystem.commit();
  }
  volume.truncate(file, 3 * MIB);
  changes.clear(volume, 'all');
  fileSystem.close();
  const before = allTrees(device);
  settle(device);
  const used = usedBytes(device);
  resized(device, 30 * MIB);
  const window = expectSound(device, 30 * MIB, before, 'clones');
  expect(Math.abs(usedBytes(window) - used)).toBeLessThan(MIB);
});

test('free blocks that lie one by one are enough', () => {
  const { device, changes } = scattered(new Random(6), 60 * MIB);
  const fileSystem = open(device);
  const volume = volumeOf(fileSystem);
  const blocks = 1400;
  const [even = 0, odd = 0] = volume.create(volume.root.id, [newFile('even'), newFile('odd')]);
  for (let i = 0; i < 2 * blocks; i += 1) {
    const bytes = new Uint8Array(4096).fill(i);
    volume.write(i % 2 === 0 ? even : odd, 4096 * Math.floor(i / 2), bytes);
  }
  fileSystem.commit();
  changes.fill(volume, 30 * MIB);
  const [last = 0] = volume.create(volume.root.id, [newFile('last')]);
  const content = new Uint8Array(4096 * blocks);
  new Random(6).fill(content);
  volume.write(last, 0, content);
  fileSystem.commit();
  volume.remove(volume.root.id, 'odd');
  changes.clear(volume, 'all');
  fileSystem.close();
  const before = allTrees(device);
  const least = resized(device, 'min');
  const window = expectSound(device, least, before, 'one by one');
  expect(usedBytes(window)).toBeGreaterThan(2 * 4096 * blocks);
});

const newFile = (name: string) =>
  ({ ...plainAttributes, kind: 'file', name, size: 0, target: '', rdevMajor: 0, rdevMinor: 0 }) as const;

/** What was freed is free afterwards, and not kept for the checkpoints before. */
function settle(device: BlockDevice): void {
  for (let i = 0; i < 4; i += 1) {
    const fileSystem = open(device);
    const volume = volumeOf(fileSystem);
    volume.setXattr(volume.root.id, 'user.settled', i < 3 ? Buffer.from([i]) : null);
    fileSystem.close();
  }
}

function usedBytes(device: BlockDevice): number {
  const fileSystem = open(device);
  const free = [...fileSystem.freeRanges()].reduce((sum, { length }) => sum + length, 0);
  return fileSystem.capacity - free;
}

test('less than the least is refused, and the container goes on', () => {
  const { device } = scattered(new Random(7), 60 * MIB);
  const before = allTrees(device);
  const fileSystem = open(device);
  const { smallest } = fileSystem.sizeLimits();
  expect(() => fileSystem.resize(smallest - 4096)).toThrow(VolumeFullError);
  fileSystem.close();
  expectSound(device, 60 * MIB, before, 'refused');
});

test.each([1, 2, 3])('cut at any moment, there is one of both sizes and every file, seed %i', (seed) => {
  const random = new Random(seed);
  const size = 40 * MIB;
  const { device: start } = scattered(random, size, (fileSystem, step) => {
    if (seed === 2 && step === 1) fileSystem.createSnapshot(volumeOf(fileSystem), 'early');
  });
  expectCutsSound(start, { seed, every: (calls) => count(Math.ceil(calls / 20), 1), states: count(20, 1500) });
});
