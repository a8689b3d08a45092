import type { Item, Volume } from '@tintype/core';
import { Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { mergedRecords } from './merge.js';
import { inodeAt, NewRecords, RECORD_SIZE } from './records.js';
import { Segment } from './segment.js';
import { SegmentHeader, uuidBytes } from './structs.js';

const UUID = '00112233-4455-6677-8899-AABBCCDDEEFF';

/** A segment of these inodes, whose digests are all `mark`, read through as much of a volume as it needs. */
function segmentOf(inodes: readonly number[], mark: number, change: (bytes: Uint8Array) => void = () => {}) {
  const records = new NewRecords();
  for (const inode of inodes) records.add({ inode, size: 1, mtime: 0n }, new Uint8Array(32).fill(mark));
  const body = records.take();
  const bytes = new Uint8Array(64 + body.length);
  SegmentHeader.write(new DataView(bytes.buffer), 0, {
    magic: Buffer.from('tintsums'),
    version: 1,
    recordSize: 64,
    uuid: uuidBytes(UUID),
    count: body.length / RECORD_SIZE,
    pruned: 0,
    reserved: new Uint8Array(16),
  });
  bytes.set(body, 64);
  change(bytes);
  const read = (_id: number, position: number, target: Uint8Array): number => {
    const part = bytes.subarray(position, position + target.length);
    target.set(part);
    return part.length;
  };
  const item = { kind: 'file', size: bytes.length, name: '00000001', id: 1 } as Item;
  return Segment.open({ uuid: UUID, read } as unknown as Volume, item);
}

test('a merge has each inode once, in order, from the newest segment', () => {
  const random = new Random(5);
  const expected = new Map<number, number>();
  const segments: Segment[] = [];
  for (let mark = 1; mark <= 20; mark += 1) {
    const inodes = Array.from({ length: random.below(2000) }, () => random.below(5000));
    for (const inode of inodes) expected.set(inode, mark);
    segments.unshift(segmentOf(inodes, mark) as Segment);
  }
  const found = [...mergedRecords(segments)].map((record) => record.slice());
  const pairs = found.map((record) => [inodeAt(new DataView(record.buffer), 0), record[24]]);
  expect(pairs).toEqual([...expected].sort((a, b) => a[0] - b[0]));
});

test('a record is found by inode, size and time', () => {
  const inodes = Array.from({ length: 3000 }, (_, i) => 3 * i + 10);
  const segment = segmentOf(inodes, 4) as Segment;
  for (const inode of inodes) {
    expect(segment.find({ inode, size: 1, mtime: 0n })?.[0]).toBe(4);
    expect(segment.find({ inode, size: 2, mtime: 0n })).toBe(null);
    expect(segment.find({ inode: inode + 1, size: 1, mtime: 0n })).toBe(undefined);
  }
});

test.each([
  ['magic', 0],
  ['version', 8],
  ['record size', 12],
  ['UUID', 16],
  ['count', 32],
])('a file with another %s is no segment', (_name, at) => {
  expect(segmentOf([1, 2, 3], 1)).not.toBe(null);
  expect(
    segmentOf([1, 2, 3], 1, (bytes) => {
      bytes[at] = 99;
    }),
  ).toBe(null);
});

test('records are found in any order, near the last one and far from it', () => {
  const inodes = Array.from({ length: 1000 }, (_, i) => 3 * i + 10);
  const segment = segmentOf(inodes, 4) as Segment;
  const random = new Random(8);
  let inode = 0;
  for (let turn = 0; turn < 20_000; turn += 1) {
    inode = random.below(4) > 0 ? inode + random.between(-50, 50) : random.below(3100);
    const isThere = inode >= 10 && inode <= 3007 && inode % 3 === 1;
    expect(segment.find({ inode, size: 1, mtime: 0n })?.[0]).toBe(isThere ? 4 : undefined);
  }
});
