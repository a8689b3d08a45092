// The parts of repair one by one, where what they must leave alone shows better than on a whole volume.

import { MemoryDevice } from '@tintype/core';
import { expect } from 'vitest';
import { change, field } from '../check/damage.testing.js';
import { linked } from '../check/directory-link.testing.js';
import { ForkFile } from '../check/fork-file.js';
import { type Sample, sample, type TreeName, sampleTest as test } from '../check/sample.testing.js';
import { catalogKeys } from '../check/tree-keys.js';
import { CatalogFolder } from '../structs/catalog.js';
import { ForkData, VolumeHeader } from '../structs/volume-header.js';
import { Acts } from './acts.js';
import { FirstLinks, mendAttributes } from './attributes.js';
import { mendBitmap } from './bitmap.js';
import { mendHeaderFields } from './header-fields.js';
import { Headers } from './headers.js';
import { mendCounts } from './item-fields.js';
import { mendItems } from './items.js';
import { idOf } from './leaf-record.js';
import { isFolderLink, LinkFolders, linkRole } from './link-folders.js';
import { nameOf, RepairCatalog } from './repair-catalog.js';
import { RepairTree } from './repair-tree.js';
import { NOW } from './repaired.testing.js';
import { Space } from './space.js';
import { likelyNodeSize, scatteredLeaves } from './tree-nodes.js';

function fileOf(volume: Sample, name: TreeName | 'allocation'): ForkFile {
  const fork = VolumeHeader.at[`${name}File`];
  const start = volume.header(fork + ForkData.at.extents);
  return new ForkFile(new MemoryDevice(volume.bytes), volume.blockSize, [start, volume.header(fork + 20)]);
}

function treeOf(volume: Sample, name: TreeName): RepairTree {
  const file = fileOf(volume, name);
  const tree = RepairTree.read({ name, file, journaled: false, caseSensitiveAllowed: false, clumpSize: 4096 });
  if (!tree) throw new Error(`the ${name} tree cannot be read`);
  return tree;
}

function catalogOf(volume: Sample): RepairCatalog {
  return new RepairCatalog(treeOf(volume, 'catalog'), new Acts(), { now: NOW, nextId: 16, caseSensitive: false });
}

function headersOf(volume: Sample): Headers {
  const headers = Headers.choose(new MemoryDevice(volume.bytes), new Acts());
  if (!headers) throw new Error('there is no header');
  return headers;
}

test('names are found as the volume compares them, and new ones are none that is there', () => {
  const catalog = catalogOf(sample('small'));
  expect(catalog.find(2, 'HELLO.txt')).toBe(catalog.items.get(20));
  expect(catalog.freeName(2, 'HELLO.TXT', 77)).toBe('HELLO.TXT 77');
  expect(catalog.freeName(2, 'new', 77)).toBe('new');
  expect(catalog.newId()).toBe(43);
});

test('a sound catalog is left alone', () => {
  const catalog = catalogOf(sample('small'));
  mendItems(catalog);
  mendCounts(catalog);
  expect(catalog.acts.sentences()).toEqual([]);
  expect(catalog.tree.isReshaped).toBe(false);
});

test('what is moved to lost+found keeps its id, and what lies in it', () => {
  const catalog = catalogOf(sample('small'));
  const folder = catalog.items.get(21);
  if (!folder) throw new Error('there is no folder 21');
  const moved = catalog.rescue(folder, 'things');
  expect([idOf(moved), nameOf(moved)]).toEqual([21, 'files']);
  expect(catalog.items.get(21)).toBe(moved);
  expect(catalog.find(catalog.lostFound(), 'files')).toBe(moved);
});

test('with a record that nobody understands, nothing is concluded from what is missing', () => {
  const volume = sample('small');
  change(volume, 'second', (record) => record.slice(0, -2));
  volume.addTo(field(volume, 'files', CatalogFolder.at.valence), 1);
  const catalog = catalogOf(volume);
  mendItems(catalog);
  mendCounts(catalog);
  expect(catalog.isComplete).toBe(false);
  expect(catalog.acts.sentences()).toEqual([]);
  const headers = headersOf(volume);
  mendHeaderFields(headers, catalog, { freeBlocks: -1, hasBadBlocks: false });
  expect(headers.get(VolumeHeader.at.folderCount)).toBe(volume.header(VolumeHeader.at.folderCount));
});

test('where extents could not be read, the bitmap only gains bits', () => {
  const volume = sample('small');
  const device = new MemoryDevice(volume.bytes);
  const file = fileOf(volume, 'allocation');
  const before = new Uint8Array(32);
  file.read(0, before);
  const acts = new Acts();
  const totalBlocks = volume.header(VolumeHeader.at.totalBlocks);
  const space = new Space(4096, totalBlocks);
  mendBitmap(file, device, space, { totalBlocks, isComplete: false }, acts);
  expect(acts.sentences()).toEqual([]);
  space.own({ start: 200, count: 1 });
  mendBitmap(file, device, space, { totalBlocks, isComplete: false }, acts);
  const after = new Uint8Array(32);
  file.read(0, after);
  expect(after.every((byte, i) => (byte & (before[i] ?? 0)) === before[i])).toBe(true);
  expect((after[25] ?? 0) & 0x80).toBe(0x80);
});

test('the leaves of a catalog are found without its header, and the size of its nodes', () => {
  const volume = sample('small');
  const file = fileOf(volume, 'catalog');
  const shape = { name: 'catalog' as const, nodeSize: 4096, keys: catalogKeys(true) };
  expect(likelyNodeSize(file, shape)).toBe(4096);
  const found = scatteredLeaves(file, null, shape);
  expect(found.lost).toBe(0);
  const records = found.nodes.reduce((sum, node) => sum + node.records.length, 0);
  expect(records).toBe(treeOf(volume, 'catalog').records.length);
});

test('links are known by type, place and name', () => {
  const volume = linked();
  const catalog = catalogOf(volume);
  const folders = new LinkFolders(catalog);
  const roles = ['iNode29', 'link1', 'linkdir', 'hello.txt'].map((name) => {
    const record = [...catalog.items.values()].find((each) => nameOf(each) === name);
    return record && linkRole(record, folders);
  });
  expect(roles).toEqual(['inode', 'file', 'directory', 'none']);
  const link = catalog.items.get(51);
  expect(link && isFolderLink(link)).toBe(true);
});

test('the first link of a folder is kept in an attribute', () => {
  const volume = linked();
  const tree = treeOf(volume, 'attributes');
  const catalog = catalogOf(volume);
  const inode = catalog.items.get(50);
  if (!inode) throw new Error('there is no folder 50');
  const links = new FirstLinks(tree);
  expect(links.get(inode)).toBe(51);
  links.set(inode, 1234);
  expect(new FirstLinks(tree).get(inode)).toBe(1234);
  mendAttributes(tree, catalog);
  expect(catalog.acts.sentences()).toEqual([]);
});

test('a key that is out of place is what the thread says', () => {
  const volume = sample('small');
  const { key } = volume.find('hello.txt');
  volume.view.setUint16(key + 8, 0x21);
  const catalog = catalogOf(volume);
  mendItems(catalog);
  expect(catalog.acts.sentences()).toEqual(['gave items back the name that their thread has ("hello.txt")']);
  expect(catalog.find(2, 'hello.txt')).toBe(catalog.items.get(20));
});
