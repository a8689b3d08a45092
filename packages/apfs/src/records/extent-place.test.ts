import { CorruptError } from '@tintype/core';
import { expect, test } from 'vitest';
import { fileSystemTree } from '../btree/kinds.js';
import { Node, RecordBuffer } from '../btree/node.js';
import { put64 } from '../object.js';
import { BLOCK_SIZE } from '../structs/container.js';
import { FileExtentValue, RECORD_TYPE } from '../structs/records.js';
import { extentPlace } from './extent-place.js';
import { putKeyHeader } from './inode-record.js';

const BLOCKS = 1000;

/** A leaf with one record of `bytes` at `block`. */
function leafWith(block: number, bytes: number, { type = RECORD_TYPE.fileExtent as number, length = 24 } = {}): Node {
  const record = new RecordBuffer();
  putKeyHeader(record.view, 0, 20, type);
  put64(record.view, 8, 0);
  record.keyLength = 16;
  put64(record.view, 16 + FileExtentValue.at.len_and_flags, bytes);
  record.view.setUint8(16 + 7, 1);
  put64(record.view, 16 + FileExtentValue.at.phys_block_num, block);
  record.valueLength = length;
  const leaf = Node.make(fileSystemTree('hashed'), 0, 'inner');
  expect(leaf.insert(0, record)).toBe(true);
  return leaf;
}

test('an extent has its blocks, and the offset where its record says so', () => {
  const leaf = leafWith(900, 100 * BLOCK_SIZE);
  expect(extentPlace(leaf, 0, BLOCKS)).toEqual({ start: 900, count: 100, value: leaf.valueAt(0), flags: 1 });
});

test('holes, empty extents and other records have no place', () => {
  expect(extentPlace(leafWith(0, 5 * BLOCK_SIZE), 0, BLOCKS)).toBeNull();
  expect(extentPlace(leafWith(5, 0), 0, BLOCKS)).toBeNull();
  expect(extentPlace(leafWith(5, 2 ** 50, { type: RECORD_TYPE.inode }), 0, BLOCKS)).toBeNull();
});

test.each([
  ['half a block', leafWith(5, BLOCK_SIZE / 2)],
  ['past the end', leafWith(900, 101 * BLOCK_SIZE)],
  ['a short record', leafWith(5, BLOCK_SIZE, { length: 23 })],
])('%s is damage', (_, leaf) => {
  expect(() => extentPlace(leaf, 0, BLOCKS)).toThrow(CorruptError);
});
