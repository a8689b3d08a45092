import { type FileStore, RefusedError, UnsupportedError, VolumeFullError, WindowDevice } from '@tintype/core';
import { CrashStore, count, MemoryStore, plainAttributes, snapshotOf, type TreeSnapshot } from '@tintype/testkit';
import { describe, expect, test, vi } from 'vitest';
import type { EngineEvent } from '../events.js';
import type { CreateOptions } from '../operation.js';
import { drivers, openStack } from '../stack.js';
import { convert } from './convert.js';
import { createStack } from './create.js';
import { resize, resizeImage } from './resize.js';
import { expectTree, memoryContext, PASSPHRASE, plant } from './waste.testing.js';

const MIB = 1 << 20;

const CONTAINERS: readonly Pick<CreateOptions, 'image' | 'format' | 'layout' | 'encryption'>[] = [
  { image: '/a.sparsebundle' },
  { image: '/a.sparsebundle', layout: 'apm' },
  { image: '/a.sparsebundle', layout: 'none' },
  { image: '/a.sparseimage' },
  { image: '/a.asif' },
  { image: '/a.dmg', format: 'udrw' },
  { image: '/s.sparsebundle', encryption: 'aes-256' },
  { image: '/s.sparseimage', encryption: 'aes-256' },
  { image: '/s.dmg', format: 'udrw', encryption: 'aes-128' },
];
const passphrase = PASSPHRASE;
const FILE_SYSTEMS = ['hfs+', 'apfs'];
const CASES = CONTAINERS.flatMap((container) =>
  FILE_SYSTEMS.map((fs) => ({ ...container, fs, name: `${container.image}, ${container.layout ?? 'gpt'}, ${fs}` })),
);

function planted(options: CreateOptions, size = 24 * MIB): { store: MemoryStore; tree: TreeSnapshot } {
  const store = new MemoryStore();
  const secret = options.encryption === undefined ? {} : { passphrase: PASSPHRASE, kdfRounds: 1 };
  const stack = createStack({ size, bandSize: MIB, ...secret, ...options }, memoryContext(store));
  plant(stack.live);
  const tree = snapshotOf(stack.live);
  stack.close();
  return { store, tree };
}

function capacities(store: FileStore, image: string): { disk: number; volume: number; findings: unknown[] } {
  const { holder, now, random } = memoryContext(store);
  const stack = openStack(image, { store, holder, now, random, writable: false, passphrase });
  const { device } = stack.image;
  const window = new WindowDevice(device, stack.partition.start, stack.partition.size);
  const findings = [...stack.map.findings, ...stack.image.verify(), ...stack.driver.check(window, {})];
  const volume = stack.fileSystem.capacity;
  stack.abandon();
  return { disk: device.size, volume, findings };
}

describe.each(CASES)('resize $name', ({ name: _, ...options }) => {
  const { image } = options;
  test('up, down, to the least, and up again: sound, with all files', () => {
    const { store, tree } = planted(options);
    for (const size of [64 * MIB, 33 * MIB, 'min', 48 * MIB] as const) {
      const summary = resize({ image, size, passphrase }, memoryContext(store));
      const { disk, volume, findings } = capacities(store, image);
      expect([size, findings]).toEqual([size, []]);
      expect(summary).toMatchObject({ after: disk, capacity: volume });
      if (size !== 'min') expect(disk).toBe(size);
      else expect(disk).toBeLessThan(24 * MIB);
      expect(disk - volume).toBeLessThan(65_536);
      expectTree(store, image, tree);
    }
  });
  test.each([40 * MIB, 17 * MIB])('cut at any moment on the way to %i bytes, nothing is lost', (size) => {
    const { store, tree } = planted(options);
    const crash = new CrashStore(store);
    resize({ image, size, passphrase }, memoryContext(crash));
    for (const state of crash.randomStates({ seed: size, count: count(4, 300) })) {
      const { holder, now, random } = memoryContext(state.store);
      const stack = openStack(image, { store: state.store, holder, now, random, writable: false, passphrase });
      expect(snapshotOf(stack.live), state.description).toEqual(tree);
      stack.abandon();
      resize({ image, size, passphrase }, memoryContext(state.store));
      expect(capacities(state.store, image), state.description).toMatchObject({ disk: size, findings: [] });
      expectTree(state.store, image, tree, state.description);
    }
  });
});

/** An image whose files lie behind a large one that is gone. */
function behindAGap(options: CreateOptions): { store: MemoryStore; tree: TreeSnapshot } {
  const store = new MemoryStore();
  const secret = options.encryption === undefined ? {} : { passphrase: PASSPHRASE, kdfRounds: 1 };
  const stack = createStack({ size: 40 * MIB, bandSize: MIB, ...secret, ...options }, memoryContext(store));
  const { live, fileSystem } = stack;
  const large = { ...plainAttributes, kind: 'file', name: 'large', size: 20 * MIB, target: '' } as const;
  const [id = 0] = live.create(live.root.id, [{ ...large, rdevMajor: 0, rdevMinor: 0 }]);
  live.write(id, 0, new Uint8Array(20 * MIB).fill(1));
  fileSystem.commit();
  plant(live);
  fileSystem.commit();
  live.remove(live.root.id, 'large');
  const tree = snapshotOf(live);
  stack.close();
  return { store, tree };
}

const MOVED = CASES.filter(({ layout, encryption }) => layout === undefined && encryption !== 'aes-128');

test.each(MOVED)('files behind the new end are moved, whatever comes in between: $name', ({ name: _, ...options }) => {
  const { image } = options;
  const { store, tree } = behindAGap(options);
  const crash = new CrashStore(store);
  resize({ image, size: 'min', passphrase }, memoryContext(crash));
  for (const state of crash.randomStates({ seed: 8, count: count(3, 100) })) {
    const { holder, now, random } = memoryContext(state.store);
    const stack = openStack(image, { store: state.store, holder, now, random, writable: false, passphrase });
    expect(snapshotOf(stack.live), state.description).toEqual(tree);
    stack.abandon();
    resize({ image, size: 18 * MIB, passphrase }, memoryContext(state.store));
    const { disk, findings } = capacities(state.store, image);
    expect([disk, findings], state.description).toEqual([18 * MIB, []]);
    expectTree(state.store, image, tree, state.description);
  }
  resize({ image, size: 'min', passphrase }, memoryContext(store));
  const { disk, findings } = capacities(store, image);
  expect(findings).toEqual([]);
  expect(disk).toBeLessThan(18 * MIB);
  expectTree(store, image, tree);
});

test('a snapshot that keeps an APFS image large is named as the reason', () => {
  const image = '/a.sparsebundle';
  const store = new MemoryStore();
  const stack = createStack({ image, size: 60 * MIB, bandSize: MIB, fs: 'apfs' }, memoryContext(store));
  const { live, fileSystem } = stack;
  const empty = { ...plainAttributes, kind: 'file', size: 0, target: '', rdevMajor: 0, rdevMinor: 0 } as const;
  const names = ['gone', 'large', 'first', 'second', 'third'];
  const ids = live.create(
    live.root.id,
    names.map((name) => ({ ...empty, name })),
  );
  const [gone = 0, large = 0, ...small] = ids;
  for (const id of small) {
    live.write(id, 0, new Uint8Array(5 * MIB).fill(1));
    live.write(gone, live.stat(gone).size, new Uint8Array(5 * MIB).fill(2));
  }
  live.write(large, 0, new Uint8Array(12 * MIB).fill(3));
  fileSystem.commit();
  live.remove(live.root.id, 'gone');
  fileSystem.createSnapshot(live, 'kept');
  live.remove(live.root.id, 'large');
  fileSystem.createSnapshot(live, 'without');
  stack.close();
  const call = () => resize({ image, size: 34 * MIB }, memoryContext(store));
  expect(call).toThrow(
    expect.objectContaining({ code: 'too-small', values: expect.objectContaining({ size: 34 * MIB }) }),
  );
  expect(call).toThrow(/needs about .*; the snapshot "kept" holds data up to there, in a piece/);
  const { after } = resize({ image, size: 'min' }, memoryContext(store));
  expect(after).toBeLessThan(55 * MIB);
  expect(capacities(store, image).findings).toEqual([]);
});

test('data of a snapshot is moved, and the snapshot sees it', () => {
  const image = '/a.sparsebundle';
  const { store, tree } = behindAGap({ image, fs: 'apfs' });
  const { holder, now, random } = memoryContext(store);
  const stack = openStack(image, { store, holder, now, random, writable: true });
  stack.fileSystem.createSnapshot(stack.live, 'kept');
  const late = { ...plainAttributes, kind: 'file', name: 'late', size: 0, target: '' } as const;
  stack.live.create(stack.live.root.id, [{ ...late, rdevMajor: 0, rdevMinor: 0 }]);
  stack.close();
  const { after } = resizeImage({ image, size: 'min' }, memoryContext(store));
  expect(after).toBeLessThan(12 * MIB);
  expect(capacities(store, image).findings).toEqual([]);
  const again = openStack(image, { store, holder, now, random, writable: false });
  const [kept] = again.live.snapshots ?? [];
  expect(snapshotOf(again.live.openSnapshot(kept?.xid ?? 0))).toEqual(tree);
  again.abandon();
});

test('what a large APFS container has for itself does not make a second call necessary', () => {
  const image = '/a.sparsebundle';
  const { store, tree } = planted({ image, fs: 'apfs', bandSize: 8 * MIB }, 1e12);
  const { before, after } = resizeImage({ image, size: 'min' }, memoryContext(store));
  expect(before).toBe(1e12);
  expect(after).toBeLessThan(180 * MIB);
  expect(resize({ image, size: 'min' }, memoryContext(store))).toMatchObject({ before: after, after });
  expect(capacities(store, image)).toMatchObject({ disk: after, findings: [] });
  expectTree(store, image, tree);
});

test('what the first round reached is the result if a further one finds no room', () => {
  const image = '/a.sparsebundle';
  const { store, tree } = planted({ image, fs: 'apfs', bandSize: 8 * MIB }, 1e12);
  const driver = drivers.find(({ kind }) => kind === 'apfs');
  if (!driver) throw new Error('there is a driver for APFS');
  const open = driver.open.bind(driver);
  let resized = 0;
  const opening = vi.spyOn(driver, 'open').mockImplementation((...parts) => {
    const fileSystem = open(...parts);
    const resizing = fileSystem.resize.bind(fileSystem);
    fileSystem.resize = (size) => {
      resized += 1;
      if (resized > 1) throw new VolumeFullError(4096, 0);
      resizing(size);
    };
    return fileSystem;
  });
  const events: EngineEvent[] = [];
  try {
    const { before, after } = resizeImage({ image, size: 'min' }, memoryContext(store, events));
    expect([before, resized]).toEqual([1e12, 2]);
    expect(capacities(store, image)).toMatchObject({ disk: after, findings: [] });
    expect(after).toBeLessThan(1e12);
  } finally {
    opening.mockRestore();
  }
  expect(events).toContainEqual(expect.objectContaining({ type: 'warning', code: 'not-least' }));
  expectTree(store, image, tree);
});

test('B16 a full volume has room again when it has grown', () => {
  const { store } = planted({ image: '/a.sparsebundle', fs: 'hfs+' });
  resize({ image: '/a.sparsebundle', size: 100 * MIB }, memoryContext(store));
  const stack = openStack('/a.sparsebundle', { ...memoryContext(store), writable: true });
  expect(stack.fileSystem.free).toBeGreaterThan(80 * MIB);
  stack.abandon();
});

test('B17 not past what the host volume holds, unless forced, with both numbers', () => {
  const { store } = planted({ image: '/a.sparsebundle', fs: 'hfs+' });
  store.limits.capacity = 50 * MIB;
  const events: EngineEvent[] = [];
  const size = 80 * MIB;
  const call = (force: boolean) => resize({ image: '/a.sparsebundle', size, force }, memoryContext(store, events));
  expect(() => call(false)).toThrow(
    expect.objectContaining({ code: 'over-commit', values: { size, capacity: 50 * MIB } }),
  );
  expect(capacities(store, '/a.sparsebundle').disk).toBe(24 * MIB);
  expect(call(true)).toMatchObject({ after: size });
  expect(events).toContainEqual(expect.objectContaining({ code: 'over-commit' }));
  resize({ image: '/a.sparsebundle', size: 'max' }, memoryContext(store));
  expect(capacities(store, '/a.sparsebundle').disk).toBe(size);
});

test('what its files need is kept', () => {
  const { store, tree } = planted({ image: '/a.sparsebundle', fs: 'hfs+' });
  const call = () => resize({ image: '/a.sparsebundle', size: 2 * MIB }, memoryContext(store));
  expect(call).toThrow(RefusedError);
  expect(call).toThrow(expect.objectContaining({ code: 'too-small' }));
  expectTree(store, '/a.sparsebundle', tree);
});

test('where the size is fixed it says so, with nothing changed', () => {
  const { store, tree } = planted({ image: '/a.sparsebundle', fs: 'hfs+' });
  convert({ image: '/a.sparsebundle', out: '/a.dmg', format: 'udzo' }, memoryContext(store));
  expect(() => resize({ image: '/a.dmg', size: 20 * MIB }, memoryContext(store))).toThrow(RefusedError);
  expectTree(store, '/a.dmg', tree);
});

test('more than its encryption can number is refused, with nothing changed', () => {
  const { store, tree } = planted({ image: '/s.dmg', format: 'udrw', fs: 'hfs+', encryption: 'aes-128' });
  const options = { image: '/s.dmg', size: 2 ** 42, force: true, passphrase };
  expect(() => resize(options, memoryContext(store))).toThrow(UnsupportedError);
  expect(capacities(store, '/s.dmg').disk).toBe(24 * MIB);
  expectTree(store, '/s.dmg', tree);
});
