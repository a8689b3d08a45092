import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { isCi, Random, shared } from '@tintype/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FOLD, foldName, NAME_LIMIT, storable, toShown, toStored } from './names.js';

interface DecompositionTable {
  readonly decompose: Readonly<Record<string, readonly number[]>>;
  readonly combiningClass: Readonly<Record<string, number>>;
}
interface FoldingTable {
  readonly fold: Readonly<Record<string, number>>;
}

const hasTables = isCi || existsSync(path.join(shared, 'formats/hfsplus-decompose.json'));
const read = <T>(name: string, otherwise: T): T =>
  hasTables ? (JSON.parse(readFileSync(path.join(shared, 'formats', name), 'utf8')) as T) : otherwise;
const { decompose, combiningClass } = read<DecompositionTable>('hfsplus-decompose.json', {
  decompose: {},
  combiningClass: {},
});
const { fold } = read<FoldingTable>('hfsplus-casefold.json', { fold: {} });

const COLON = 0x3a;
const SLASH = 0x2f;
const isHangul = (unit: number) => unit >= 0xac00 && unit <= 0xd7a3;
const isSurrogate = (unit: number) => unit >= 0xd800 && unit <= 0xdfff;
/** Letters that Unicode learned to decompose after 3.2. */
const BALINESE = [0x1b06, 0x1b08, 0x1b0a, 0x1b0c, 0x1b0e, 0x1b12, 0x1b3b, 0x1b3d, 0x1b40, 0x1b41, 0x1b43];
/** Marks whose class the sorting of names does not know. */
const LATE_MARKS = [0x0cbc, 0x17dd].concat(
  span(0x350, 0x357),
  span(0x35d, 0x35f),
  span(0x610, 0x615),
  span(0x656, 0x658),
  span(0x1939, 0x193b),
);

function span(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}
const units = (text: string) => Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
const allUnits = span(0, 0xffff);

/** Apple's rule for one unit, from Node's own Unicode. */
function nodeDecomposition(unit: number): string {
  const text = String.fromCharCode(unit);
  const isKept =
    isSurrogate(unit) ||
    (unit >= 0x2000 && unit <= 0x2fff) ||
    (unit >= 0xf900 && unit <= 0xfaff) ||
    BALINESE.includes(unit);
  return isKept ? text : text.normalize('NFD');
}

describe.skipIf(!hasTables)('tables', () => {
  test('every unit decomposes as the table says', () => {
    const wrong = allUnits.filter((unit) => {
      if (isHangul(unit) || [COLON, SLASH, 0x2400].includes(unit)) return false;
      const expected = String.fromCharCode(...(decompose[unit] ?? [unit]));
      return toStored(String.fromCharCode(unit)) !== expected;
    });
    expect(wrong).toEqual([]);
    expect(Object.keys(decompose)).toHaveLength(970);
  });
  test('every unit decomposes as Unicode 3.2 does, outside the ranges that Apple leaves alone', () => {
    const wrong = allUnits.filter(
      (unit) =>
        ![COLON, SLASH, 0x2400].includes(unit) && toStored(String.fromCharCode(unit)) !== nodeDecomposition(unit),
    );
    expect(wrong).toEqual([]);
  });
  test('every unit folds as the table says', () => {
    expect(FOLD).toHaveLength(0x10000);
    expect(allUnits.filter((unit) => FOLD[unit] !== (fold[unit] ?? unit))).toEqual([]);
    expect(allUnits.filter((unit) => FOLD[unit] === 0)).toHaveLength(16);
  });
  test('marks are sorted by the classes of the table, late ones end a run', () => {
    const classes = new Map(Object.entries(combiningClass).map(([unit, value]) => [Number(unit), value]));
    for (const unit of LATE_MARKS) expect(classes.delete(unit)).toBe(true);
    expect(classes.size).toBe(297);
    const marks = [...classes].filter(([unit]) => !(unit in decompose));
    for (const [unit, order] of marks) {
      // Class 1 sorts before any other but itself, class 240 after any other but itself.
      const low = String.fromCharCode(0x334);
      const high = String.fromCharCode(0x345);
      const mark = String.fromCharCode(unit);
      expect(toStored(`x${mark}${low}`)).toBe(order > 1 ? `x${low}${mark}` : `x${mark}${low}`);
      expect(toStored(`x${high}${mark}`)).toBe(order < 240 ? `x${mark}${high}` : `x${high}${mark}`);
    }
    for (const unit of LATE_MARKS) {
      const name = `x\u0345${String.fromCharCode(unit)}\u0334`;
      expect(toStored(name)).toBe(name);
    }
  });
});

/** Letters and marks from all over the plane, of Unicode 3.2 so that Node's NFD is the same procedure. */
const oldUnits = allUnits.filter(
  (unit) =>
    !isSurrogate(unit) &&
    unit !== 0 &&
    ![COLON, SLASH].includes(unit) &&
    !(unit >= 0x2000 && unit <= 0x2fff) &&
    !(unit >= 0xf900 && unit <= 0xfaff) &&
    (unit in decompose ||
      isHangul(unit) ||
      (unit in combiningClass && !LATE_MARKS.includes(unit)) ||
      (unit >= 0x41 && unit <= 0x17f)),
);

test.skipIf(!hasTables)('whole names decompose as Unicode 3.2 does', () => {
  const random = new Random(42);
  for (let round = 0; round < 20_000; round += 1) {
    const name = String.fromCharCode(...Array.from({ length: random.between(1, 12) }, () => random.pick(oldUnits)));
    expect(toStored(name)).toBe(name.normalize('NFD'));
  }
});

test('names of plain characters take the short way to the same result', () => {
  const plain = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(plain, (name) => {
      // U+0345 sorts behind nothing here, so it only switches the short way off.
      expect(toStored(`${name}\u0345`)).toBe(`${toStored(name)}\u0345`);
      expect(foldName(`${name}\u0430`)).toBe(`${foldName(name)}\u0430`);
    }),
    { seed: 1, numRuns: 1000 },
  );
});

const anyName = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }),
  fc.array(fc.constantFrom(...oldUnits), { minLength: 1, maxLength: 30 }).map((list) => String.fromCharCode(...list)),
);

test('what is stored is stored so again when shown, and is in order', () => {
  fc.assert(
    fc.property(anyName, (name) => {
      fc.pre(!name.includes('\0'));
      const stored = toStored(name);
      expect(toStored(toShown(stored))).toBe(stored);
      expect(toShown(toStored(toShown(stored)))).toBe(toShown(stored));
    }),
    { seed: 2, numRuns: 3000 },
  );
});

test('any units found on a disk can be shown', () => {
  const random = new Random(3);
  for (let round = 0; round < 5000; round += 1) {
    const onDisk = String.fromCharCode(...Array.from({ length: random.between(1, 20) }, () => random.below(0x10000)));
    const shown = toShown(onDisk);
    expect(shown).not.toContain('\0');
    // Whatever a name is composed to, it decomposes to the same units, lone surrogates and all.
    expect(toStored(shown)).toBe(toStored(onDisk.replace(/[/:]/g, (sign) => (sign === '/' ? ':' : '/'))));
  }
});

test('colon, slash and NUL are exchanged', () => {
  expect(toStored('a:b')).toBe('a/b');
  expect(toShown('a/b')).toBe('a:b');
  expect(toShown('a:b')).toBe('a/b');
  expect(toStored('\u2400\u2400')).toBe('\0\0');
  expect(toShown('\0\0HFS+')).toBe('\u2400\u2400HFS+');
});

test('accents, Hangul, characters beyond the plane and those that Apple leaves alone', () => {
  expect(units(toStored('é'))).toEqual([0x65, 0x301]);
  expect(toShown('e\u0301')).toBe('\u00e9');
  expect(units(toStored('한각가'))).toEqual([0x1112, 0x1161, 0x11ab, 0x1100, 0x1161, 0x11a8, 0x1100, 0x1161]);
  expect(toShown(toStored('한'))).toBe('한');
  for (const kept of ['\u{1f600}', '\u{1d15e}', '\u{2f800}', '\u212b', '\u2126', '\uf900', '\ufa10', '\u2260'])
    expect(toStored(kept)).toBe(kept);
  expect(toShown('\u212b')).toBe('\u212b');
});

test('folding is that of the catalog, not of the language', () => {
  expect(foldName('README')).toBe('readme');
  expect(foldName('ÆÐØÞ')).toBe('æðøþ');
  expect(foldName('\u10a0')).toBe('\u10d0');
  for (const kept of ['\u0220', '\u2126', '\u212a', '\u1e9e', '\u24b6', 'ß', 'İ']) expect(foldName(kept)).toBe(kept);
  expect(foldName('a\u200db\ufeff')).toBe('ab');
  expect(foldName('\0x')).toBe('\uffffx');
  expect(foldName('\u200c')).toBe('');
});

test.skipIf(!hasTables)('the order of keys is unit by unit of what they fold to, the shorter first', () => {
  const compare = (a: string, b: string): number => {
    const [x, y] = [a, b].map((name) =>
      units(name)
        .flatMap((unit) => fold[unit] ?? unit)
        .filter((unit) => unit !== 0),
    );
    for (let i = 0; ; i += 1) {
      const difference = (x?.[i] ?? 0) - (y?.[i] ?? 0);
      if (difference !== 0 || (x?.[i] === undefined && y?.[i] === undefined)) return Math.sign(difference);
    }
  };
  const random = new Random(4);
  const folding = Object.keys(fold).map(Number);
  for (let round = 0; round < 20_000; round += 1) {
    const name = () => String.fromCharCode(...Array.from({ length: random.below(4) }, () => random.pick(folding)));
    const [a, b] = [name(), name()];
    const [keyOfA, keyOfB] = [foldName(a), foldName(b)];
    expect(keyOfA < keyOfB ? -1 : keyOfA > keyOfB ? 1 : 0).toBe(compare(a, b));
  }
});

test('names that a volume cannot hold', () => {
  for (const name of ['', '.', '..', 'a/b', 'a\0b', '\ud800', 'x\udfff']) expect(storable(name)).toBe(null);
  expect(storable('...')).toBe('...');
  expect(storable('\u{1f600}')).toBe('\u{1f600}');
  expect(storable('x'.repeat(NAME_LIMIT))).toHaveLength(255);
  expect(storable('x'.repeat(NAME_LIMIT + 1))).toBe(null);
  expect(storable('é'.repeat(127))).toHaveLength(254);
  expect(storable('é'.repeat(128))).toBe(null);
});
