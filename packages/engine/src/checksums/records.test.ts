import type { Item, VolumeTraits } from '@tintype/core';
import { expect, test } from 'vitest';
import { digestAt, inodeAt, isFor, keyOf, NewRecords, RECORD_SIZE } from './records.js';
import { ChecksumRecord, uuidBytes } from './structs.js';

const traits = { timeRange: { first: -100, last: 1000 }, timeUnit: 1e9 } as VolumeTraits;
const item = (mtime: number, size: number): Item => ({ mtime, mtimeNanos: 999, size }) as Item;
const digest = (value: number): Uint8Array => new Uint8Array(32).fill(value);

test('records are sorted by inode, and the last one of an inode stays', () => {
  const records = new NewRecords();
  for (let i = 3000; i > 0; i -= 1) records.add(keyOf(i, item(i, i), traits), digest(i % 251));
  records.add(keyOf(7, item(-50, 70), traits), digest(255));
  const bytes = records.take();
  expect(bytes.length).toBe(3000 * RECORD_SIZE);
  expect(records.count).toBe(0);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let i = 0; i < 3000; i += 1) expect(inodeAt(view, i * RECORD_SIZE)).toBe(i + 1);
  expect(digestAt(view, 6 * RECORD_SIZE)).toEqual(digest(255));
  expect(isFor(view, 6 * RECORD_SIZE, keyOf(7, item(-50, 70), traits))).toBe(true);
  expect(isFor(view, 6 * RECORD_SIZE, keyOf(7, item(-50, 71), traits))).toBe(false);
  expect(isFor(view, 6 * RECORD_SIZE, keyOf(7, item(-51, 70), traits))).toBe(false);
});

test('times are those that the volume keeps', () => {
  expect(keyOf(1, item(5000, 0), traits).mtime).toBe(1000_000_000_000n);
  expect(keyOf(1, item(-1, 0), traits).mtime).toBe(-1_000_000_000n);
  expect(keyOf(1, item(1, 0), { ...traits, timeUnit: 1 }).mtime).toBe(1_000_000_999n);
});

test('the layout is the one that was promised', () => {
  const records = new NewRecords();
  records.add({ inode: 0x1_0000_0002, size: 3, mtime: -2n }, digest(9));
  const record = ChecksumRecord.read(new DataView(records.take().slice().buffer), 0);
  expect(record).toMatchObject({ inode: 0x1_0000_0002, size: 3, digest: digest(9), reserved: new Uint8Array(8) });
  expect(Buffer.from(record.mtime).readBigInt64LE()).toBe(-2n);
  expect(Buffer.from(uuidBytes('00112233-4455-6677-8899-AABBCCDDEEFF')).toString('hex')).toBe(
    '00112233445566778899aabbccddeeff',
  );
});
