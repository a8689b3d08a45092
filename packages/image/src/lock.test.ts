import { LockedError, StoreError } from '@tintype/core';
import { FaultStore, MemoryStore } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { holder } from './containers.testing.js';
import { FencedDevice } from './fenced-device.js';
import { Lease } from './lease.js';
import { lockBundle, takeLocks } from './lock.js';
import { RawDevice } from './raw.js';

function bundle(): MemoryStore {
  const store = new MemoryStore();
  store.makeFolder('b');
  store.open('b/token', 'create').close();
  return store;
}

const names = (store: MemoryStore): string[] =>
  store
    .list('b')
    .map(({ name }) => name)
    .sort();

test('a bundle is locked as macOS locks it: on `lock`, which is made, and on `token`; neither is ever removed', () => {
  const store = bundle();
  const held = lockBundle(store, 'b', true, 0);
  for (const name of ['lock', 'token']) expect(store.open(`b/${name}`, 'read').lock('shared'), name).toBe(false);
  expect(() => lockBundle(store, 'b', true, 0)).toThrow(LockedError);
  expect(() => lockBundle(store, 'b', false, 0)).toThrow(LockedError);
  held.release();
  expect(names(store)).toEqual(['lock', 'token']);
  lockBundle(store, 'b', true, 0).release();
});

test('what another has locked is refused, and what was locked before that is given up', () => {
  const store = bundle();
  const other = store.open('b/token', 'read');
  expect(other.lock('exclusive')).toBe(true);
  expect(() => lockBundle(store, 'b', true, 0)).toThrow(LockedError);
  expect(store.open('b/lock', 'read').lock('exclusive')).toBe(true);
});

test('reading makes nothing, and shares', () => {
  const store = bundle();
  const readers = [lockBundle(store, 'b', false, 0), lockBundle(store, 'b', false, 0)];
  expect(names(store)).toEqual(['token']);
  expect(() => lockBundle(store, 'b', true, 0)).toThrow(LockedError);
  for (const reader of readers) reader.release();
  lockBundle(store, 'b', true, 0).release();
});

test('a host without locks is read, but not written', () => {
  for (const kinds of [['lock'], ['open']] as const) {
    const broken = (): FaultStore => new FaultStore(bundle(), { call: 1, kinds, code: 'ENOTSUP' });
    lockBundle(broken(), 'b', false, 0).release();
    expect(() => lockBundle(broken(), 'b', true, 0)).toThrow(StoreError);
  }
});

test('a lock is waited for, and no longer than asked', () => {
  const store = bundle();
  const file = store.open('b/token', 'read');
  let tries = 0;
  const lock = file.lock.bind(file);
  file.lock = (kind) => {
    tries += 1;
    return tries >= 3 && lock(kind);
  };
  takeLocks([file], 'exclusive', 2000, 'b');
  expect(tries).toBe(3);
  const other = store.open('b/token', 'read');
  const started = performance.now();
  expect(() => takeLocks([other], 'exclusive', 250, 'b')).toThrow(LockedError);
  expect(performance.now() - started).toBeGreaterThanOrEqual(250);
});

test('nothing is written through a fence whose lease is lost, whatever is asked', () => {
  const store = bundle();
  const file = store.open('b/disk', 'create');
  file.truncate(4096);
  let now = 0;
  const options = {
    store,
    folder: 'b',
    prefix: 'l.',
    image: 'b',
    heartbeat: 0,
    holder: { ...holder, clock: () => now },
  };
  const lease = Lease.take(options);
  const device = new FencedDevice(new RawDevice(file, 0, 4096, true), lease);
  device.write(0, Uint8Array.of(1));
  device.flush();
  store.open('b/l.2', 'create').close();
  // Between two looks it may still write: the one who took it over waits for that long.
  device.write(1, Uint8Array.of(2));
  now = 5.001;
  const bytes = Uint8Array.of(9);
  for (const act of [
    () => device.write(2, bytes),
    () => device.zero(0, 512),
    () => device.discard(0, 512),
    () => device.flush(),
  ])
    expect(act).toThrow(LockedError);
  const seen = new Uint8Array(4);
  device.read(0, seen);
  expect([...seen]).toEqual([1, 2, 0, 0]);
  expect([device.size, device.writable, device.stored(0, 512)]).toEqual([4096, true, 512]);
});
