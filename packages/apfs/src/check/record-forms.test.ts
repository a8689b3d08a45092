// The form of single records: each change is found under its kind.

import { describe, expect, test } from 'vitest';
import { isMissing } from '../sample.testing.js';
import { INODE_FIELD } from '../structs/extended-fields.js';
import { DirectoryValue, FileExtentValue, InodeValue, RECORD_TYPE, SiblingValue } from '../structs/records.js';
import { Damaged, type Entry, of } from './damage.testing.js';
import {
  entryProblem,
  fileExtentProblem,
  inodeProblem,
  isNobody,
  numberProblem,
  siblingProblem,
} from './record-forms.js';

const { inode, xattr, directory, fileExtent, siblingLink } = RECORD_TYPE;
const iv = InodeValue.at;
/** A file of macOS with data, and thus with fields of a name and a stream. */
const FILE = 19;
const FIELDS = InodeValue.size;
const set8 =
  (offset: number, value: number) =>
  ({ view, value: at }: Entry): void =>
    view.setUint8(at + offset, value);

/** Entry and value of a field in the record of an inode. */
function field({ view, value }: Entry, type: number): { entry: number; at: number; size: number } {
  const count = view.getUint16(value + FIELDS, true);
  let at = value + FIELDS + 4 + 4 * count;
  for (let i = 0; i < count; i += 1) {
    const entry = value + FIELDS + 4 + 4 * i;
    const size = view.getUint16(entry + 2, true);
    if (view.getUint8(entry) === type) return { entry, at, size };
    at += (size + 7) & ~7;
  }
  throw new Error(`no field of type ${type}`);
}

const ofInode: [string, (entry: Entry) => void][] = [
  ['an unknown flag', set8(iv.internal_flags + 3, 1)],
  ['an unknown flag in the upper half', set8(iv.internal_flags + 5, 1)],
  ['a protection class', set8(iv.default_protection_class, 5)],
  ['a reserved field', set8(iv.pad1, 1)],
  ['an uncompressed size', set8(iv.uncompressed_size + 5, 1)],
  ['the stream of another', set8(iv.private_id, 77)],
  ['a folder beyond all numbers', set8(iv.parent_id + 7, 0x10)],
  ['bytes of the fields', set8(FIELDS + 2, 8)],
  ['flags of the name', (e) => e.view.setUint8(field(e, INODE_FIELD.name).entry + 1, 0)],
  ['flags of the stream', (e) => e.view.setUint8(field(e, INODE_FIELD.dstream).entry + 1, 0x28)],
  ['a field of an unknown type', (e) => e.view.setUint8(field(e, INODE_FIELD.dstream).entry, 40)],
  ['a field twice', (e) => e.view.setUint8(field(e, INODE_FIELD.dstream).entry, INODE_FIELD.name)],
  ['a field of another size', (e) => e.view.setUint8(field(e, INODE_FIELD.dstream).entry, INODE_FIELD.documentId)],
  ['a flag of holes', set8(iv.internal_flags + 1, 0x82)],
  ['a flag of Finder info', set8(iv.internal_flags + 1, 0x81)],
  ['reserved flags of a field', (e) => e.view.setUint8(field(e, INODE_FIELD.dstream).entry + 1, 0xa0)],
  ['a flag of statistics', set8(iv.internal_flags, 2)],
  ['a flag of purgeable files', set8(iv.internal_flags + 3, 2)],
  ['the private folder', set8(iv.parent_id, 3)],
  ['a folder that is none', set8(iv.parent_id, 0)],
  ['a name that ends too early', (e) => e.view.setUint8(field(e, INODE_FIELD.name).at, 0)],
];

describe.skipIf(isMissing('basic'))('is found', () => {
  test.each(ofInode)('in an inode: %s', (_, change) => {
    expect(new Damaged().record(inode, change, of(FILE)).kinds()).toContain('inode-record');
  });
  test('in an inode: padding of a field', () => {
    const isPadded = (entry: Entry): boolean => field(entry, INODE_FIELD.name).size % 8 !== 0;
    const change = (entry: Entry): void => {
      const { at, size } = field(entry, INODE_FIELD.name);
      entry.view.setUint8(at + size, 1);
    };
    expect(new Damaged().record(inode, change, isPadded).kinds()).toEqual(['inode-record']);
  });
  test('in an entry: a flag of purgeable files', () => {
    const change = set8(DirectoryValue.at.flags + 1, 2);
    expect(new Damaged().record(directory, change, of(18)).kinds()).toEqual(['entry-record']);
  });
  test('in an entry: a number beyond all', () => {
    expect(new Damaged().record(directory, set8(7, 0x10), of(18)).kinds()).toEqual(['entry-record']);
  });
  test('in an entry: flags', () => {
    const change = set8(DirectoryValue.at.flags + 1, 1);
    expect(new Damaged().record(directory, change, of(18)).kinds()).toEqual(['entry-record']);
  });
  test.each([
    ['number of fields', DirectoryValue.size],
    ['bytes of fields', DirectoryValue.size + 2],
    ['type of the field', DirectoryValue.size + 4],
    ['size of the field', DirectoryValue.size + 6],
  ])('in an entry: %s', (_, offset) => {
    const hasLink = ({ node, index }: Entry): boolean => node.valueLength(index) > DirectoryValue.size;
    expect(new Damaged().record(directory, set8(offset, 9), hasLink).kinds()).toContain('entry-record');
  });
  test('in a link: a name that ends too early', () => {
    expect(new Damaged().record(siblingLink, set8(SiblingValue.size, 0)).kinds()).toContain('link-record');
  });
  test('in an extent: flags', () => {
    expect(new Damaged().record(fileExtent, set8(7, 4), of(FILE)).kinds()).toEqual(['stream-extent']);
  });
  test('in an attribute of a user: that it is of the file system', () => {
    const isDecmpfs = ({ view, key }: Entry): boolean => view.getUint8(key + 20) === 'd'.charCodeAt(0);
    expect(new Damaged().record(xattr, set8(0, 6), isDecmpfs).kinds()).toEqual(['xattr-record']);
  });
  test('in an attribute with a stream: bytes that it takes', () => {
    const hasStream = ({ view, value }: Entry): boolean => (view.getUint8(value) & 1) === 1;
    expect(new Damaged().record(xattr, set8(4 + 8 + 8 + 2, 9), hasStream).kinds()).toEqual(['stream-size']);
  });
  test('in a record of references: an owner that is none', () => {
    const change = ({ view, value }: Entry): void => view.setUint8(value + 8 + 3, 0x7f);
    expect(new Damaged().reference(0, change).kinds()).toEqual(['reference-record']);
  });
  test('numbers that were not given', () => {
    const damaged = new Damaged();
    const next = (view: DataView): void => view.setUint32(0xb0, 17, true);
    expect(damaged.volume(next).kinds()).toContain('volume-field');
  });
});

test('values that are too short or of another length', () => {
  const view = new DataView(new ArrayBuffer(300));
  const record = (valueLength: number) => ({ view, keyAt: 0, keyLength: 16, valueAt: 100, valueLength });
  const form = { isEncrypted: false, isSealed: false, hasPreallocated: false };
  expect(inodeProblem(record(InodeValue.size))).toBe(null);
  expect(entryProblem(record(DirectoryValue.size))).toBe(null);
  expect(entryProblem(record(DirectoryValue.size + 1))).toBe('a value of 19 bytes');
  expect(entryProblem(record(DirectoryValue.size + 4))).toBe(null);
  expect(siblingProblem(record(SiblingValue.size + 3))).toMatch(/does not fill the record/);
  expect(fileExtentProblem(record(FileExtentValue.size), form)).toBe(null);
  expect(fileExtentProblem(record(FileExtentValue.size + 1), form)).toBe('an extent of 25 bytes');
  view.setUint8(107, 2);
  expect(fileExtentProblem(record(FileExtentValue.size), form)).toMatch(/behind the end/);
  expect(fileExtentProblem(record(FileExtentValue.size), { ...form, hasPreallocated: true })).toBe(null);
  expect(isNobody(view, 0)).toBe(false);
});

test('numbers of inodes that are reserved, and where they lie', () => {
  const problems = (...pairs: [number, number][]) =>
    pairs.map(([id, parent]) => numberProblem({ id, parent }) === null);
  expect(problems([2, 1], [3, 1], [6, 1], [16, 2], [40, 17])).toEqual([true, true, true, true, true]);
  expect(problems([2, 2], [4, 1], [7, 1], [15, 2], [16, 1], [16, 3], [16, 0])).not.toContain(true);
});
