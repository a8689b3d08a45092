import { expect, test } from 'vitest';
import { fileStoreContract } from './contracts/file-store.js';
import { FaultStore } from './fault-store.js';
import { MemoryStore } from './memory-store.js';

fileStoreContract('a fault store before its fault', () => {
  const store = new MemoryStore();
  store.makeFolder('/top');
  return { store: new FaultStore(store, { call: 1e9, code: 'EIO' }), folder: '/top' };
});

test('the n-th call of a kind fails, once', () => {
  const below = new MemoryStore();
  const store = new FaultStore(below, { call: 2, kinds: ['write'], code: 'ENOSPC', effect: 'half' });
  const file = store.open('a', 'create');
  file.write(0, Uint8Array.of(1, 1));
  expect(() => file.write(2, Uint8Array.of(2, 2))).toThrow(expect.objectContaining({ code: 'ENOSPC' }));
  expect(store.fired).toBe(true);
  expect(file.size()).toBe(3);
  file.write(3, Uint8Array.of(3));
  expect(file.size()).toBe(4);
});

test('each call of a body fails in turn, and the body ends when none does', () => {
  const body = (store: FaultStore): void => {
    const file = store.open('a', 'create');
    file.write(0, Uint8Array.of(1));
    file.sync();
    file.close();
    store.rename('a', 'b');
    store.syncFolder('');
  };
  let runs = 0;
  for (let call = 1; ; call += 1, runs += 1) {
    const store = new FaultStore(new MemoryStore(), { call, code: 'EIO' });
    try {
      body(store);
      expect(store.fired).toBe(false);
      break;
    } catch (error) {
      expect(error).toMatchObject({ code: 'EIO' });
    }
  }
  expect(runs).toBe(6);
});

test('without effect nothing happened; with it, it did, and failed', () => {
  for (const effect of ['none', 'half'] as const) {
    const below = new MemoryStore();
    const store = new FaultStore(below, { call: 1, kinds: ['rename'], code: 'EIO', effect });
    store.open('a', 'create').close();
    expect(() => store.rename('a', 'b')).toThrow();
    expect(below.kind('b')).toBe(effect === 'half' ? 'file' : null);
  }
});

test('a lost link stays lost', () => {
  const store = new FaultStore(new MemoryStore(), { call: 2, code: 'ENOTCONN', lasts: Number.POSITIVE_INFINITY });
  store.list('');
  for (let i = 0; i < 3; i += 1) expect(() => store.list('')).toThrow(expect.objectContaining({ code: 'ENOTCONN' }));
});

test('a link that comes back', () => {
  const store = new FaultStore(new MemoryStore(), { call: 2, code: 'ENOTCONN', lasts: 3 });
  const sound = [1, 2, 3, 4, 5, 6].map(() => {
    try {
      return store.list('').length === 0;
    } catch {
      return false;
    }
  });
  expect(sound).toEqual([true, false, false, false, true, true]);
});
