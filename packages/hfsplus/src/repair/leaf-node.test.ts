// Records of a leaf whose descriptor, offsets or keys are damaged.

import { expect, test } from 'vitest';
import { catalogKeys } from '../check/tree-keys.js';
import { putKey, threadRecord } from '../records/catalog-records.js';
import { readLeaf } from './leaf-node.js';
import { recordIn } from './leaf-record.js';
import { buildTree } from './tree-builder.js';
import { naturalLength } from './tree-data.js';

const SIZE = 512;
const COUNT = 6;
const shape = { name: 'catalog' as const, nodeSize: SIZE, keys: catalogKeys(true) };

function leaf(): { bytes: Uint8Array; view: DataView } {
  const records = Array.from({ length: COUNT }, (_, i) =>
    recordIn(putKey(100 + i, '', threadRecord('file', 2, `file ${i}`))),
  );
  const form = { nodeSize: SIZE, totalNodes: 4, maxKeyLength: 516, keyCompareType: 0xcf, clumpSize: SIZE };
  const bytes = buildTree(records, { ...form, attributes: 6, oldHeader: new Uint8Array(SIZE) })[1] as Uint8Array;
  return { bytes, view: new DataView(bytes.buffer) };
}

test.each<[string, number, number, (view: DataView) => void]>([
  ['nothing', COUNT, 0, () => {}],
  ['the kind', COUNT, 0, (view) => view.setUint8(8, 0)],
  ['the kind of a header', COUNT, 0, (view) => view.setUint8(8, 1)],
  ['an offset', COUNT, 0, (view) => view.setUint16(SIZE - 4, 33)],
  ['too many records', COUNT, 0, (view) => view.setUint16(10, 5000)],
  ['the length of a key', COUNT, 0, (view) => view.setUint16(14, 400)],
  ['the type of a thread', COUNT, 0, (view) => view.setUint16(14 + 8, 9)],
  [
    'a key and the offset behind it',
    COUNT - 2,
    1,
    (view) => {
      view.setUint32(14 + 6, 0xffff_ffff);
      view.setUint16(SIZE - 4, 17);
    },
  ],
])('%s', (_what, records, bad, damage) => {
  const { bytes, view } = leaf();
  damage(view);
  const node = readLeaf(1, bytes, shape);
  expect(node?.records.length).toBe(records);
  expect(node?.bad).toBe(bad);
});

test('zeros, and what looks like nothing, are no leaf', () => {
  expect(readLeaf(1, new Uint8Array(SIZE), shape)).toBeNull();
  expect(readLeaf(1, new Uint8Array(SIZE).fill(0xa5), shape)).toBeNull();
});

test('a record is as long as it says, within its room', () => {
  const view = new DataView(putKey(100, '', threadRecord('file', 2, 'name')).buffer);
  expect(naturalLength('catalog', view, 8, 100)).toBe(18);
  expect(naturalLength('catalog', view, 8, 17)).toBe(-1);
  expect(naturalLength('extents', view, 8, 64)).toBe(64);
  expect(naturalLength('attributes', view, 0, 26)).toBe(-1);
});
