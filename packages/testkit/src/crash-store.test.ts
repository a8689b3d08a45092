import type { FileStore } from '@tintype/core';
import { expect, test } from 'vitest';
import { fileStoreContract } from './contracts/file-store.js';
import { type CrashState, CrashStore } from './crash-store.js';
import type { MemoryStore } from './memory-store.js';

fileStoreContract('the crash store', () => {
  const store = new CrashStore();
  store.makeFolder('/top');
  return { store, folder: '/top' };
});

/** The whole content of a file, or null if its name is not there. */
function content(store: FileStore, path: string): Uint8Array | null {
  if (store.kind(path) !== 'file') return null;
  const file = store.open(path, 'read');
  const bytes = new Uint8Array(file.size());
  file.read(0, bytes);
  file.close();
  return bytes;
}

/** What may be seen of `look` in many random states. */
function seen<T>(crash: CrashStore, look: (store: MemoryStore) => T, from = crash.calls.length): Set<T> {
  return new Set([...crash.randomStates({ seed: 1, count: 300, from })].map(({ store }) => look(store)));
}

function write(store: FileStore, path: string, bytes: Uint8Array, sync: 'synced' | 'not synced'): void {
  const file = store.open(path, store.kind(path) ? 'write' : 'create');
  file.write(0, bytes);
  if (sync === 'synced') file.sync();
  file.close();
}

test('what was synced is there after every cut', () => {
  const crash = new CrashStore();
  write(crash, 'a', new Uint8Array(10_000).fill(1), 'synced');
  crash.syncFolder('');
  const look = (store: MemoryStore): string => Buffer.from(content(store, 'a') ?? []).toString('hex');
  expect(seen(crash, look)).toEqual(new Set(['01'.repeat(10_000)]));
});

test('a synced file whose folder was not synced may be gone', () => {
  const crash = new CrashStore();
  write(crash, 'a', Uint8Array.of(1), 'synced');
  expect(seen(crash, (store) => content(store, 'a')?.[0] ?? null)).toEqual(new Set([1, null]));
});

test('a name whose file was not synced may be empty, zeros, torn, or short', () => {
  const crash = new CrashStore();
  write(crash, 'a', new Uint8Array(1024).fill(1), 'not synced');
  crash.syncFolder('');
  const look = (store: MemoryStore): string => {
    const bytes = content(store, 'a') ?? new Uint8Array();
    return `${bytes.length}:${bytes[0] ?? ''}${bytes[512] ?? ''}`;
  };
  expect(seen(crash, look)).toEqual(new Set(['0:', '1024:00', '1024:10', '1024:01', '1024:11']));
});

test('two writes without a sync between may arrive in either order; with a sync they may not', () => {
  const twoWrites = (between: 'sync' | 'nothing'): CrashStore => {
    const crash = new CrashStore();
    write(crash, 'a', new Uint8Array(1024), 'synced');
    crash.syncFolder('');
    const file = crash.open('a', 'write');
    file.write(0, new Uint8Array(512).fill(1));
    if (between === 'sync') file.sync();
    file.write(512, new Uint8Array(512).fill(2));
    return crash;
  };
  const look = (store: MemoryStore): string => `${content(store, 'a')?.[0]}${content(store, 'a')?.[512]}`;
  expect(seen(twoWrites('nothing'), look)).toEqual(new Set(['00', '10', '02', '12']));
  expect(seen(twoWrites('sync'), look)).toEqual(new Set(['10', '12']));
});

test('a sector arrives with all that was put into it before', () => {
  const crash = new CrashStore();
  write(crash, 'a', new Uint8Array(512), 'synced');
  crash.syncFolder('');
  const file = crash.open('a', 'write');
  file.write(0, Uint8Array.of(1));
  file.write(100, Uint8Array.of(2));
  const look = (store: MemoryStore): string => `${content(store, 'a')?.[0]}${content(store, 'a')?.[100]}`;
  expect(seen(crash, look)).toEqual(new Set(['00', '10', '12']));
});

test('a rename has happened or not, until its folder is synced', () => {
  const crash = new CrashStore();
  write(crash, 'old', Uint8Array.of(1), 'synced');
  write(crash, 'new', Uint8Array.of(2), 'synced');
  crash.syncFolder('');
  crash.rename('new', 'old');
  const look = (store: MemoryStore): string => `${content(store, 'old')?.[0]} ${content(store, 'new')?.[0] ?? '-'}`;
  expect(seen(crash, look)).toEqual(new Set(['1 2', '2 -']));
  crash.syncFolder('');
  expect(seen(crash, look)).toEqual(new Set(['2 -']));
});

test('removals, and files in folders that were lost', () => {
  const crash = new CrashStore();
  crash.makeFolder('f');
  write(crash, 'f/a', Uint8Array.of(1), 'synced');
  crash.syncFolder('f');
  const look = (store: MemoryStore): string => `${store.kind('f')} ${store.kind('f/a')}`;
  expect(seen(crash, look)).toEqual(new Set(['null null', 'directory file']));
  crash.syncFolder('');
  crash.remove('f/a');
  expect(seen(crash, look)).toEqual(new Set(['directory file', 'directory null']));
});

test('punches and truncations may be lost, whole or in part', () => {
  const crash = new CrashStore();
  write(crash, 'a', new Uint8Array(2048).fill(1), 'synced');
  crash.syncFolder('');
  const file = crash.open('a', 'write');
  file.punch(0, 1024);
  file.truncate(1536);
  const look = (store: MemoryStore): string => {
    const bytes = content(store, 'a') ?? new Uint8Array();
    return `${bytes.length}:${bytes[0]}${bytes[512]}`;
  };
  expect(seen(crash, look)).toEqual(
    new Set(['2048:11', '2048:01', '2048:10', '2048:00', '1536:11', '1536:01', '1536:10', '1536:00']),
  );
});

test('prefixes are the states that the process saw', () => {
  const crash = new CrashStore();
  write(crash, 'a', Uint8Array.of(1), 'not synced');
  crash.rename('a', 'b');
  crash.remove('b');
  const look = ({ store }: CrashState): string =>
    store
      .list('')
      .map(({ name }) => name)
      .join();
  expect([...crash.prefixes()].map(look)).toEqual(['', 'a', 'a', 'b', '']);
  expect([...crash.prefixes({ from: 3 })].map(({ calls }) => calls)).toEqual([3, 4]);
});

const same = (a: Uint8Array | null, b: Uint8Array | null): boolean =>
  a === b || (a !== null && b !== null && Buffer.compare(a, b) === 0);

test('a state can be made again from its description, and states do not share changes', () => {
  const crash = new CrashStore();
  write(crash, 'a', new Uint8Array(40_000).fill(1), 'not synced');
  crash.syncFolder('');
  for (const state of crash.randomStates({ seed: 5, count: 20, from: 2 })) {
    const seed = Number(/seed (\d+)/.exec(state.description)?.[1]);
    const before = content(state.store, 'a');
    expect(same(content(crash.randomState(state.calls, seed).store, 'a'), before)).toBe(true);
    if (state.store.kind('a') !== null) write(state.store, 'a', new Uint8Array(40_000).fill(9), 'not synced');
    expect(same(content(crash.randomState(state.calls, seed).store, 'a'), before)).toBe(true);
  }
});

test('2,000 states of a run that wrote 32 MB take little time', () => {
  const crash = new CrashStore();
  for (let i = 0; i < 32; i += 1) {
    write(crash, `band ${i}`, new Uint8Array(1 << 20).fill(i), i % 4 === 0 ? 'not synced' : 'synced');
  }
  const start = performance.now();
  let files = 0;
  for (const { store } of crash.randomStates({ seed: 1, count: 2000 })) files += store.list('').length;
  expect(files).toBeGreaterThan(0);
  expect(performance.now() - start).toBeLessThan(30_000);
});
