import { type BlockDevice, VolumeFullError, WindowDevice } from '@tintype/core';
import { CrashDevice, count, Random, SparseDevice, snapshotOf } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { hfsplus } from './driver.js';
import { openFileSystem } from './file-system.js';
import { expectSound, mount, NOW, newItem } from './volume.testing.js';

const MIB = 1 << 20;

/** A volume of `size` at the start of a device of `room` bytes. */
function volumeIn(room: number, size: number): SparseDevice {
  const device = new SparseDevice(room);
  hfsplus.format(new WindowDevice(device, 0, size), {
    ...mount,
    volumeName: 'Test',
    caseSensitive: false,
    now: NOW,
    uid: 501,
    gid: 20,
  });
  return device;
}

const open = (device: BlockDevice, size = device.size) =>
  openFileSystem(new WindowDevice(device, 0, size), { ...mount, writable: true });

/** Files all over the volume: written, and every other one removed, up to a share of the room. */
function plant(device: BlockDevice, size: number, random: Random, share: number): void {
  const fileSystem = open(device, size);
  const { volume } = fileSystem;
  const root = volume.root.id;
  const names: string[] = [];
  const batch = random.next();
  const limit = fileSystem.free * share;
  for (let bytes = 0, i = 0; bytes < limit && fileSystem.free > 2 * MIB; i += 1) {
    const length = random.below(random.oneIn(8) ? 900_000 : 60_000) + 1;
    const [id = 0] = volume.create(root, [newItem(`file ${batch} ${i}`)]);
    volume.write(id, 0, new Uint8Array(length).fill(i));
    if (random.oneIn(20)) volume.setXattr(id, 'user.x', new Uint8Array(3000).fill(i));
    names.push(`file ${batch} ${i}`);
    bytes += length;
    if (fileSystem.commitDue || i % 50 === 0) fileSystem.commit();
  }
  for (const name of names) {
    if (random.oneIn(2)) volume.remove(root, name);
    if (fileSystem.commitDue) fileSystem.commit();
  }
  fileSystem.close();
}

const treeOf = (device: BlockDevice, size = device.size) => snapshotOf(open(device, size).volume);

describe('an HFS+ volume grows', () => {
  test.each([
    [20 * MIB, 20 * MIB + 4096],
    [20 * MIB, 150 * MIB],
    [127 * MIB, 129 * MIB],
    [64 * MIB, 64 * MIB + 1536],
  ])('from %i to %i bytes', (from, to) => {
    const device = volumeIn(to, from);
    plant(device, from, new Random(from + to), 0.4);
    const before = treeOf(device, from);
    const fileSystem = open(device);
    const free = fileSystem.free;
    fileSystem.resize(to);
    expect(fileSystem.capacity).toBe(Math.floor(to / 4096) * 4096);
    expect(fileSystem.free - free).toBeGreaterThanOrEqual(to - from - 3 * 4096);
    fileSystem.close();
    expectSound(device);
    expect(treeOf(device)).toEqual(before);
  });
  test('a full one too, and the new room can be filled', () => {
    const device = volumeIn(40 * MIB, 20 * MIB);
    const fileSystem = open(device);
    const { volume } = fileSystem;
    const [id = 0] = volume.create(volume.root.id, [newItem('large')]);
    const piece = new Uint8Array(MIB).fill(7);
    let size = 0;
    const fill = () => {
      for (;;) {
        volume.write(id, size, piece);
        size += MIB;
      }
    };
    expect(fill).toThrow(VolumeFullError);
    fileSystem.commit();
    fileSystem.resize(40 * MIB);
    expect(fill).toThrow(VolumeFullError);
    expect(size).toBeGreaterThan(35 * MIB);
    fileSystem.close();
    expectSound(device);
  });
});

describe('an HFS+ volume shrinks', () => {
  test.each([1, 2])('what lies behind the new end moves, seed %i', (seed) => {
    const device = volumeIn(96 * MIB, 96 * MIB);
    plant(device, 96 * MIB, new Random(seed), 0.9);
    const before = treeOf(device);
    const fileSystem = open(device);
    const { smallest } = fileSystem.sizeLimits() ?? { smallest: 0 };
    const size = Math.ceil(smallest / MIB + 2) * MIB;
    expect(size).toBeLessThan(80 * MIB);
    fileSystem.resize(size);
    fileSystem.close();
    const window = new WindowDevice(device, 0, size);
    expectSound(window);
    expect(treeOf(device, size)).toEqual(before);
    expect(() => open(device, size).resize(4 * MIB)).toThrow(VolumeFullError);
  });
  test('to the end of an empty one of 10 GB, and up again', () => {
    const device = new SparseDevice(10e9);
    hfsplus.format(device, { ...mount, volumeName: 'T', caseSensitive: true, now: NOW, uid: 0, gid: 0 });
    const fileSystem = open(device);
    const { smallest } = fileSystem.sizeLimits() ?? { smallest: 0 };
    fileSystem.resize(smallest);
    fileSystem.resize(10e9);
    fileSystem.close();
    expect([...hfsplus.check(device, {})]).toEqual([]);
  });
});

test('grown and shrunk at random, with changes in between: every time sound, with the same files', () => {
  for (let seed = 1; seed <= count(1, 60); seed += 1) {
    const random = new Random(seed);
    const device = volumeIn(200 * MIB, 48 * MIB);
    let size = 48 * MIB;
    for (let step = 0; step < 4; step += 1) {
      plant(device, size, random, 0.2);
      const before = treeOf(device, size);
      const to = (16 + random.below(180)) * MIB + 512 * random.below(20);
      const fileSystem = open(device, Math.max(size, to));
      try {
        fileSystem.resize(to);
        size = to;
      } catch (error) {
        expect(error).toBeInstanceOf(VolumeFullError);
      }
      fileSystem.close();
      const message = `seed ${seed}, step ${step}, to ${to}`;
      expectSound(new WindowDevice(device, 0, size), message);
      expect(treeOf(device, size), message).toEqual(before);
    }
  }
});

test.each([
  [16 * MIB, 40 * MIB],
  [40 * MIB, 24 * MIB],
])('cut at any moment between %i and %i bytes, the volume is sound and has its files', (from, to) => {
  const room = Math.max(from, to);
  const start = volumeIn(room, from);
  plant(start, from, new Random(3), 0.5);
  const before = treeOf(start, from);
  const crash = new CrashDevice(start);
  const fileSystem = open(crash);
  fileSystem.resize(to);
  fileSystem.close();
  const sizes = new Set<number>();
  for (const { device, description } of crash.randomStates({ seed: 9, count: count(25, 3000) })) {
    hfsplus.recover(device);
    // Behind a volume that is smaller than its partition there need be no alternate header.
    const findings = [...hfsplus.check(device, {})].map(({ kind }) => kind);
    expect(
      findings.filter((kind) => !['volume-alternate', 'volume-total-blocks'].includes(kind)),
      description,
    ).toEqual([]);
    const after = open(device);
    sizes.add(after.capacity);
    expect(snapshotOf(after.volume), description).toEqual(before);
  }
  expect([...sizes].sort((a, b) => a - b)).toEqual([Math.min(from, to), room]);
});
