// HFS+ in a sparse bundle on a host that loses power: files, names and lengths arrive or not, each on its own.

import { type FileStore, type OpenMode, WindowDevice } from '@tintype/core';
import { hfsplus } from '@tintype/hfsplus';
import { createImage, type DiskImage, type Holder, openImage, partitionMap, writePartitionMap } from '@tintype/image';
import { expect, test } from 'vitest';
import { contractFormat, contractMount } from '../contracts/driver.js';
import { type CrashState, CrashStore } from '../crash-store.js';
import { MemoryStore } from '../memory-store.js';
import { count, Random } from '../seeds.js';
import { type Commit, committedRun } from './committed-run.js';
import { without } from './deaf.testing.js';
import { expectSurvived } from './surviving.testing.js';

const PATH = 'image.sparsebundle';
const SIZE = 12 << 20;
const BAND = 1 << 20;

const random = (target: Uint8Array): void => new Random(3).fill(target);
const holder: Holder = { host: 'test', pid: 1, boot: 'boot', alive: () => false, clock: () => 0, random, heartbeat: 0 };

/** The one volume of the image as a device. */
function volumeOf(image: DiskImage): WindowDevice {
  const partition = partitionMap(image.device).partitions.find(({ type }) => type === 'Apple_HFS');
  if (!partition) throw new Error('the image has no HFS+ partition');
  return new WindowDevice(image.device, partition.start, partition.size);
}

function open(store: FileStore): DiskImage {
  return openImage(store, PATH, { writable: true, waitLock: 0, holder, allowTimeMachine: false });
}

function formatted(): MemoryStore {
  const store = new MemoryStore();
  const options = { format: 'sparsebundle', size: SIZE, bandSize: BAND, waitLock: 0, holder } as const;
  const image = createImage(store, PATH, options);
  writePartitionMap(image.device, { scheme: 'gpt', type: 'Apple_HFS', random });
  hfsplus.format(volumeOf(image), contractFormat);
  image.close();
  return store;
}

function crashedRun(
  seed: number,
  over: (store: FileStore) => FileStore = (store) => store,
): { crash: CrashStore; commits: Commit[] } {
  const crash = new CrashStore(formatted());
  const image = open(over(crash));
  const fileSystem = hfsplus.open(volumeOf(image), contractMount('writable'));
  const changes = { items: 50, largestFile: 60_000, largestXattr: 6000 };
  const calls = (): number => crash.calls.length;
  const commits = committedRun(fileSystem, { commits: 5, changesEach: 30, seed, end: 'close', changes, calls });
  image.close();
  return { crash, commits };
}

function judge(
  { store, calls, description }: CrashState,
  commits: readonly Commit[],
  care: 'quick' | 'thorough',
): void {
  const image = open(store);
  expect([...image.verify()], description).toEqual([]);
  expectSurvived({ device: volumeOf(image), calls, description }, commits, care);
  image.close();
}

test('after any prefix of the calls the bundle opens at one commit', () => {
  const { crash, commits } = crashedRun(1);
  const every = Math.max(1, Math.ceil(crash.calls.length / count(60, 100_000)));
  let states = 0;
  for (const state of crash.prefixes()) {
    if (state.calls % every !== 0 && state.calls < crash.calls.length - 10) continue;
    states += 1;
    judge(state, commits, states % count(30, 20) === 0 ? 'thorough' : 'quick');
  }
  expect(states).toBeGreaterThan(50);
});

test.each([2, 3])('after any loss, reordering and tearing the bundle opens at one commit, seed %i', (seed) => {
  const { crash, commits } = crashedRun(seed);
  let states = 0;
  for (const state of crash.randomStates({ seed, count: count(50, 2000) })) {
    states += 1;
    judge(state, commits, states % count(25, 20) === 0 ? 'thorough' : 'quick');
  }
});

/** Syncing a file does nothing on this store. */
function withoutSync(store: FileStore): FileStore {
  const deaf = without(store, 'open');
  return Object.assign(Object.create(deaf) as FileStore, {
    open: (path: string, mode: OpenMode) => without(store.open(path, mode), 'sync'),
  });
}

test.each([
  ['files', withoutSync],
  ['names', (store: FileStore) => without(store, 'syncFolder')],
] as const)('a bundle that does not sync its %s would be caught', (_what, over) => {
  const { crash, commits } = crashedRun(5, over);
  const judgeAll = (): void => {
    for (const state of crash.randomStates({ seed: 5, count: 100 })) judge(state, commits, 'quick');
  };
  expect(judgeAll).toThrow();
});

test('the making of a bundle may be cut anywhere: what opens, opens empty of lies', () => {
  const crash = new CrashStore();
  createImage(crash, PATH, { format: 'sparsebundle', size: SIZE, bandSize: BAND, waitLock: 0, holder }).close();
  for (const { store } of crash.randomStates({ seed: 4, count: count(100, 1000) })) {
    let image: DiskImage;
    try {
      image = open(store);
    } catch (error) {
      const isAbsent = store.kind(PATH) === null;
      const names = isAbsent ? /^RefusedError$/ : /^(UnsupportedError|CorruptError|StoreError)$/;
      expect(error).toMatchObject({ name: expect.stringMatching(names) });
      continue;
    }
    expect(image.device.size).toBe(SIZE);
    image.close();
  }
});
