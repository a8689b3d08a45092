import { expect, test } from 'vitest';
import { fileStoreContract } from './contracts/file-store.js';
import { MemoryStore } from './memory-store.js';

fileStoreContract('the store in memory', () => {
  const store = new MemoryStore();
  store.makeFolder('/top');
  return { store, folder: '/top' };
});

test('a file of 1 TB takes only what was written', () => {
  const store = new MemoryStore();
  const file = store.open('big', 'create');
  file.truncate(1e12);
  file.write(9e11, new Uint8Array(100).fill(1));
  expect(file.size()).toBe(1e12);
  expect(file.allocated(0, 1e12)).toBe(4096);
  const seen = new Uint8Array(3);
  file.read(9e11 + 98, seen);
  expect(seen).toEqual(Uint8Array.of(1, 1, 0));
});

test('a full host refuses, and has room again after a removal', () => {
  const store = new MemoryStore({ limits: { capacity: 100_000 } });
  const file = store.open('a', 'create');
  file.write(0, new Uint8Array(90_000));
  expect(store.facts('').free).toBe(100_000 - 22 * 4096);
  expect(() => file.write(90_000, new Uint8Array(20_000))).toThrow(expect.objectContaining({ code: 'ENOSPC' }));
  expect(file.size()).toBe(90_000);
  store.remove('a');
  expect(store.facts('').free).toBe(100_000 - 22 * 4096);
  file.close();
  expect(store.facts('').free).toBe(100_000);
});

test('a file is not made longer than the host allows', () => {
  const store = new MemoryStore({ limits: { fileSizeLimit: 1000 } });
  const file = store.open('a', 'create');
  expect(() => file.write(999, new Uint8Array(2))).toThrow(expect.objectContaining({ code: 'EFBIG' }));
  expect(() => file.truncate(1001)).toThrow(expect.objectContaining({ code: 'EFBIG' }));
  file.write(999, new Uint8Array(1));
});

test('a clone and its original do not see each other', () => {
  const store = new MemoryStore();
  const file = store.open('a', 'create');
  file.write(0, new Uint8Array(10_000).fill(1));
  const copy = store.clone();
  file.write(0, Uint8Array.of(2));
  copy.open('a', 'write').write(5000, Uint8Array.of(3));
  copy.remove('a');
  expect(store.kind('a')).toBe('file');
  const seen = new Uint8Array(5001);
  file.read(0, seen);
  expect([seen[0], seen[1], seen[5000]]).toEqual([2, 1, 1]);
});
