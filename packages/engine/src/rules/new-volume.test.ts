import { expect, test } from 'vitest';
import { isAppleFileSystem, newVolume } from './new-volume.js';

test.each([
  // As the source, on a volume of Apple's, mounted or in an image.
  [{}, { fileSystem: 'hfs+', caseSensitive: false }, { fs: 'hfs+', caseSensitive: false }],
  [{}, { fileSystem: 'hfsplus', caseSensitive: true }, { fs: 'hfs+', caseSensitive: true }],
  [{}, { fileSystem: 'apfs', caseSensitive: false }, { fs: 'apfs', caseSensitive: false }],
  // Sources that are neither.
  [{}, { fileSystem: 'ext4', caseSensitive: true }, { fs: 'apfs', caseSensitive: true }],
  [{}, { fileSystem: 'vfat', caseSensitive: false }, { fs: 'apfs', caseSensitive: false }],
  [{}, { fileSystem: null, caseSensitive: true }, { fs: 'apfs', caseSensitive: true }],
  // What was asked for decides.
  [{ fs: 'hfs+' }, { fileSystem: 'apfs', caseSensitive: true }, { fs: 'hfs+', caseSensitive: true }],
  [{ caseSensitive: false }, { fileSystem: 'ext4', caseSensitive: true }, { fs: 'apfs', caseSensitive: false }],
])('B29: a new image is formatted like its source: asked %j, source %j', (asked, source, expected) => {
  expect(newVolume(asked, source)).toEqual(expected);
});

test('hosts have names of their own for file systems of Apple', () => {
  expect(['hfsplus', 'apfs', 'darwin', 'ext4', 'toString'].map(isAppleFileSystem)).toEqual([
    true,
    true,
    true,
    false,
    false,
  ]);
});
