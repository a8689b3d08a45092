import { CorruptError } from '@tintype/core';
import { expect, test } from 'vitest';
import { FieldPlaces } from './extended-fields.js';
import { idAt, putIdAndType, SYSTEM_ROOT, typeAt } from './ids.js';
import { SearchKeys } from './search-keys.js';

const view = new DataView(new ArrayBuffer(64));

test.each([0, 1, 2, 16, 0xffff_ffff, 0x1_0000_0000, 2 ** 52 - 1, SYSTEM_ROOT, SYSTEM_ROOT + 5e9])('id %d', (id) => {
  putIdAndType(view, 0, id, 9);
  expect([idAt(view, 0), typeAt(view, 0)]).toEqual([id, 9]);
});

test('ids of System volumes keep their order behind all others', () => {
  putIdAndType(view, 0, SYSTEM_ROOT, 3);
  expect(view.getBigUint64(0, true) & 0x0fff_ffff_ffff_ffffn).toBe(0x0800_0000_0000_0002n);
  expect(SYSTEM_ROOT).toBeGreaterThan(2 ** 52);
});

test('an id that no volume gives out is corrupt', () => {
  view.setBigUint64(0, 0x0700_0000_0000_0000n, true);
  expect(() => idAt(view, 0)).toThrow(CorruptError);
});

test('extended fields are padded by their length', () => {
  // Three fields of 3, 8 and 4 bytes: 16 bytes before the first value, which is no multiple of 8 with an odd count.
  const bytes = Buffer.from(
    '0300180004020300082008000e0004006161000000000000' + '1122334455667788' + '0900000000000000',
    'hex',
  );
  const blob = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const fields = new FieldPlaces();
  const found = (): number[][] =>
    Array.from({ length: 32 }, (_, type) => [type, fields.at(type), fields.size(type)]).filter(([, at]) => at !== -1);
  fields.read(blob, 0, bytes.length);
  expect(found()).toEqual([
    [4, 16, 3],
    [8, 24, 8],
    [14, 32, 4],
  ]);
  expect(fields.read(blob, 8, 8).at(4)).toBe(-1);
  expect(found()).toEqual([]);
  expect(() => fields.read(blob, 0, 30)).toThrow(CorruptError);
  expect(() => fields.read(blob, 0, 3)).toThrow(CorruptError);
  expect(() => fields.read(blob, 0, 10)).toThrow(CorruptError);
});

test('of two fields of a type the first counts, and types beyond those known are passed over', () => {
  const bytes = Buffer.from(
    '03001800' + '04020200' + '04020100' + 'c8000300' + '6162000000000000' + '6300000000000000' + '6465660000000000',
    'hex',
  );
  const fields = new FieldPlaces().read(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length);
  expect([fields.at(4), fields.size(4)]).toEqual([16, 2]);
});

test('search keys', () => {
  const keys = new SearchKeys();
  const hex = (): string => Buffer.from(keys.bytes.subarray(0, keys.length)).toString('hex');
  keys.record(2, 3);
  expect(hex()).toBe('0200000000000030');
  keys.xattr(16, Buffer.from('ab'));
  expect(hex()).toBe('1000000000000040' + '0300' + '616200');
  keys.hash(2, 0x3896e4);
  expect(hex()).toBe('0200000000000090' + '0090' + '5be2' + '00');
  keys.extent(16, 4096);
  expect(hex()).toBe('1000000000000080' + '0010000000000000');
  keys.untyped();
  expect(hex()).toBe('1000000000000000' + '0010000000000000');
});
