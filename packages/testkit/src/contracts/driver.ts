// What every file system driver promises, on bare disks in memory: what it formats it opens, checks and finds again.

import { type BlockDevice, CheckedDevice, type FileSystemDriver, type FormatOptions } from '@tintype/core';
import { describe, expect, test } from 'vitest';
import { FaultDevice } from '../fault-device.js';
import { MemoryVolume } from '../memory-volume.js';
import { RandomChanges, type RandomChangesOptions } from '../random-changes.js';
import { RecordingDevice } from '../recording-device.js';
import { Random } from '../seeds.js';
import { snapshotOf, type TreeSnapshot } from '../snapshot-of.js';
import { SparseDevice } from '../sparse-device.js';
import { changeVolume } from '../tree-change.js';
import { firstVolume } from './volume.js';

export interface DriverExpectations extends RandomChangesOptions {
  /** Sizes of disks in bytes to be formatted; the first is used for the longer tests (32 MiB or more). */
  readonly sizes: readonly number[];
  /** Sizes that are refused. */
  readonly refused?: readonly number[];
  readonly format?: Partial<FormatOptions>;
}

export const contractFormat: FormatOptions = {
  volumeName: 'Contract',
  caseSensitive: false,
  now: 1_700_000_000,
  random: (target) => new Random(7).fill(target),
  uid: 501,
  gid: 20,
};

/** For `FileSystemDriver.open`: fixed clock and random bytes. */
export function contractMount(writable: 'writable' | 'read-only'): Parameters<FileSystemDriver['open']>[1] {
  const random = new Random(11);
  return { writable: writable === 'writable', now: () => 1_700_000_100, random: (target) => random.fill(target) };
}

export function driverContract(name: string, driver: FileSystemDriver, expectations: DriverExpectations): void {
  const format = { ...contractFormat, ...expectations.format };
  const size = expectations.sizes[0] as number;
  const formatted = (bytes = size): SparseDevice => {
    const device = new SparseDevice(bytes);
    driver.format(new CheckedDevice(device), format);
    return device;
  };
  const expectSound = (device: BlockDevice): void => expect([...driver.check(device, {})]).toEqual([]);
  describe(`${name} keeps the contract of a driver`, () => {
    test.each(expectations.sizes)('formats, finds and checks a disk of %i bytes', (bytes) => {
      expectFormatted(driver, formatted(bytes), format);
    });
    test.each(expectations.sizes)('an empty disk of %i bytes is sound', (bytes) => expectSound(formatted(bytes)));
    for (const bytes of expectations.refused ?? []) {
      test(`refuses a disk of ${bytes} bytes`, () => {
        const formatting = (): void => driver.format(new SparseDevice(bytes), format);
        expect(formatting).toThrow(expect.objectContaining({ code: 'unsupported' }));
      });
    }
    test('does not know an empty disk', () => {
      expect(driver.probe(new SparseDevice(size))).toBe(null);
    });
    test('keeps a tree across close and open, and is sound before and after', () => {
      expectKept(driver, formatted(), expectations, expectSound);
    });
    test('a read-only mount changes nothing', () => {
      const device = new RecordingDevice(formatted());
      const fileSystem = driver.open(device, contractMount('read-only'));
      expect(fileSystem.writable).toBe(false);
      snapshotOf(firstVolume(fileSystem));
      fileSystem.close();
      const changing = device.calls.filter(({ kind }) => kind !== 'read' && kind !== 'flush' && kind !== 'close');
      expect(changing).toEqual([]);
    });
    test('abandoned, it stands at its last commit', () => expectAbandoned(driver, formatted()));
    test('free ranges are ascending and lie inside', () => expectFreeRanges(driver, formatted()));
    test('the first failed call ends the mount, and the last commit stays', () => {
      expectFaultsSurvived(driver, formatted(), expectSound);
    });
  });
}

function expectFormatted(driver: FileSystemDriver, device: SparseDevice, format: FormatOptions): void {
  const probe = driver.probe(device);
  expect(probe?.kind).toBe(driver.kind);
  expect(probe?.volumes).toHaveLength(1);
  expect(probe?.volumes[0]).toMatchObject({
    name: format.volumeName,
    caseSensitive: format.caseSensitive,
    dirty: false,
  });
  const fileSystem = driver.open(new CheckedDevice(device), contractMount('writable'));
  expect(fileSystem.kind).toBe(driver.kind);
  expect(fileSystem.volumes).toHaveLength(1);
  expect(fileSystem.free).toBeLessThan(device.size);
  expect(firstVolume(fileSystem).name).toBe(format.volumeName);
  expect(firstVolume(fileSystem).uuid).toBe(probe?.volumes[0]?.uuid);
  expect(firstVolume(fileSystem).traits.caseSensitive).toBe(format.caseSensitive);
  fileSystem.close();
  expect(driver.probe(device)?.volumes[0]?.dirty).toBe(false);
}

function expectKept(
  driver: FileSystemDriver,
  device: SparseDevice,
  expectations: DriverExpectations,
  expectSound: (device: BlockDevice) => void,
): void {
  let model: MemoryVolume | null = null;
  let changes: RandomChanges | null = null;
  for (let mount = 0; mount < 4; mount += 1) {
    const fileSystem = driver.open(new CheckedDevice(device), contractMount('writable'));
    const volume = firstVolume(fileSystem);
    if (!model) {
      model = MemoryVolume.like(volume);
      model.setAttributes(model.root.id, volume.root);
    }
    changes ??= new RandomChanges(model, new Random(29), expectations);
    expect(snapshotOf(volume)).toEqual(snapshotOf(model));
    for (let step = 0; step < 40; step += 1) changeVolume(volume, changes.next());
    fileSystem.commit();
    for (let step = 0; step < 10; step += 1) changeVolume(volume, changes.next());
    expect(snapshotOf(volume)).toEqual(snapshotOf(model));
    fileSystem.close();
    expectSound(device);
  }
}

function expectAbandoned(driver: FileSystemDriver, device: SparseDevice): void {
  const fileSystem = driver.open(device, contractMount('writable'));
  const volume = firstVolume(fileSystem);
  changeVolume(volume, { change: 'create', path: 'kept', kind: 'file', content: { length: 9000, seed: 1 } });
  fileSystem.commit();
  const kept = snapshotOf(volume);
  changeVolume(volume, { change: 'create', path: 'lost', kind: 'file', content: { length: 9000, seed: 2 } });
  changeVolume(volume, { change: 'remove', path: 'kept' });
  fileSystem.abandon();
  expect(treeOn(driver, device)).toEqual(kept);
  driver.recover(device);
  expect(treeOn(driver, device)).toEqual(kept);
}

function expectFreeRanges(driver: FileSystemDriver, device: SparseDevice): void {
  const fileSystem = driver.open(device, contractMount('writable'));
  let end = 0;
  let sum = 0;
  for (const { start, length } of fileSystem.freeRanges() ?? []) {
    expect(start).toBeGreaterThanOrEqual(end);
    expect(length).toBeGreaterThan(0);
    end = start + length;
    sum += length;
  }
  expect(end).toBeLessThanOrEqual(device.size);
  if (fileSystem.freeRanges() !== null) expect(sum).toBeGreaterThanOrEqual(fileSystem.free);
  fileSystem.close();
}

/** The n-th changing call fails, for n = 1, 2, 3 … until none does: whatever failed, a commit is there and sound. */
function expectFaultsSurvived(
  driver: FileSystemDriver,
  start: SparseDevice,
  expectSound: (device: BlockDevice) => void,
): void {
  const before = treeOn(driver, start);
  for (let call = 1; ; call = call < 20 ? call + 1 : Math.ceil(call * 1.3)) {
    const device = start.clone();
    const faulty = new FaultDevice(device, { call, kinds: ['write', 'zero', 'flush'], code: 'EIO', effect: 'half' });
    const states: TreeSnapshot[] = [before];
    try {
      runWithCommits(driver, faulty, states);
    } catch (error) {
      expect(error).toMatchObject({ code: 'EIO' });
    }
    if (!faulty.fired) return;
    driver.recover(device);
    expect(states).toContainEqual(treeOn(driver, device));
    expectSound(device);
  }
}

/** `states` gets what may be found after a failure: the tree of the last commit, and of the one being made. */
function runWithCommits(driver: FileSystemDriver, device: BlockDevice, states: TreeSnapshot[]): void {
  const fileSystem = driver.open(device, contractMount('writable'));
  const volume = firstVolume(fileSystem);
  try {
    for (let commit = 0; commit < 3; commit += 1) {
      const path = `folder ${commit}`;
      changeVolume(volume, { change: 'create', path, kind: 'directory' });
      changeVolume(volume, {
        change: 'create',
        path: `${path}/a`,
        kind: 'file',
        content: { length: 20_000, seed: commit },
      });
      changeVolume(volume, {
        change: 'xattr',
        path: `${path}/a`,
        name: 'user.a',
        content: { length: 100, seed: commit },
      });
      if (commit > 0) changeVolume(volume, { change: 'remove', path: `folder ${commit - 1}/a` });
      states.push(snapshotOf(volume));
      fileSystem.commit();
      states.splice(0, states.length - 1);
    }
  } catch (error) {
    fileSystem.abandon();
    throw error;
  }
  fileSystem.close();
}

function treeOn(driver: FileSystemDriver, device: BlockDevice): TreeSnapshot {
  const fileSystem = driver.open(device, contractMount('read-only'));
  const tree = snapshotOf(firstVolume(fileSystem));
  fileSystem.close();
  return tree;
}
