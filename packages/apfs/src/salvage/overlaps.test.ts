import { expect, test } from 'vitest';
import type { RecordPlace } from '../btree/cursor.js';
import { RECORD_TYPE } from '../structs/records.js';
import { type DatedRecord, withoutOverlaps } from './overlaps.js';

const KEY = 16;
const VALUE = 24;

function record(
  xid: number,
  id: number,
  start: number,
  length: number,
  type: number = RECORD_TYPE.fileExtent,
): DatedRecord {
  const view = new DataView(new ArrayBuffer(KEY + VALUE));
  view.setBigUint64(0, (BigInt(type) << 60n) | BigInt(id), true);
  view.setBigUint64(8, BigInt(start), true);
  view.setBigUint64(KEY, BigInt(length), true);
  const place: RecordPlace = { view, keyAt: 0, keyLength: KEY, valueAt: KEY, valueLength: VALUE };
  return { place, xid };
}
const kept = (...records: DatedRecord[]): number[] => {
  const left = withoutOverlaps(records);
  return records.flatMap(({ place }, i) => (left.includes(place) ? i : []));
};

test('of extents that overlap the newest is kept', () => {
  expect(kept(record(9, 5, 0, 30), record(1, 5, 10, 10), record(2, 5, 30, 10))).toEqual([0, 2]);
  expect(kept(record(1, 5, 0, 10), record(2, 5, 10, 30), record(9, 5, 20, 5))).toEqual([0, 2]);
  expect(kept(record(4, 5, 0, 99), record(3, 5, 10, 9), record(5, 5, 20, 9))).toEqual([2]);
});

test('extents of other files, and other records, stay', () => {
  expect(kept(record(9, 5, 0, 30), record(1, 6, 10, 10))).toEqual([0, 1]);
  expect(kept(record(9, 5, 0, 30), record(1, 5, 10, 10, RECORD_TYPE.directory))).toEqual([0, 1]);
});
