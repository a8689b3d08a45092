import { expect, test } from 'vitest';
import { FINDER_INFO } from './finder.js';
import { keptXattr } from './kept-xattrs.js';

const value = Uint8Array.of(1, 2, 3);

test.each(['com.apple.system.Security', 'com.apple.decmpfs'])('%s is the file system’s own', (name) => {
  expect(keptXattr('file', name, value)).toBe(null);
  expect(keptXattr('file', `user.${name}`, value)).toBe(value);
});

test('only files have a resource fork, and it has bytes', () => {
  expect(keptXattr('file', 'com.apple.ResourceFork', value)).toBe(value);
  expect(keptXattr('file', 'com.apple.ResourceFork', new Uint8Array(0))).toBe(null);
  expect(keptXattr('directory', 'com.apple.ResourceFork', value)).toBe(null);
});

test('Finder info has 32 bytes, of which some are not its user’s, and none if all are zero', () => {
  const full = new Uint8Array(32).fill(9);
  const users = [...full.subarray(0, 16), ...new Uint8Array(8), 9, 9, 9, 9, 0, 0, 0, 0];
  expect([...(keptXattr('file', FINDER_INFO, full) ?? [])]).toEqual(users);
  expect([...(keptXattr('symlink', FINDER_INFO, full) ?? [])]).toEqual([...new Uint8Array(8), ...users.slice(8)]);
  expect(keptXattr('file', FINDER_INFO, new Uint8Array(32))).toBe(null);
});

test('names have 1 to 127 units', () => {
  for (const name of ['\udcff', 'é'.repeat(127)]) expect(keptXattr('file', name, value)).toBe(value);
  for (const name of ['', 'é'.repeat(128)]) expect(keptXattr('file', name, value)).toBe(null);
});
