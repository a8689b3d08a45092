// Forks in many pieces, and what is mended of them.

import { MemoryDevice } from '@tintype/core';
import { expect } from 'vitest';
import { FORK, field } from '../check/damage.testing.js';
import { ForkFile } from '../check/fork-file.js';
import { fragmented, overflow, scattered, value, valueExtents, valueFork } from '../check/fragmented.testing.js';
import { type Sample, sample, sampleTest as test } from '../check/sample.testing.js';
import { CatalogFile } from '../structs/catalog.js';
import { VolumeHeader } from '../structs/volume-header.js';
import { Acts } from './acts.js';
import { Overflow } from './overflow.js';
import { RepairTree } from './repair-tree.js';
import { repaired, treeIn } from './repaired.testing.js';

const { dataFork } = CatalogFile.at;
const hello = 'hello.txt';

test.each<[string, () => Sample]>([
  ['a record of no file', () => fragmented([overflow(20, 8, scattered(146, 2)), overflow(99, 8, scattered(170, 1))])],
  [
    'a record without extents',
    () => fragmented([overflow(20, 8, scattered(146, 2)), overflow(20, 10, new Uint8Array(64))]),
  ],
  ['blocks of the first value record only', () => value([valueFork(8), valueExtents(8)])],
])('%s is mended', (_what, make) => {
  const volume = make();
  const { left, fsck } = repaired(volume.bytes);
  expect(left).toEqual([]);
  expect(fsck).not.toBe(false);
  const sound = fragmented();
  if (volume.bytes.length === sound.bytes.length)
    expect(treeIn(volume.bytes)[hello]).toEqual(treeIn(sound.bytes)[hello]);
});

test('a count that is too small does not cost the extents that the overflow tree has', () => {
  const volume = fragmented();
  const before = treeIn(volume.bytes)[hello];
  volume.view.setUint32(field(volume, hello, dataFork) + FORK.blocks, 3);
  expect(repaired(volume.bytes)).toMatchObject({ left: [] });
  expect(treeIn(volume.bytes)[hello]).toEqual(before);
});

test('extents that are missing by size and count alike are not made up', () => {
  const volume = fragmented([overflow(99, 8, scattered(146, 2))]);
  expect(repaired(volume.bytes).left).toContain('fork-block-count');
  expect(volume.view.getUint32(field(volume, hello, dataFork) + FORK.blocks)).toBe(10);
});

test('of two files that claim the same blocks the later one gets a copy, and both read as before', () => {
  const volume = sample('small');
  const at = field(volume, hello, dataFork);
  const first = field(volume, 'first', dataFork);
  const fork = volume.bytes.slice(at, at + 80);
  volume.bytes.set(fork, first);
  const before = treeIn(volume.bytes);
  const { acts, left, fsck } = repaired(volume.bytes);
  expect(left).toEqual([]);
  expect(fsck).not.toBe(false);
  expect(acts.join()).toContain('a copy of their own');
  expect(treeIn(volume.bytes)).toEqual(before);
});

test('records of the overflow tree are claimed by fork', () => {
  const volume = fragmented();
  const start = volume.tree('extents') / volume.blockSize;
  const blocks = volume.header(VolumeHeader.at.extentsFile + FORK.blocks);
  const file = new ForkFile(new MemoryDevice(volume.bytes), volume.blockSize, [start, blocks]);
  const source = { name: 'extents' as const, file, journaled: false, caseSensitiveAllowed: false, clumpSize: 4096 };
  const tree = RepairTree.read(source);
  if (!tree) throw new Error('the tree cannot be read');
  const claimed = new Overflow(tree, new Acts());
  expect(claimed.claim(20, 255)).toEqual([]);
  expect(claimed.claim(20, 0).map((each) => each.start)).toEqual([8]);
  expect(claimed.claim(20, 0)).toEqual([]);
});
