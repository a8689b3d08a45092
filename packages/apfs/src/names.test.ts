import { expect, test } from 'vitest';
import { canonical, isStorable, nameHash } from './names.js';

const onDisk: [string, number][] = [
  ['private-dir', 0x2b29a3],
  ['root', 0x2d9c79],
  ['hello.txt', 0x3896e4],
  ['ünïcødé', 0x079eb6],
  ['файл.txt', 0x0c82ad],
  ['.fseventsd', 0x272f85],
  ['a_directory', 0x1fe6f2],
];
test.each(onDisk)('%s has the hash that macOS wrote', (name, hash) => {
  expect(nameHash(canonical(name, 'folded'))).toBe(hash);
});

const computed: [string, number, number][] = [
  ['Dir1', 0x32bb08, 0x3eea76],
  ['Straße', 0x146c83, 0x05e73a],
  ['STRASSE', 0x146c83, 0x04911c],
  ['ς', 0x126baa, 0x17c112],
  ['Σ', 0x126baa, 0x1120c6],
  ['İ', 0x3ee29a, 0x3e8703],
  ['ı', 0x1d2948, 0x1d2948],
  ['ẞ', 0x201e6b, 0x1f08f6],
  ['ﬁ', 0x3019cf, 0x069132],
  ['ꭰ', 0x11d475, 0x233c88],
  ['한글', 0x3b2f9b, 0x3b2f9b],
  ['\u{1f600}', 0x2fab5c, 0x2fab5c],
  ['é', 0x1d765f, 0x1d765f],
  ['e\u0301', 0x1d765f, 0x1d765f],
  ['', 0x3fffff, 0x3fffff],
];
test.each(computed)('%s folds and hashes by the recipe', (name, folded, exact) => {
  expect(nameHash(canonical(name, 'folded'))).toBe(folded);
  expect(nameHash(canonical(name, 'exact'))).toBe(exact);
});

test('names that no volume holds', () => {
  for (const name of ['', '.', '..', 'a/b', 'nul\0', '\ud800', 'ü'.repeat(128)]) expect(isStorable(name)).toBe(false);
  for (const name of ['a', 'ü'.repeat(127), 'co:lon']) expect(isStorable(name)).toBe(true);
});
