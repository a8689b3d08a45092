import { LockedError, StoreError } from '@tintype/core';
import { FaultStore, MemoryStore } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { lockBundle, takeLocks } from './lock.js';

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
