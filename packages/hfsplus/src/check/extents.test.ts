// Forks with more than eight extents, of files, of attribute values and of the catalog itself; and what can be wrong there.

import { test as anyTest, expect } from 'vitest';
import { CatalogFile } from '../structs/catalog.js';
import { VolumeHeader } from '../structs/volume-header.js';
import { FORK, field } from './damage.testing.js';
import { fragmented, overflow, scattered, value, valueExtents, valueFork } from './fragmented.testing.js';
import { fsckAccepts, made, oracle, pack, sample, sampleTest as test } from './sample.testing.js';

const { at: file } = CatalogFile;
const { at: header } = VolumeHeader;
const installed = oracle('fsck.hfsplus') !== null;

test('a file in ten pieces is sound', () => {
  const volume = fragmented();
  expect(volume.kinds()).toEqual([]);
  if (installed) expect(fsckAccepts(volume.bytes)).toBe(true);
});

test.each([
  ['a record that begins too early', [overflow(20, 7, scattered(146, 2))], ['overflow-start']],
  [
    'records that do not touch',
    [overflow(20, 8, scattered(146, 1)), overflow(20, 10, scattered(148, 1))],
    ['overflow-start'],
  ],
  [
    'a record of no file',
    [overflow(20, 8, scattered(146, 2)), overflow(99, 8, scattered(170, 1))],
    ['bitmap-under-allocation', 'overflow-owner'],
  ],
  ['a record of the extents file', [overflow(3, 8, scattered(146, 2))], ['fork-block-count', 'overflow-key']],
  ['a record of a file below 16', [overflow(12, 8, scattered(146, 2))], ['fork-block-count', 'overflow-key']],
  ['a record of a third fork', [overflow(20, 8, scattered(146, 2), 7)], ['fork-block-count', 'overflow-key']],
  [
    'a record without extents',
    [overflow(20, 8, scattered(146, 2)), overflow(20, 10, pack(new Uint8Array(64)))],
    ['overflow-empty'],
  ],
  ['a record with a bad extent', [overflow(20, 8, scattered(255, 2))], ['extent-invalid']],
  ['a record for the other fork', [overflow(20, 8, scattered(146, 2), 255)], ['fork-block-count', 'overflow-owner']],
])('%s', (_what, records, kinds) => {
  const volume = fragmented(records);
  expect(volume.kinds()).toEqual(kinds);
});

test('overflow records need all eight extents of the fork', () => {
  const volume = fragmented([overflow(20, 7, pack(144, 1, scattered(146, 2).slice(0, 56)))]);
  volume.bytes.fill(
    0,
    field(volume, 'hello.txt', file.dataFork) + FORK.extents + 56,
    field(volume, 'hello.txt', file.dataFork) + 80,
  );
  expect(volume.kinds()).toEqual(['overflow-start']);
});

test('bad blocks must be announced in the header', () => {
  const volume = fragmented([overflow(5, 0, scattered(170, 1)), overflow(20, 8, scattered(146, 2))]);
  volume.mark(170, 1);
  expect(volume.kinds()).toEqual(['volume-spared-blocks']);
  volume.putHeader(header.attributes, volume.header(header.attributes) + 0x200);
  expect(volume.kinds()).toEqual([]);
  if (installed) expect(fsckAccepts(volume.bytes)).toBe(true);
});

test('a catalog in nine pieces is read through the overflow tree', () => {
  const volume = sample('small');
  const from = volume.tree('catalog');
  volume.plant('extents', [overflow(4, 8, pack(180, 8, new Uint8Array(56)))]);
  const blocks = Array.from({ length: 16 }, (_, i) => (i < 8 ? 150 + 2 * i : 172 + i));
  for (const [i, block] of blocks.entries()) {
    volume.bytes.copyWithin(block * 4096, from + i * 4096, from + (i + 1) * 4096);
    volume.mark(block, 1);
  }
  volume.bytes.fill(0xff, from, from + 16 * 4096);
  volume.mark(from / 4096, 16, false);
  for (const at of [1024, volume.bytes.length - 1024])
    volume.bytes.set(scattered(150, 8), at + header.catalogFile + FORK.extents);
  expect(volume.kinds()).toEqual([]);
  if (installed) expect(fsckAccepts(volume.bytes)).toBe(true);
});

test('an attribute value in ten pieces is sound', () => {
  const volume = value([valueFork(10), valueExtents(8)]);
  expect(volume.kinds()).toEqual([]);
  if (installed) expect(fsckAccepts(volume.bytes)).toBe(true);
});

test.each([
  ['blocks of the first record only', [valueFork(8), valueExtents(8)], ['fork-block-count']],
  ['further extents that begin elsewhere', [valueFork(10), valueExtents(7)], ['attribute-extents']],
  ['further extents of nothing', [valueExtents(8)], ['attribute-extents', 'bitmap-orphaned-blocks']],
])('an attribute value with %s', (_what, records, kinds) => {
  const volume = value(records);
  expect(volume.kinds()).toEqual(kinds);
  if (installed) expect(fsckAccepts(volume.bytes)).toBe(false);
});

anyTest.skipIf(!installed)('a tree with map nodes', () => {
  const volume = made(32 * 1_048_576, '-n', 'e=1024', '-c', 'e=1900');
  expect(volume.kinds()).toEqual([]);
  expect(fsckAccepts(volume.bytes)).toBe(true);
  const map = volume.view.getUint32(volume.tree('extents'));
  expect(map).toBeGreaterThan(0);
  const at = volume.node('extents', map);
  volume.view.setUint8(at + 8, 1);
  expect(volume.kinds()).toEqual(['tree-map-node']);
  volume.view.setUint8(at + 8, 2);
  volume.view.setUint32(volume.tree('extents'), 0);
  expect(volume.kinds()).toEqual(['tree-map-node']);
  expect(fsckAccepts(volume.bytes)).toBe(false);
});
