// Names on HFS+: how a POSIX name becomes the units on disk and back, and when two names are the same.
// Source: Apple Technical Note 1150 and Apple's published kernel; see docs/formats/hfsplus.md.

import { COMBINING_CLASS, DECOMPOSITION, FOLDING } from './name-tables.js';

/** Longest name in UTF-16 units, as stored. */
export const NAME_LIMIT = 255;

const COLON = 0x3a;
const SLASH = 0x2f;
/** Shown for U+0000, which POSIX names cannot hold. */
const NULL_SIGN = 0x2400;

function* pairs(table: string): Generator<[number, string]> {
  for (const entry of table.split(' ')) {
    const colon = entry.indexOf(':');
    yield [Number.parseInt(entry.slice(0, colon), 16), entry.slice(colon + 1)];
  }
}

/** Folded unit of every unit; 0 = ignorable. */
export const FOLD: Uint16Array = makeFold();

function makeFold(): Uint16Array {
  // A fifth of the time of `Uint16Array.from`, which every start of a thread would wait for.
  const fold = new Uint16Array(0x10000);
  for (let unit = 0; unit < fold.length; unit += 1) fold[unit] = unit;
  for (const [unit, value] of pairs(FOLDING)) fold[unit] = Number.parseInt(value, 16);
  return fold;
}

const decompositions = new Map<number, string>();
for (const [unit, value] of pairs(DECOMPOSITION))
  decompositions.set(unit, String.fromCharCode(...value.split(',').map((part) => Number.parseInt(part, 16))));

const combiningClasses = new Map<number, number>();
for (const [unit, value] of pairs(COMBINING_CLASS)) combiningClasses.set(unit, Number.parseInt(value, 16));

/** Names of these units only are stored as they are. */
const PLAIN = /^[\u0020-\u002e\u0030-\u0039\u003b-\u007e]*$/;
/** Names of these units only fold as `toLowerCase` does, which no other name may be given to. */
const ASCII = /^[\u0001-\u007f]*$/;

/** POSIX name to the units on disk: `:` and `/` exchanged, U+2400 as U+0000, decomposed, marks in canonical order. */
export function toStored(name: string): string {
  if (PLAIN.test(name)) return name;
  const units: number[] = [];
  for (let i = 0; i < name.length; i += 1) decompose(name.charCodeAt(i), units);
  reorder(units);
  return fromUnits(units);
}

function decompose(unit: number, units: number[]): void {
  if (unit >= 0xac00 && unit <= 0xd7a3) {
    const syllable = unit - 0xac00;
    units.push(0x1100 + Math.floor(syllable / 588), 0x1161 + Math.floor((syllable % 588) / 28));
    if (syllable % 28 !== 0) units.push(0x11a7 + (syllable % 28));
    return;
  }
  const parts = unit < 0xc0 ? undefined : decompositions.get(unit);
  if (parts) for (let i = 0; i < parts.length; i += 1) units.push(parts.charCodeAt(i));
  else units.push(unit === COLON ? SLASH : unit === SLASH ? COLON : unit === NULL_SIGN ? 0 : unit);
}

/** Stable sort of each run of combining marks by class. */
function reorder(units: number[]): void {
  for (let i = 1; i < units.length; i += 1) {
    const unit = units[i] as number;
    const order = unit < 0x300 ? 0 : (combiningClasses.get(unit) ?? 0);
    if (order === 0) continue;
    let j = i;
    for (; j > 0; j -= 1) {
      const before = units[j - 1] as number;
      if ((combiningClasses.get(before) ?? 0) <= order) break;
      units[j] = before;
    }
    units[j] = unit;
  }
}

function fromUnits(units: readonly number[]): string {
  let name = '';
  for (const unit of units) name += String.fromCharCode(unit);
  return name;
}

/**
 * Units on disk to the POSIX name, the exchanges undone; composed (NFC) where that leads back to the same units, which
 * it does not for the few characters that Apple's table leaves alone.
 */
export function toShown(stored: string): string {
  if (PLAIN.test(stored)) return stored;
  let name = '';
  for (let i = 0; i < stored.length; i += 1) {
    const unit = stored.charCodeAt(i);
    name += unit === SLASH ? ':' : unit === COLON ? '/' : unit === 0 ? '\u2400' : stored[i];
  }
  const composed = name.normalize('NFC');
  return toStored(composed) === stored ? composed : name;
}

/** Folded units without ignorables: equal keys are equal names, `<` on keys is the order of a folding catalog. */
export function foldName(stored: string): string {
  if (ASCII.test(stored)) return stored.toLowerCase();
  let key = '';
  for (let i = 0; i < stored.length; i += 1) {
    const unit = FOLD[stored.charCodeAt(i)] as number;
    if (unit !== 0) key += String.fromCharCode(unit);
  }
  return key;
}

/**
 * Sequences that only the table of before Mac OS X 10.2 makes, as far as their marks are in order: Apple's check calls such
 * a name illegal and writes another. Measured with fsck.hfsplus 540.1.
 */
export const LEGACY_SEQUENCE =
  /(?:[\u00a8\u0391\u0395\u0397\u0399\u039f\u03a5\u03a9\u03b1\u03b5\u03b7\u03b9\u03bf\u03c5\u03c9\u03d2]|\u0308)\u030d|\u0306\u0307|\u09ac\u09bc|\u0a21\u0a3c|\u0b2f\u0b3c|\u0e4d\u0e32|\u0ecd\u0eb2/;

/** The units on disk, or null if a volume cannot hold the name. */
export function storable(name: string): string | null {
  if (name === '' || name === '.' || name === '..' || name.includes('\0') || name.includes('/')) return null;
  if (!name.isWellFormed()) return null;
  const stored = toStored(name);
  if (stored.length > NAME_LIMIT) return null;
  return !PLAIN.test(stored) && LEGACY_SEQUENCE.test(stored) ? null : stored;
}

/** The same units without decomposition: as a foreign system may have stored the name. */
export function asGiven(name: string): string {
  return name.replace(/[:/\u2400]/g, (unit) => (unit === ':' ? '/' : unit === '/' ? ':' : '\0'));
}
