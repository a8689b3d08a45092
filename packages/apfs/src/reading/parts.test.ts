// What reads a container, part by part.

import { CorruptError, MemoryDevice, ReadOnlyVolume, u64le } from '@tintype/core';
import { expect, test } from 'vitest';
import { Cursor } from '../btree/cursor.js';
import { formatted, mountOptions } from '../container.testing.js';
import { apfs } from '../driver.js';
import { ApfsFileSystem } from '../file-system.js';
import { Directory, readEntry } from '../records/directory.js';
import { readInode, seekInode } from '../records/inodes.js';
import { SearchKeys } from '../records/search-keys.js';
import { Streams } from '../records/streams.js';
import { readXattr, Xattrs } from '../records/xattrs.js';
import { isMissing, sample } from '../sample.testing.js';
import { NxSuperblock } from '../structs/container.js';
import { ExtendedFieldBlob, ExtendedFieldEntry, INODE_FIELD } from '../structs/extended-fields.js';
import { Keybag, KeybagEntry } from '../structs/keybag.js';
import { OBJECT_TYPE, STORAGE } from '../structs/object.js';
import { RECORD_TYPE } from '../structs/records.js';
import { uuidText } from '../uuid.js';
import { Blocks } from './blocks.js';
import { chooseCheckpoint, isContainer, readEphemeral } from './checkpoint-choice.js';
import { CompressedFiles } from './compressed-files.js';
import { ContainerReader } from './container-reader.js';
import { bitmapOf, chunks, freeRanges } from './free-space.js';
import { ObjectMapReader } from './object-map-reader.js';
import { readSnapshots, snapshotHead } from './snapshots.js';
import { ApfsVolume } from './volume.js';
import { VolumeHead } from './volume-head.js';
import { volumeParts } from './volume-parts.js';

const MiB = 1 << 20;

function opened(device = new MemoryDevice(sample('basic'))) {
  const container = new ContainerReader(device);
  const head = container.volumes()[0]?.head;
  if (!(head instanceof VolumeHead)) throw head;
  return { container, head, parts: volumeParts(container, head) };
}

test.skipIf(isMissing('basic'))('blocks: only those inside, only objects that are what is wanted', () => {
  const device = new MemoryDevice(sample('basic'));
  const blocks = new Blocks(device, 4096, 4086);
  for (const block of [0, -1, 4086, 2 ** 50]) expect(() => blocks.read(block)).toThrow(CorruptError);
  expect(() => blocks.read(4085, 8192)).toThrow(CorruptError);
  expect(() => blocks.read(10, 100)).toThrow(CorruptError);
  expect(() => blocks.read(10, 2 ** 30)).toThrow(CorruptError);
  expect(() => new Blocks(device, 4096, 5000).read(4990)).toThrow(/the device ends/);
  const omap = { structure: 'omap', type: OBJECT_TYPE.omap, storage: STORAGE.physical, oid: 506, xid: { most: 5 } };
  expect(blocks.readObject(506, omap).byteLength).toBe(4096);
  for (const wrong of [{ oid: 5 }, { type: 2 }, { storage: STORAGE.virtual }, { subtype: 7 }, { xid: { most: 4 } }])
    expect(() => blocks.readObject(506, { ...omap, ...wrong })).toThrow(CorruptError);
  expect(() => blocks.readObject(93, omap)).toThrow(/checksum/);
});

test.skipIf(isMissing('basic'))('every checkpoint that is still whole can be chosen', () => {
  const device = new MemoryDevice(sample('basic'));
  expect(isContainer(device)).toBe(true);
  expect([2, 3, 4, 5].map((xid) => chooseCheckpoint(device, xid).xid)).toEqual([2, 3, 4, 5]);
  expect(() => chooseCheckpoint(device, 9)).toThrow(/none of transaction 9/);
  const { blocks, superblock, ephemerals } = chooseCheckpoint(device);
  for (const place of ephemerals) expect(readEphemeral(blocks, superblock, place).byteLength).toBe(place.size);
  expect(() => readEphemeral(blocks, superblock, { oid: 1024, type: 5, subtype: 0, size: 4096, block: 5 })).toThrow(
    /data area/,
  );
});

test.skipIf(isMissing('basic'))('object maps answer by transaction', () => {
  const { container } = opened();
  const block = u64le(container.superblock, 0, NxSuperblock.at.nx_omap_oid);
  const map = new ObjectMapReader(container.blocks, block, container.xid);
  expect(map.find(0x402, 5)).toMatchObject({ xid: 5, block: 505 });
  expect(map.find(0x402, 4)).toBe(null);
  expect(map.find(0x403, 5)).toBe(null);
  expect(() => map.require(7, 5)).toThrow(/no object 7/);
  expect(map.goneSnapshots().size).toBe(0);
});

test.skipIf(isMissing('basic'))('chunks and their bitmaps', () => {
  const { container } = opened();
  const [chunk] = chunks(container);
  expect(chunk).toMatchObject({ start: 0, count: 4086, free: container.freeBlocks });
  expect(chunk && bitmapOf(container.blocks, chunk)?.[0]).toBe(0xff);
  expect(chunk && bitmapOf(container.blocks, { ...chunk, bitmap: 0 })).toBe(null);
  expect([...freeRanges(container)].length).toBeGreaterThan(0);
});

test.skipIf(isMissing('basic'))('records: names, inodes, attributes, streams', () => {
  const { parts, head } = opened();
  const keys = new SearchKeys();
  const directory = new Directory(parts.tree, keys, head.nameRule);
  expect(directory.entries(2)).toHaveLength(11);
  expect(directory.find(2, 'HELLO.txt')).toEqual({ name: 'hello.txt', id: 16 });
  expect(directory.find(2, 'nobody')).toBe(null);
  const cursor = new Cursor(parts.tree);
  seekInode(cursor, keys, 16);
  expect(readInode(cursor)).toMatchObject({ id: 16, links: 2, size: 16, alloced: 4096, name: 'hello.txt', stream: 16 });
  expect(() => seekInode(cursor, keys, 999)).toThrow(/no inode 999/);
  expect(() => readInode({ ...places(cursor), valueLength: 10 })).toThrow(CorruptError);
  expect(cursor.seek(keys.record(17, RECORD_TYPE.directory))).toBe(true);
  expect(readEntry(cursor, 'folded').name).toBe('nested');
  expect(() => readEntry({ ...places(cursor), keyLength: cursor.keyLength - 1 }, 'folded')).toThrow(CorruptError);
  const streams = new Streams(parts.streams, keys);
  const xattrs = new Xattrs(parts.tree, keys, streams);
  expect(xattrs.list(16).map(({ name }) => name)).toEqual(['com.apple.provenance', 'com.example.test']);
  expect(xattrs.find(28, 'com.example.big')?.value).toEqual({ stream: 29 });
  expect(xattrs.find(28, 'none')).toBe(null);
  cursor.seek(keys.record(16, RECORD_TYPE.xattr));
  expect(() => readXattr({ ...places(cursor), valueLength: 5 })).toThrow(CorruptError);
  expect(streams.extents(16)).toEqual([{ position: 0, length: 4096, block: 93, cryptoId: 0 }]);
  expect(() => streams.shape(16, 5000)).toThrow(/gap/);
  expect(() => streams.read(16, 5000, 4000, new Uint8Array(100))).toThrow(/gap/);
  streams.forget(16);
  const compressed = new CompressedFiles(xattrs);
  seekInode(cursor, keys, 32);
  expect(compressed.size(readInode(cursor))).toBe(23_893);
  expect(() => compressed.read(16, 0, new Uint8Array(1))).toThrow(CorruptError);
});

function places({ view, keyAt, keyLength, valueAt, valueLength }: Cursor) {
  return { view, keyAt, keyLength, valueAt, valueLength };
}

test('a snapshot is read as a volume, by the mount that only reads', () => {
  const device = formatted(16 * MiB);
  const fileSystem = new ApfsFileSystem(device, mountOptions);
  const volume = fileSystem.volumes[0];
  if (!volume) throw new Error('there is a volume');
  const item = { ...volume.root, kind: 'file', size: 5, target: '', rdevMajor: 0, rdevMinor: 0, name: 'a' } as const;
  const [id = 0] = volume.create(volume.root.id, [item]);
  volume.write(id, 0, Buffer.from('before'));
  const xid = fileSystem.createSnapshot(volume, 'then');
  volume.write(id, 0, Buffer.from('after!'));
  volume.rename(volume.root.id, 'a', volume.root.id, 'b');
  fileSystem.close();
  const text = (shown: ApfsVolume | typeof volume, name: string): string => {
    const target = Buffer.alloc(6);
    shown.read(shown.lookup(shown.root.id, name)?.id ?? 0, 0, target);
    return target.toString();
  };
  const [live] = apfs.open(device, { ...mountOptions, writable: false }).volumes;
  if (!live) throw new Error('there is a volume');
  expect(live.snapshots).toMatchObject([{ name: 'then', xid }]);
  const then = live.openSnapshot(xid);
  expect([text(live, 'b'), text(then, 'a')]).toEqual(['after!', 'before']);
  expect([live.lookup(live.root.id, 'a'), then.lookup(then.root.id, 'b'), then.snapshots]).toEqual([null, null, []]);
  expect(() => live.openSnapshot(xid + 1)).toThrow(/no snapshot/);
  expect(() => then.write(id, 0, new Uint8Array(1))).toThrow(/only read/);
  expect(apfs.probe(device)?.volumes[0]?.snapshots).toMatchObject([{ name: 'then', xid }]);
  const { container, head } = openedOn(device);
  const source = { blocks: container.blocks, omap: container.mapOf(head), xid: container.xid };
  const [snapshot] = readSnapshots({ ...source, root: head.number('apfs_snap_meta_tree_oid') });
  if (!snapshot) throw new Error('there is a snapshot');
  expect(snapshotHead(container.blocks, snapshot, head).number('apfs_omap_oid')).toBe(0);
  expect(() => snapshotHead(container.blocks, { ...snapshot, superblock: 5 }, head)).toThrow(CorruptError);
  expect(readSnapshots({ ...source, root: 0 })).toEqual([]);
});

function openedOn(device: ConstructorParameters<typeof ContainerReader>[0]) {
  const container = new ContainerReader(device);
  const head = container.volumes()[0]?.head;
  if (!(head instanceof VolumeHead)) throw head;
  return { container, head };
}

test.skipIf(isMissing('basic'))('a volume that is only read refuses every change', () => {
  const volume = new ApfsVolume(opened().parts);
  expect(volume).toBeInstanceOf(ReadOnlyVolume);
  const calls = [
    () => volume.create(2, []),
    () => volume.link(2, 'x', 16),
    () => volume.remove(2, 'hello.txt'),
    () => volume.rename(2, 'hello.txt', 2, 'x'),
    () => volume.setAttributes(16, {}),
    () => volume.write(16, 0, new Uint8Array(1)),
    () => volume.truncate(16, 0),
    () => volume.setXattr(16, 'x', null),
    () => volume.clone(2, 'x', 16),
  ];
  for (const call of calls) expect(call).toThrow(expect.objectContaining({ code: 'unsupported' }));
});

test('declared sizes, and UUIDs in the order of print', () => {
  expect([ExtendedFieldBlob.size, ExtendedFieldEntry.size, Keybag.size, KeybagEntry.size]).toEqual([4, 4, 48, 24]);
  expect([INODE_FIELD.name, INODE_FIELD.dstream]).toEqual([4, 8]);
  expect(uuidText(Uint8Array.from({ length: 16 }, (_, i) => i))).toBe('00010203-0405-0607-0809-0A0B0C0D0E0F');
});
