import { type BlockDevice, VolumeFullError, WindowDevice, type WritableVolume } from '@tintype/core';
import { CrashDevice, count, plainAttributes, Random, SparseDevice, snapshotOf } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { check } from '../check/check.js';
import { expectApfsckContent, formatOptions, mountOptions } from '../container.testing.js';
import { ApfsFileSystem } from '../file-system.js';
import { format } from '../format.js';

const MIB = 1 << 20;
const GIB = 1024 * MIB;

/** A container of `size` at the start of a device of `room` bytes. */
function containerIn(room: number, size: number): SparseDevice {
  const device = new SparseDevice(room);
  format(new WindowDevice(device, 0, size), formatOptions);
  return device;
}

const open = (device: BlockDevice, size = device.size): ApfsFileSystem =>
  new ApfsFileSystem(new WindowDevice(device, 0, size), mountOptions);

function add(volume: WritableVolume, name: string, size: number): void {
  const item = { ...plainAttributes, kind: 'file', name, size, target: '', rdevMajor: 0, rdevMinor: 0 } as const;
  const [id = 0] = volume.create(volume.root.id, [item]);
  volume.write(id, 0, new Uint8Array(size).fill(name.length));
}

function plant(device: BlockDevice, size: number, random: Random, files = 60): void {
  const fileSystem = open(device, size);
  const [volume] = fileSystem.volumes;
  if (!volume) throw new Error('no volume');
  const batch = random.next();
  for (let i = 0; i < files && fileSystem.free > 4 * MIB; i += 1) {
    add(volume, `${batch} ${i}`, random.below(random.oneIn(5) ? 400_000 : 30_000) + 1);
    if (i % 20 === 0) fileSystem.commit();
  }
  for (let i = 0; i < files; i += 3)
    if (volume.lookup(volume.root.id, `${batch} ${i}`)) volume.remove(volume.root.id, `${batch} ${i}`);
  fileSystem.close();
}

const treeOf = (device: BlockDevice, size = device.size) => {
  const [volume] = open(device, size).volumes;
  if (!volume) throw new Error('no volume');
  return snapshotOf(volume);
};

describe('a container grows', () => {
  test.each([
    [16 * MIB, 16 * MIB + 404 * 4096],
    [16 * MIB, 20_000 * 1024],
    [16 * MIB, 40_000 * 4096 + 512],
    [120 * MIB, 700 * MIB],
    [64 * MIB, 40 * 1024 * MIB],
    [200 * MIB, 16e12],
  ])('from %i to %i bytes', (from, to) => {
    const device = containerIn(to, from);
    plant(device, from, new Random(from));
    const before = treeOf(device, from);
    const fileSystem = open(device);
    fileSystem.resize(to);
    expect(fileSystem.capacity).toBe(Math.floor(to / 4096) * 4096);
    expect(fileSystem.free).toBeGreaterThan((to - from) * 0.99 - 4 * MIB);
    fileSystem.close();
    if (to < 1e12) expectApfsckContent(device);
    else expect([...check(device, {})]).toEqual([]);
    expect(treeOf(device)).toEqual(before);
    plant(device, to, new Random(to), 30);
    if (to < 1e12) expectApfsckContent(device);
  });
});

test('a container with a snapshot shrinks as far as it says, and no further', () => {
  const device = containerIn(800 * MIB, 800 * MIB);
  plant(device, 800 * MIB, new Random(1));
  const first = open(device);
  const [volume] = first.volumes;
  if (!volume) throw new Error('no volume');
  first.createSnapshot(volume, 'kept');
  first.close();
  const before = treeOf(device);
  const fileSystem = open(device);
  const { smallest } = fileSystem.sizeLimits();
  expect(smallest).toBeLessThan(20 * MIB);
  fileSystem.resize(smallest);
  fileSystem.close();
  const window = new WindowDevice(device, 0, smallest);
  expectApfsckContent(window);
  expect(treeOf(device, smallest)).toEqual(before);
  expect(() => open(device, smallest).resize(MIB)).toThrow(VolumeFullError);
});

test('a large container with little in it shrinks to the limit it names, several times, and goes on after a refusal', () => {
  const large = 120 * 1024 * MIB;
  const device = containerIn(large, large);
  plant(device, large, new Random(7));
  for (let round = 0; round < 2; round += 1) {
    const fileSystem = open(device);
    expect(fileSystem.sizeLimits().smallest).toBeLessThan(300 * MIB);
    expect(() => fileSystem.resize(20 * MIB)).toThrow(VolumeFullError);
    const [volume] = fileSystem.volumes;
    if (!volume) throw new Error('no volume');
    add(volume, `after the refusal ${round}`, 5000);
    const before = snapshotOf(volume);
    fileSystem.resize(fileSystem.sizeLimits().smallest);
    const shrunk = fileSystem.capacity;
    fileSystem.close();
    expectApfsckContent(new WindowDevice(device, 0, shrunk));
    expect(treeOf(device, shrunk)).toEqual(before);
    const grown = open(device);
    grown.resize(large);
    grown.close();
  }
});

test.each([
  [40 * GIB, 60 * GIB],
  [60 * GIB, 40 * GIB],
  [8000 * GIB, 10_000 * GIB],
  [10_000 * GIB, 8000 * GIB],
])('from %i to %i bytes: blocks of chunks that do not change keep their age', (from, to) => {
  const device = containerIn(Math.max(from, to), from);
  const fileSystem = open(device, Math.max(from, to));
  fileSystem.resize(to);
  fileSystem.close();
  const resized = new WindowDevice(device, 0, to);
  expect([...check(resized, {})]).toEqual([]);
  if (Math.max(from, to) < 100 * GIB) expectApfsckContent(resized);
});

test('grown and shrunk at random, with changes in between', () => {
  for (let seed = 1; seed <= count(1, 40); seed += 1) {
    const random = new Random(seed);
    const device = containerIn(900 * MIB, 40 * MIB);
    let size = 40 * MIB;
    for (let step = 0; step < 6; step += 1) {
      plant(device, size, random, 20);
      const before = treeOf(device, size);
      const to = (20 + random.below(880)) * MIB + 4096 * random.below(200);
      const fileSystem = open(device, Math.max(size, to));
      if (to >= fileSystem.sizeLimits().smallest) {
        fileSystem.resize(to);
        size = to;
      }
      fileSystem.close();
      expectApfsckContent(new WindowDevice(device, 0, size));
      expect(treeOf(device, size), `seed ${seed}, step ${step}, to ${to}`).toEqual(before);
    }
  }
});

test.each([
  [40 * MIB, 300 * MIB],
  [300 * MIB, 250 * MIB],
])('cut at any moment between %i and %i bytes, the container has one of both sizes and its files', (from, to) => {
  const room = Math.max(from, to);
  const start = containerIn(room, from);
  plant(start, from, new Random(3), 20);
  const before = treeOf(start, from);
  const crash = new CrashDevice(start);
  const fileSystem = open(crash);
  fileSystem.resize(to);
  fileSystem.close();
  const sizes = new Set<number>();
  for (const { device, description } of crash.randomStates({ seed: 9, count: count(30, 3000) })) {
    // Block 0 is written last, in place: torn it can be mended, and the container is opened by its checkpoint.
    const findings = [...check(device, {})].filter(({ kind }) => kind !== 'copy-damaged');
    expect(findings, description).toEqual([]);
    sizes.add(open(device).capacity);
    expect(treeOf(device), description).toEqual(before);
  }
  expect([...sizes].sort((a, b) => a - b)).toEqual([Math.min(from, to), room]);
});
