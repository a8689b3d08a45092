import { expect, test } from 'vitest';
import { oldestMacOS } from './oldest-macos.js';

test.each([
  ['hfs+', 'sparsebundle', '10.5'],
  ['hfs+', 'udzo', '10.5'],
  ['hfs+', null, '10.5'],
  ['hfs+', 'ulfo', '10.11'],
  ['apfs', 'ulfo', '10.13'],
  ['apfs', 'sparsebundle', '10.13'],
  ['apfs', null, '10.13'],
  ['hfs+', 'ulmo', '10.15'],
  ['apfs', 'ulmo', '10.15'],
  ['hfs+', 'asif', '26'],
  ['apfs', 'asif', '26'],
])('B5: %s in an image of format %s is opened by macOS %s and later', (fileSystem, format, version) => {
  expect(oldestMacOS(fileSystem, format)).toBe(version);
});
