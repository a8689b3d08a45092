// The parts of the check, one by one, on containers of macOS and on small cases of their own.

import { MemoryDevice, u64le } from '@tintype/core';
import { beforeEach, describe, expect, test } from 'vitest';
import { DiskNode } from '../btree/disk-node.js';
import { physicalPlaces } from '../btree/disk-tree.js';
import { OMAP_TREE } from '../btree/kinds.js';
import { ContainerReader } from '../reading/container-reader.js';
import { VolumeHead } from '../reading/volume-head.js';
import { isMissing, sample } from '../sample.testing.js';
import { BtreeNode } from '../structs/btree.js';
import { NxSuperblock } from '../structs/container.js';
import { FileExtentValue } from '../structs/records.js';
import { BlockMap } from './block-map.js';
import { CatalogCheck, isReserved } from './catalog.js';
import { Changes } from './changes.js';
import { type ContainerCheck, checkContainer } from './container.js';
import { checkReferences, compareCounts } from './extents.js';
import { checkLinks } from './links.js';
import { areaProblem } from './node-areas.js';
import { checkMap, checkUnused } from './object-maps.js';
import { Report } from './report.js';
import { checkSpace, compareBitmap } from './space.js';
import { StreamCheck } from './streams.js';
import { checkTree } from './tree.js';
import { checkVolume } from './volume.js';

const FORM = {
  names: 'folded',
  blockSize: 4096,
  isEncrypted: false,
  isSealed: false,
  hasPreallocated: false,
  hasSystemIds: false,
} as const;
let report = new Report();
const kinds = (): string[] => report.take().map(({ kind }) => kind);
beforeEach(() => {
  report = new Report();
});

test('a block has one owner', () => {
  const map = new BlockMap(100, 4, report);
  map.mark(3, 40, 'a');
  map.mark(60, 8, 'b');
  expect(kinds()).toEqual([]);
  map.mark(40, 30, 'c');
  expect(report.take()[0]?.message).toBe('11 of 30 blocks at 40 belong to something else, too');
  map.mark(99, 2, 'd');
  expect(kinds()).toEqual(['block-outside']);
  expect([...(map.page(0) ?? [])]).toEqual([0xf8, 0xff, 0xff, 0xff]);
  expect(map.page(3)).toBe(null);
});

test('counts are compared over stretches of blocks', () => {
  const check = { report } as unknown as ContainerCheck;
  const streams = new Changes();
  const references = new Changes();
  streams.add(10, 10, 1);
  streams.add(15, 10, 1);
  references.add(10, 5, 1);
  references.add(15, 5, 2);
  references.add(20, 5, 1);
  compareCounts(check, 'x', streams, references);
  expect(kinds()).toEqual([]);
  references.add(12, 2, 1);
  compareCounts(check, 'x', streams, references);
  expect(report.take().map(({ message }) => message)).toEqual([
    'blocks 12 to 13 are in 1 streams, but counted 2 times',
  ]);
});

test('a block counts once for a stream that holds it twice', () => {
  const streams = new StreamCheck('x', FORM, report);
  const extent = (position: number, block: number): void => {
    const view = new DataView(new ArrayBuffer(64));
    view.setUint32(8, position, true);
    view.setUint32(16, 4096, true);
    view.setUint32(24, block, true);
    streams.extent(20, { view, keyAt: 0, keyLength: 16, valueAt: 16, valueLength: FileExtentValue.size });
  };
  extent(0, 7);
  extent(4096, 8);
  extent(8192, 7);
  streams.attribute(20, { size: 9000, alloced: 12_288 }, 30);
  streams.finish([]);
  expect([...streams.blocks.sorted()]).toEqual([7, 1, 8, -1, 8, 1, 9, -1]);
  expect(kinds()).toEqual([]);
  streams.attribute(20, { size: 9000, alloced: 12_288 }, 31);
  expect(kinds()).toEqual(['stream-shared']);
});

test('an empty tree has neither root nor private folder', () => {
  expect(checkLinks(new CatalogCheck('x', FORM, report), report)).toEqual({
    files: 0,
    directories: 0,
    symlinks: 0,
    others: 0,
  });
  expect(kinds()).toEqual(['inode-missing', 'inode-missing']);
  expect([isReserved(15), isReserved(16)]).toEqual([true, false]);
});

describe.skipIf(isMissing('dfvfs'))('on a container of macOS', () => {
  const prepare = (): ContainerCheck => {
    const device = new MemoryDevice(sample('dfvfs'));
    const container = new ContainerReader(device);
    const used = new BlockMap(container.blocks.count, container.blocks.size, report);
    return { device, container, report, used, claimed: new Set() };
  };
  test('all parts together leave no block over, and each alone leaves some', () => {
    const check = prepare();
    checkContainer(check);
    const space = checkSpace(check);
    if (!space) throw new Error('there is a space manager');
    expect(space.chunks).toHaveLength(1);
    compareBitmap(check, space, true);
    expect(kinds()).toEqual(['bitmap-lost']);
    const omap = u64le(check.container.superblock, 0, NxSuperblock.at.nx_omap_oid);
    const map = checkMap(check, { block: omap, name: 'map', owner: 'container' });
    if (!map) throw new Error('there is a map');
    checkUnused(check, map);
    expect(kinds()).toEqual(['omap-unused']);
    const [slot] = check.container.volumes();
    if (!slot) throw new Error('there is a volume');
    map.use(slot.oid, check.container.xid);
    checkUnused(check, map);
    expect(() => map.use(slot.oid, 0)).toThrow(/there is no object/);
    expect(checkVolume(check, slot)).toBe(true);
    compareBitmap(check, space, true);
    expect(kinds()).toEqual([]);
  });
  test('references count as many blocks as the files have', () => {
    const check = prepare();
    const head = check.container.volumes()[0]?.head;
    if (!(head instanceof VolumeHead)) throw head;
    const root = head.number('apfs_extentref_tree_oid');
    const { nodes, data } = checkReferences(check, { root, name: 'x', counts: new Changes(), nextId: 100 });
    expect([nodes, data]).toEqual([1, 7]);
  });
  test('a tree says how much it holds, and what is damaged', () => {
    const { container } = prepare();
    const { blocks, xid } = container;
    const omap = u64le(container.superblock, 0, NxSuperblock.at.nx_omap_oid);
    const root = blocks.read(omap)[0x30] as number;
    const tree = {
      blocks,
      report,
      kind: OMAP_TREE,
      name: 'x',
      resolve: physicalPlaces(blocks, xid),
      visitRecord: () => {},
    };
    expect(checkTree({ ...tree, root })).toMatchObject({ records: 1, nodes: 1, isComplete: true });
    expect(checkTree({ ...tree, root: omap })).toMatchObject({ nodes: 0, isComplete: false });
    expect(kinds()).toEqual(['tree-node']);
    const bytes = blocks.read(root);
    const node = new DiskNode(OMAP_TREE, bytes, { place: 0, level: null });
    expect(areaProblem(node)).toBe(null);
    node.view.setUint16(BtreeNode.at.btn_val_free_len, 8, true);
    expect(areaProblem(node)).toMatch(/bytes of the value area are free/);
  });
});
