import { expect, test } from 'vitest';
import { FINDER_INFO, keptXattr } from './kept-xattrs.js';

const value = Uint8Array.of(1, 2, 3);

test.each(['com.apple.fs.symlink', 'com.apple.system.Security', 'purgeable-drecs-fixed', 'com.apple.decmpfs'])(
  '%s is the file system’s own',
  (name) => {
    expect(keptXattr('file', name, value)).toBe(null);
    expect(keptXattr('file', `user.${name}`, value)).toBe(value);
  },
);

test('only files have a resource fork, and it has bytes', () => {
  expect(keptXattr('file', 'com.apple.ResourceFork', value)).toBe(value);
  expect(keptXattr('file', 'com.apple.ResourceFork', new Uint8Array(0))).toBe(null);
  expect(keptXattr('directory', 'com.apple.ResourceFork', value)).toBe(null);
});

test('Finder info has 32 bytes', () => {
  expect(keptXattr('file', FINDER_INFO, value)).toEqual(Uint8Array.of(1, 2, 3, ...new Uint8Array(29)));
  expect(keptXattr('file', FINDER_INFO, new Uint8Array(40))).toEqual(new Uint8Array(32));
});

test('names are UTF-8 of 127 bytes at the most', () => {
  expect(keptXattr('file', 'é'.repeat(63), value)).toBe(value);
  for (const name of ['', 'a\0b', '\udcff', 'é'.repeat(64)]) expect(keptXattr('file', name, value)).toBe(null);
});
