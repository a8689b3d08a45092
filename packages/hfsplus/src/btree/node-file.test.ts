// What a commit relies on: which nodes may be written at once and which go through the journal, and the map.

import { Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { opened, recordsOf, type SmallTree, smallRecord, smallTree } from './tree.testing.js';

/** As a commit does it, without a journal. */
function commit({ device, allocation, file, tree }: SmallTree): void {
  tree.putHeader();
  file.putMap();
  for (const node of file.dirtyNodes()) device.write(file.position(node), node.bytes);
  file.settle();
  allocation.prepare();
  allocation.settle();
}

function fill(small: SmallTree, count: number, from = 0): void {
  for (let i = 0; i < count; i += 1) {
    small.tree.reserve(1);
    small.tree.insert(smallRecord(from + i, 'name', 60));
  }
}

test('keys that come in order fill the nodes', () => {
  const small = smallTree({ nodeSize: 512, nodes: 4, blocks: 4096 });
  fill(small, 600);
  expect(recordsOf(small)).toHaveLength(600);
  const perNode = Math.floor((512 - 16) / (14 + 8 + 60 + 2));
  const leaves = new Set<number>();
  for (let n = small.tree.firstLeaf; n !== 0; n = small.tree.node(n).fLink) leaves.add(n);
  expect(leaves.size).toBe(Math.ceil(600 / perNode));
});

test('runs between other keys leave full nodes behind them', () => {
  const small = smallTree({ nodeSize: 512, nodes: 4, blocks: 4096 });
  fill(small, 100);
  fill(small, 100, 10_000);
  small.tree.reserveRuns(500 * 82, 1);
  small.tree.inRun = true;
  for (let i = 0; i < 500; i += 1) small.tree.insert(smallRecord(1000 + i, 'name', 60));
  small.tree.inRun = false;
  expect(recordsOf(small)).toHaveLength(700);
  let leaves = 0;
  for (let n = small.tree.firstLeaf; n !== 0; n = small.tree.node(n).fLink) leaves += 1;
  expect(leaves).toBeLessThan(700 / 5 + 4);
});

test('the file that is opened again holds the same tree', () => {
  const small = smallTree({ nodeSize: 512, nodes: 4, blocks: 8192 });
  fill(small, 800);
  const records = recordsOf(small);
  commit(small);
  const [extent] = small.fork.extents;
  expect(small.fork.extents).toHaveLength(1);
  const again = opened(small.device, small.allocation, { start: 0, count: 0, cacheBytes: 1 << 20, ...extent });
  expect(recordsOf({ device: small.device, ...again })).toEqual(records);
});

test('nodes beyond the first map get map nodes', () => {
  const small = smallTree({ nodeSize: 512, nodes: 4, blocks: 60_000 });
  const covered = (512 - 256) * 8;
  small.file.grow(covered + 10_000);
  expect(small.file.totalNodes).toBeGreaterThan(covered + 10_000);
  const maps: number[] = [];
  for (let n = small.file.header.fLink; n !== 0; n = small.file.node(n).fLink) maps.push(n);
  expect(maps).toHaveLength(Math.ceil((small.file.totalNodes - covered) / ((512 - 20) * 8)));
  fill(small, 100);
  expect(recordsOf(small)).toHaveLength(100);
  commit(small);
  const [extent] = small.fork.extents;
  const again = opened(small.device, small.allocation, { start: 0, count: 0, cacheBytes: 1 << 20, ...extent });
  expect(again.file.freeNodes).toBe(small.file.freeNodes);
  expect(recordsOf({ device: small.device, ...again })).toHaveLength(100);
});

test('a file whose map is full of used nodes can still grow', () => {
  const small = smallTree({ nodeSize: 512, nodes: 4, blocks: 60_000 });
  const covered = (512 - 256) * 8;
  small.file.grow(covered - small.file.totalNodes);
  while (small.file.freeNodes > 0) small.file.allocate(255, 1);
  small.file.grow(1);
  expect(small.file.freeNodes).toBeGreaterThan(0);
});

test('committed free nodes are used up to the limit, then new blocks', () => {
  const small = smallTree({ nodeSize: 512, nodes: 400, blocks: 60_000 });
  small.file.journaledLimit = 30;
  fill(small, 600);
  const journaled = small.file.journaledBytes / 512;
  expect(journaled).toBeGreaterThan(15);
  expect(journaled).toBeLessThan(50);
  expect(small.file.totalNodes).toBeGreaterThan(400);
  expect(small.file.freshBytes).toBeGreaterThan(50 * 512);
  commit(small);
  expect(small.file.hasChanges).toBe(false);
  expect(small.file.journaledBytes).toBe(0);
  fill(small, 1, 5000);
  expect(small.file.journaledBytes).toBeGreaterThan(0);
  expect(small.file.freshBytes).toBe(0);
});

test('with no room for new blocks, committed free nodes are used beyond the limit', () => {
  const small = smallTree({ nodeSize: 512, nodes: 400, blocks: 412 });
  small.file.journaledLimit = 10;
  fill(small, 600);
  expect(recordsOf(small)).toHaveLength(600);
});

test('nodes that were read are dropped and read again, changed ones stay', () => {
  const small = smallTree({ nodeSize: 512, nodes: 4, blocks: 60_000, cacheBytes: 1 });
  const random = new Random(4);
  fill(small, 2000);
  commit(small);
  for (let i = 0; i < 500; i += 1) {
    const record = smallRecord(random.below(2000), 'name', 60);
    const place = small.tree.find(new DataView(record.buffer));
    expect(place?.found).toBe(true);
    if (!place || i % 5 !== 0) continue;
    place.leaf.bytes[place.leaf.at(place.index + 1) - 1] = 0xee;
    place.leaf.dirty = true;
  }
  const changed = recordsOf(small).filter((record) => record.at(-1) === 0xee).length;
  expect(changed).toBeGreaterThan(80);
  commit(small);
  expect(recordsOf(small).filter((record) => record.at(-1) === 0xee)).toHaveLength(changed);
});

test.each([
  ['a map that is too short', (bytes: Uint8Array) => new DataView(bytes.buffer).setUint32(36, 3000)],
  ['more free nodes than nodes', (bytes: Uint8Array) => new DataView(bytes.buffer).setUint32(40, 4)],
  ['no size of a node', (bytes: Uint8Array) => new DataView(bytes.buffer).setUint16(32, 1000)],
  ['a header of another kind', (bytes: Uint8Array) => bytes.fill(255, 8, 9)],
  ['an impossible depth', (bytes: Uint8Array) => new DataView(bytes.buffer).setUint16(14, 9)],
  ['a root in an empty tree', (bytes: Uint8Array) => new DataView(bytes.buffer).setUint32(16, 2)],
])('a file with %s is damaged', (_what, damage) => {
  const small = smallTree({ nodeSize: 512, nodes: 4, blocks: 60_000 });
  const bytes = new Uint8Array(512);
  const [extent] = small.fork.extents;
  const start = extent?.start ?? 0;
  small.device.read(start * 512, bytes);
  damage(bytes);
  small.device.write(start * 512, bytes);
  const open = () => opened(small.device, small.allocation, { start, count: 4000, cacheBytes: 1 << 20 });
  expect(open).toThrow(expect.objectContaining({ code: 'corrupt' }));
});
