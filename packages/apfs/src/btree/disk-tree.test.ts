// Real trees: every record is reached by a search and by a walk, every name has the hash that its key holds; and broken nodes.

import { CorruptError, MemoryDevice } from '@tintype/core';
import { Random } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { canonical, nameHash } from '../names.js';
import { ContainerReader } from '../reading/container-reader.js';
import { VolumeHead } from '../reading/volume-head.js';
import { volumeParts } from '../reading/volume-parts.js';
import { edit, isMissing, PASSPHRASE, type SampleName, sample, sampleNames } from '../sample.testing.js';
import { BtreeInfo, BtreeNode } from '../structs/btree.js';
import { RECORD_TYPE } from '../structs/records.js';
import { Cursor, type SearchKey } from './cursor.js';
import { DiskNode } from './disk-node.js';
import { fileSystemTree } from './kinds.js';

function treeOf(bytes: Uint8Array) {
  const container = new ContainerReader(new MemoryDevice(bytes));
  const head = container.volumes()[0]?.head;
  if (!(head instanceof VolumeHead)) throw head;
  return volumeParts(container, head, PASSPHRASE).tree;
}

test.each(sampleNames)('%s: searches find what a walk finds, hashes agree', (name: SampleName) => {
  if (isMissing(name)) return;
  const tree = treeOf(sample(name));
  const walk = new Cursor(tree);
  const search = new Cursor(tree);
  let records = 0;
  for (let isThere = walk.first(); isThere; isThere = walk.next()) {
    records += 1;
    const { view, keyAt, keyLength } = walk;
    const key = { view: new DataView(view.buffer, view.byteOffset + keyAt, keyLength), length: keyLength };
    expect(search.seek(key) && search.isAt(key)).toBe(true);
    expect(search.floor(key) && search.isAt(key)).toBe(true);
    if (view.getUint8(keyAt + 7) >>> 4 !== RECORD_TYPE.directory) continue;
    const entry = Buffer.from(view.buffer, view.byteOffset + keyAt + 12, keyLength - 13).toString();
    expect(nameHash(canonical(entry, 'folded')), entry).toBe(view.getUint32(keyAt + 8, true) >>> 10);
  }
  const root = tree.root();
  const info = BtreeInfo.read(root.view, root.view.byteLength - BtreeInfo.size);
  expect(records).toBe(info.bt_key_count);
});

test.each(sampleNames)('%s: a search from near by ends where one from the root does', (name: SampleName) => {
  if (isMissing(name)) return;
  const tree = treeOf(sample(name));
  const walk = new Cursor(tree);
  const keys: SearchKey[] = [];
  for (let isThere = walk.first(); isThere; isThere = walk.next()) {
    const { view, keyAt, keyLength } = walk;
    const bytes = new Uint8Array(view.buffer, view.byteOffset + keyAt, keyLength).slice();
    keys.push({ view: new DataView(bytes.buffer), length: keyLength });
    // Between two records, before the first, behind the last.
    for (const change of [-1, 1]) {
      const other = bytes.slice();
      other[0] = (other[0] as number) + change;
      keys.push({ view: new DataView(other.buffer), length: keyLength });
    }
  }
  const random = new Random(9);
  const near = new Cursor(tree);
  const far = new Cursor(tree);
  for (let i = 0; i < 4000; i += 1) {
    const key = keys[i < 1000 ? i % keys.length : random.below(keys.length)] as SearchKey;
    if (random.oneIn(50)) near.leave();
    expect(near.seekNear(key)).toBe(far.seek(key));
    expect(near.index).toBe(far.index);
    expect(near.node === far.node).toBe(true);
  }
});

test.skipIf(isMissing('basic'))('before the first and behind the last record', () => {
  const cursor = new Cursor(treeOf(sample('basic')));
  const key = { view: new DataView(new ArrayBuffer(8)), length: 8 };
  expect(cursor.floor(key)).toBe(false);
  expect(cursor.seek(key)).toBe(true);
  const first = cursor.keyAt;
  expect(cursor.first() && cursor.keyAt).toBe(first);
  key.view.setUint32(4, 0x3fff_ffff, true);
  expect(cursor.floor(key)).toBe(true);
  expect(cursor.next()).toBe(false);
  expect(cursor.seek(key)).toBe(false);
});

describe.skipIf(isMissing('basic'))('a damaged node', () => {
  const kind = fileSystemTree('hashed');
  /** The root of basic's tree, block 490, has two children. */
  const root = (change: (view: DataView) => void): DiskNode => {
    const bytes = sample('basic').slice(490 * 4096, 491 * 4096);
    change(new DataView(bytes.buffer));
    return new DiskNode(kind, bytes, { place: 0, level: null });
  };
  const { at } = BtreeNode;
  test.each<[string, (view: DataView) => void]>([
    ['level too deep', (view) => view.setUint16(at.btn_level, 16, true)],
    ['a leaf at level 1', (view) => view.setUint16(at.btn_flags, 3, true)],
    ['no root', (view) => view.setUint16(at.btn_flags, 0, true)],
    ['fixed sizes', (view) => view.setUint16(at.btn_flags, 5, true)],
    ['no entries', (view) => view.setUint32(at.btn_nkeys, 0, true)],
    ['too many entries', (view) => view.setUint32(at.btn_nkeys, 0xffff_ffff, true)],
    ['a table past the end', (view) => view.setUint16(at.btn_table_len, 4096, true)],
    ['free space past the end', (view) => view.setUint16(at.btn_free_len, 0xffff, true)],
    ['a key outside', (view) => view.setUint16(56, 0xff00, true)],
    ['a key too short', (view) => view.setUint16(58, 7, true)],
    ['a value outside', (view) => view.setUint16(60, 0xff00, true)],
    ['a value too short', (view) => view.setUint16(62, 4, true)],
    ['keys that do not ascend', (view) => view.setUint16(64, view.getUint16(56, true), true)],
    ['another node size', (view) => view.setUint32(4096 - 40 + 4, 8192, true)],
  ])('with %s is refused', (_, change) => {
    expect(() => root(() => {})).not.toThrow();
    expect(() => root(change)).toThrow(CorruptError);
  });
  test('that is its own child is refused', () => {
    const bytes = sample('basic');
    // Both children of the root become the first one, so that the walk would meet its records again.
    edit(bytes, 490, (view) => {
      const node = new DiskNode(kind, new Uint8Array(view.buffer, view.byteOffset, 4096), { place: 0, level: null });
      view.setUint32(node.valueAt(1), node.childAt(0), true);
    });
    const cursor = new Cursor(treeOf(bytes));
    expect(() => {
      for (let isThere = cursor.first(); isThere; ) isThere = cursor.next();
    }).toThrow(/do not ascend/);
  });
});
