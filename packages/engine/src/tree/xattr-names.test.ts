import { expect, test } from 'vitest';
import { escapedXattrName, originalXattrName } from './xattr-names.js';

test.each([
  ['note\udcff', 'io.tintype.xattr.note%ff'],
  ['100%\udc80é😀', 'io.tintype.xattr.100%25%80é😀'],
  ['\ud83d', 'io.tintype.xattr.%ud83d'],
  ['%ff\udc80', 'io.tintype.xattr.%25ff%80'],
])('%j is kept as %s', (name, stored) => {
  expect(escapedXattrName(name)).toBe(stored);
  expect(originalXattrName(stored)).toBe(name);
});

test.each(['plain', 'security.capability%25', '%41%ff', '%FF', '%7f', '%ud83d%ude00', '%udcff', '%ff\udcff'])(
  'no name is kept with %j at its end',
  (rest) => {
    expect(originalXattrName(`io.tintype.xattr.${rest}`)).toBe(null);
  },
);

test('other attributes of ours are no names', () => {
  expect(originalXattrName('io.tintype.name')).toBe(null);
});
