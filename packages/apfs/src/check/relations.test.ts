// What records say of each other: a sound volume with items of all kinds, changed in one thing by the means of the writer. What
// apfsck refuses is marked so, and asked of it.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { MemoryDevice, type WritableVolume } from '@tintype/core';
import { apfsck, plainAttributes, withFolder, withOracle } from '@tintype/testkit';
import { beforeAll, describe, expect, test } from 'vitest';
import { formatOptions, mountOptions } from '../container.testing.js';
import { apfs } from '../driver.js';
import { format } from '../format.js';
import { put64, viewOf } from '../object.js';
import { findField, withField } from '../records/inode-record.js';
import { putRecord } from '../repair/records.js';
import { INODE_FIELD } from '../structs/extended-fields.js';
import { Dstream, INODE_FLAGS, InodeValue, RECORD_TYPE, XATTR_FLAGS } from '../structs/records.js';
import { INODE } from '../structs/volume.js';
import { Catalog } from '../writing/catalog.js';
import { Container } from '../writing/container.js';
import { renamed } from '../writing/inode-draft.js';
import { check } from './check.js';

const SIZE = 4 << 20;
const iv = InodeValue.at;
const UF_TRACKED = 0x40;
const UF_COMPRESSED = 0x20;

let sound: Uint8Array;
const ids = { folder: 0, file: 0, other: 0, linked: 0, clone: 0, dying: 0, dyingFolder: 0 };
beforeAll(() => {
  const device = new MemoryDevice(new Uint8Array(SIZE));
  format(device, formatOptions);
  const fileSystem = apfs.open(device, mountOptions);
  const volume = fileSystem.volumes[0] as WritableVolume;
  const make = (folder: number, name: string, kind: 'file' | 'directory'): number => {
    const item = { ...plainAttributes, name, kind, size: 0, target: '', rdevMajor: 0, rdevMinor: 0 };
    return volume.create(folder, [item])[0] ?? 0;
  };
  ids.folder = make(INODE.root, 'folder', 'directory');
  ids.file = make(INODE.root, 'file', 'file');
  ids.other = make(INODE.root, 'other', 'file');
  ids.linked = make(INODE.root, 'linked', 'file');
  volume.link(INODE.root, 'again', ids.linked);
  volume.write(ids.file, 0, Buffer.alloc(9000, 'content'));
  volume.write(ids.file, 30_000, Buffer.alloc(9000, 'more'));
  ids.clone = volume.clone(INODE.root, 'clone', ids.file);
  ids.dying = make(INODE.privateFolder, 'file', 'file');
  volume.write(ids.dying, 100_000, Buffer.alloc(9000, 'end'));
  ids.dyingFolder = make(INODE.privateFolder, 'folder', 'directory');
  fileSystem.close();
  change(device, (catalog) => {
    edit(catalog, ids.dying, (view) => view.setUint32(iv.nchildren_or_nlink, 0, true));
    for (const [name, id] of [['file', ids.dying] as const, ['folder', ids.dyingFolder] as const]) {
      const folder = INODE.privateFolder;
      move(catalog, { folder, name }, { folder, name: `0x${id.toString(16)}-dead` });
      catalog.replaceInode(id, renamed(catalog.inodeValue(id), 'gone', INODE.root));
    }
    catalog.volume.add('apfs_num_files', -1);
    catalog.volume.add('apfs_num_directories', -1);
  });
  sound = new Uint8Array(SIZE);
  device.read(0, sound);
});

/** Something that the writer would never do, by its own means. */
function change(device: MemoryDevice, what: (catalog: Catalog) => void): void {
  const container = new Container(device, mountOptions);
  const [volume] = container.volumes;
  if (!volume) throw new Error('there is a volume');
  volume.require({ catalog: 4 });
  what(new Catalog(volume));
  volume.changed = true;
  container.unmount();
}
function edit(catalog: Catalog, id: number, what: (view: DataView) => void): void {
  const value = catalog.inodeValue(id);
  what(viewOf(value));
  catalog.replaceInode(id, value);
}
function after(what: (catalog: Catalog) => void): { readonly kinds: string[]; readonly bytes: Uint8Array } {
  const bytes = sound.slice();
  const device = new MemoryDevice(bytes);
  change(device, what);
  return { kinds: [...new Set([...check(device, {})].map(({ kind }) => kind))].sort(), bytes };
}
function foreign(bytes: Uint8Array): string {
  return withFolder((folder) => {
    const file = path.join(folder, 'container');
    writeFileSync(file, bytes);
    return apfsck(file).output.trim();
  });
}

function put(catalog: Catalog, id: number, type: number, value: Uint8Array): void {
  catalog.putKey(id, type);
  catalog.putValue(value);
  putRecord(catalog);
}
function numberOf(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  put64(viewOf(bytes), 0, value);
  return bytes;
}
function putDecmpfs(catalog: Catalog, id: number, compression: number, length = 16): void {
  edit(catalog, id, (view) => view.setUint32(iv.bsd_flags, UF_COMPRESSED, true));
  const value = new Uint8Array(4 + length);
  const view = viewOf(value);
  view.setUint16(0, XATTR_FLAGS.dataEmbedded, true);
  view.setUint16(2, length, true);
  value.set(Buffer.from('fpmc'), 4);
  if (length > 8) view.setUint32(8, compression, true);
  catalog.putXattrKey(id, 'com.apple.decmpfs');
  catalog.putValue(value);
  putRecord(catalog);
}
function putField(catalog: Catalog, id: number, type: number, flags: number, bytes: Uint8Array): void {
  catalog.replaceInode(id, withField(catalog.inodeValue(id), InodeValue.size, type, { type, flags, bytes }));
}
/** Moves a name in the root. */
function rename(catalog: Catalog, from: string, to: string, id: number): void {
  move(catalog, { folder: INODE.root, name: from }, { folder: INODE.root, name: to });
  catalog.replaceInode(id, renamed(catalog.inodeValue(id), to, INODE.root));
}
interface NameInFolder {
  readonly folder: number;
  readonly name: string;
}
function move(catalog: Catalog, from: NameInFolder, to: NameInFolder): void {
  catalog.putDirectoryKey(from.folder, Buffer.from(from.name), catalog.canonical(from.name));
  const place = catalog.find();
  if (!place) throw new Error('the name is there');
  const value = place.bytes.slice(place.at, place.at + place.length);
  catalog.removeKey(place.bytes.slice(place.key, place.key + place.keyLength));
  catalog.putDirectoryKey(to.folder, Buffer.from(to.name), catalog.canonical(to.name));
  catalog.putValue(value);
  putRecord(catalog);
}
function putStatistics(catalog: Catalog, id: number, record: number | null): void {
  edit(catalog, id, (view) => {
    const flags = INODE_FLAGS.maintainDirectoryStats | INODE_FLAGS.directoryStatsOrigin | INODE_FLAGS.noResourceFork;
    view.setUint32(iv.internal_flags, flags, true);
  });
  const key = catalog.volume.newId();
  putField(catalog, id, INODE_FIELD.directoryStats, 0x22, numberOf(key));
  if (record !== null) put(catalog, key, RECORD_TYPE.directoryStats, new Uint8Array(record));
}

type Case = [kind: string, what: string, who: 'apfsck too' | 'we alone', change: (catalog: Catalog) => void];
const cases: Case[] = [
  [
    'entry-record',
    'a file above the root',
    'apfsck too',
    (c) => move(c, { folder: INODE.root, name: 'other' }, { folder: INODE.rootParent, name: 'other' }),
  ],
  [
    'entry-record',
    'another name of the root',
    'apfsck too',
    (c) => {
      move(c, { folder: INODE.rootParent, name: 'root' }, { folder: INODE.rootParent, name: 'rout' });
      c.replaceInode(INODE.root, renamed(c.inodeValue(INODE.root), 'rout', INODE.rootParent));
    },
  ],
  ['entry-record', 'two names that are compared as equal', 'we alone', (c) => rename(c, 'other', 'FILE', ids.other)],
  [
    'link-record',
    'a link that nothing has',
    'apfsck too',
    (c) => put(c, c.volume.newId(), RECORD_TYPE.siblingMap, numberOf(ids.linked)),
  ],
  [
    'link-record',
    'a link with the number of a file',
    'we alone',
    (c) => put(c, ids.other, RECORD_TYPE.siblingMap, numberOf(ids.linked)),
  ],
  [
    'stream-size',
    'two sizes of one stream',
    'apfsck too',
    (c) =>
      edit(c, ids.clone, (view) => {
        const field = findField(view, InodeValue.size, view.byteLength, INODE_FIELD.dstream);
        put64(view, (field?.at ?? 0) + Dstream.at.size, 38_999);
      }),
  ],
  [
    'inode-record',
    'a clone that is none',
    'apfsck too',
    (c) => edit(c, ids.file, (view) => view.setUint32(iv.internal_flags, INODE_FLAGS.noResourceFork, true)),
  ],
  ['xattr-record', 'compressed in a fork that is not there', 'apfsck too', (c) => putDecmpfs(c, ids.other, 4)],
  ['xattr-record', 'compressed nobody knows how', 'apfsck too', (c) => putDecmpfs(c, ids.other, 3, 8)],
  ['inode-record', 'statistics that are not there', 'apfsck too', (c) => putStatistics(c, ids.folder, null)],
  ['record', 'statistics of another size', 'apfsck too', (c) => putStatistics(c, ids.folder, 24)],
  ['inode-record', 'statistics of a file', 'apfsck too', (c) => putStatistics(c, ids.other, 32)],
  [
    'record',
    'statistics of nothing',
    'apfsck too',
    (c) => put(c, c.volume.newId(), RECORD_TYPE.directoryStats, new Uint8Array(32)),
  ],
  [
    'record',
    'a key of a volume that is not encrypted',
    'apfsck too',
    (c) => put(c, c.volume.newId(), RECORD_TYPE.cryptoState, new Uint8Array(24)),
  ],
  [
    'volume-odd',
    'a document of the future',
    'apfsck too',
    (c) => {
      edit(c, ids.other, (view) => view.setUint32(iv.bsd_flags, UF_TRACKED, true));
      putField(c, ids.other, INODE_FIELD.documentId, 0, new Uint8Array([3, 0, 0, 0]));
    },
  ],
  [
    'inode-record',
    'a folder that is being deleted, and not empty',
    'apfsck too',
    (c) => {
      move(c, { folder: INODE.root, name: 'folder' }, { folder: ids.dyingFolder, name: 'folder' });
      c.replaceInode(ids.folder, renamed(c.inodeValue(ids.folder), 'folder', ids.dyingFolder));
      edit(c, ids.dyingFolder, (view) => view.setUint32(iv.nchildren_or_nlink, 1, true));
      edit(c, INODE.root, (view) =>
        view.setUint32(iv.nchildren_or_nlink, view.getUint32(iv.nchildren_or_nlink, true) - 1, true),
      );
    },
  ],
  [
    'stream-gap',
    'a file without its beginning',
    'apfsck too',
    (c) => {
      const key = new Uint8Array(16);
      put64(viewOf(key), 0, ids.file);
      key[7] = RECORD_TYPE.fileExtent << 4;
      c.removeKey(key);
    },
  ],
];

test('all is sound, what is being deleted included', () => {
  const { kinds, bytes } = after(() => {});
  expect(kinds).toEqual([]);
  if (!withOracle('apfsck').skip) expect(foreign(bytes)).toBe('');
});
test('a file that is being deleted goes from its beginning on', () => {
  const { kinds, bytes } = after((catalog) => {
    const key = new Uint8Array(16);
    put64(viewOf(key), 0, ids.dying);
    key[7] = RECORD_TYPE.fileExtent << 4;
    catalog.removeKey(key);
  });
  expect(kinds).toEqual([]);
  if (!withOracle('apfsck').skip) expect(foreign(bytes)).toBe('');
});
test('a folder may have statistics', () => {
  expect(after((catalog) => putStatistics(catalog, ids.folder, 32)).kinds).toEqual([]);
});
test.each(cases)('%s is found: %s', (kind, _what, _who, what) => {
  expect(after(what).kinds).toContain(kind);
});
describe.skipIf(withOracle('apfsck').skip)('apfsck', () => {
  test.each(cases.filter(([, , who]) => who === 'apfsck too'))('refuses %s, too: %s', (_kind, _what, _who, what) => {
    expect(foreign(after(what).bytes)).not.toBe('');
  });
});
