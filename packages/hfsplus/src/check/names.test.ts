// Names as fsck.hfsplus judges them (hfsplus.md 4.2), each given to one folder of a real volume.

import { expect } from 'vitest';
import { rename } from './damage.testing.js';
import { fsckAccepts, oracle, type Sample, sample, sampleTest as test } from './sample.testing.js';

function named(name: string): Sample {
  const volume = sample('small');
  rename(volume, '.fseventsd', 18, `.f${name}`);
  return volume;
}

/** Shown by code points, because the marks are hard to tell apart. */
const points = (name: string) => [...name].map((unit) => unit.charCodeAt(0).toString(16)).join(' ');

/** Sequences of the table of before Mac OS X 10.2. */
const legacy = [
  ...'\u00a8\u0308\u0391\u0395\u0397\u0399\u039f\u03a5\u03a9\u03b1\u03b5\u03b7\u03b9\u03bf\u03c5\u03c9\u03d2',
].map((letter) => `${letter}\u030d`);
legacy.push('\u0306\u0307', '\u09ac\u09bc', '\u0a21\u0a3c', '\u0b2f\u0b3c', '\u0e4d\u0e32', '\u0ecd\u0eb2');
legacy.push('\u03b1\u0345\u0313', '\u03b9\u0308\u030d', '\u0f72\u0f71', '\u0fb2\u0f80\u0f71');

test.each(legacy.map((name) => [points(name), name]))('%s is of the old table', (_points, name) => {
  expect(named(name).kinds()).toEqual(['catalog-name-form']);
  if (oracle('fsck.hfsplus')) expect(fsckAccepts(named(name).bytes)).toBe(false);
});

const sound = [
  '\u03b1\u0301',
  '\u018f\u0308',
  'e\u0327\u0301',
  '\u09ac',
  'x\u030d',
  '\ud83c\udf08',
  '\u2126',
  '\u200d',
];

test.each(sound.map((name) => [points(name), name]))('%s is sound', (_points, name) => {
  expect(named(name).kinds()).toEqual([]);
  if (oracle('fsck.hfsplus')) expect(fsckAccepts(named(name).bytes)).toBe(true);
});
