// Single changes of a volume, seen in its records; apfsck judges the whole.

import { type NewItem, VolumeFullError } from '@tintype/core';
import { plainAttributes, type SparseDevice } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { expectApfsckContent, formatted, mountOptions } from '../container.testing.js';
import { get64, viewOf } from '../object.js';
import { putNameValue } from '../records/directory-record.js';
import { ExtentReferences } from '../records/extent-references.js';
import { FIELD, findField, withField } from '../records/inode-record.js';
import { Siblings } from '../records/siblings.js';
import { StreamRecords } from '../records/stream-records.js';
import { Dstream, INODE_FLAGS, InodeValue, RECORD_TYPE } from '../structs/records.js';
import { Catalog } from './catalog.js';
import { Container } from './container.js';
import { DataStreams } from './data-streams.js';
import { newInode, renamed } from './inode-draft.js';
import type { Mounted } from './mounted.js';
import { Structure } from './structure.js';
import { RESOURCE_FORK, XattrWriter } from './xattr-writer.js';

const ROOT = 2;

interface Written {
  readonly device: SparseDevice;
  readonly volume: Mounted;
  readonly catalog: Catalog;
  readonly records: StreamRecords;
  readonly streams: DataStreams;
  readonly xattrs: XattrWriter;
  readonly structure: Structure;
  readonly siblings: Siblings;
  /** Commits, closes, and asks apfsck. */
  readonly finish: () => void;
  readonly commit: () => void;
}

function written(): Written {
  const device = formatted(32 << 20);
  const container = new Container(device, mountOptions);
  const [volume] = container.volumes;
  if (!volume) throw new Error('there is a volume');
  const catalog = new Catalog(volume);
  const records = new StreamRecords(volume, catalog);
  const streams = new DataStreams(volume, catalog, records);
  const xattrs = new XattrWriter(volume, catalog, records);
  const structure = new Structure({ volume, catalog, records, streams, xattrs });
  const flush = (): void => {
    streams.flush();
    streams.flushData();
  };
  const commit = (): void => {
    flush();
    container.commit();
  };
  const finish = (): void => {
    flush();
    container.unmount();
    expectApfsckContent(device);
  };
  return {
    device,
    volume,
    catalog,
    records,
    streams,
    xattrs,
    structure,
    siblings: new Siblings(catalog),
    finish,
    commit,
  };
}
function item(name: string, size = 0): NewItem {
  return { ...plainAttributes, name, kind: 'file', size, target: '', rdevMajor: 0, rdevMinor: 0 };
}
function make({ structure }: Written, name: string, size = 0): number {
  const [id] = structure.create(ROOT, [item(name, size)]);
  if (id === undefined) throw new Error('one item was made');
  return id;
}
function flagsOf({ catalog }: Written, id: number): number {
  const { view, at } = catalog.inode(id);
  return view.getUint32(at + InodeValue.at.internal_flags, true);
}

describe('hard links', () => {
  test('the inode bears the first name that is left', () => {
    const under = written();
    const { structure, siblings, catalog } = under;
    const id = make(under, 'first');
    expect(siblings.has(id)).toBe(false);
    structure.link(ROOT, 'second', id);
    structure.link(ROOT, 'third', id);
    expect(siblings.first(id)).toMatchObject({ name: 'first', parent: ROOT });
    structure.remove(ROOT, 'FIRST');
    expect(siblings.first(id)?.name).toBe('second');
    structure.rename(ROOT, 'second', ROOT, 'SECOND');
    expect(siblings.first(id)?.name).toBe('SECOND');
    structure.remove(ROOT, 'third');
    const value = catalog.inodeValue(id);
    const name = findField(viewOf(value), InodeValue.size, value.length, FIELD.name);
    expect(name?.size).toBe('SECOND'.length + 1);
    expect(viewOf(value).getUint32(InodeValue.at.nchildren_or_nlink, true)).toBe(1);
    under.finish();
  });
  test('the last name takes all records with it', () => {
    const under = written();
    const id = make(under, 'a', 10);
    under.streams.write(id, 0, new Uint8Array(10));
    under.structure.link(ROOT, 'b', id);
    under.xattrs.set(id, 'user.long', new Uint8Array(9000));
    under.structure.remove(ROOT, 'a');
    under.structure.remove(ROOT, 'b');
    expect(under.volume.catalog.keyCount).toBe(4);
    expect(under.volume.extentReferences.keyCount).toBe(0);
    under.finish();
  });
});

describe('extended attributes', () => {
  test.each([
    ['user.a', 3804, 0],
    ['user.a', 3805, 1],
    [RESOURCE_FORK, 1, 1],
  ])('%s of %i bytes takes %i streams', (name, size, streams) => {
    const under = written();
    const id = make(under, 'a');
    under.xattrs.set(id, name, new Uint8Array(size).fill(1));
    expect(under.volume.extentReferences.keyCount).toBe(streams);
    under.commit();
    under.xattrs.set(id, name, new Uint8Array(size).fill(2));
    expect(under.volume.extentReferences.keyCount).toBe(streams);
    under.finish();
  });
  test('the inode says which of the known ones it has', () => {
    const under = written();
    const id = make(under, 'a');
    const { hasResourceFork, noResourceFork, hasFinderInfo } = INODE_FLAGS;
    expect(flagsOf(under, id)).toBe(noResourceFork);
    under.xattrs.set(id, RESOURCE_FORK, Uint8Array.of(1));
    under.xattrs.set(id, 'com.apple.FinderInfo', Uint8Array.of(1, 2, 3));
    expect(flagsOf(under, id)).toBe(hasResourceFork | hasFinderInfo);
    under.xattrs.remove(id, RESOURCE_FORK);
    expect(flagsOf(under, id)).toBe(noResourceFork | hasFinderInfo);
    under.finish();
  });
});

describe('data', () => {
  test('announced files are in one piece each, though written by turns', () => {
    const under = written();
    const { streams, records, structure } = under;
    const ids = structure.create(ROOT, [item('a', 400_000), item('b', 400_000)]);
    for (let position = 0; position < 400_000; position += 40_000)
      for (const id of ids) streams.write(id, position, new Uint8Array(40_000).fill(id));
    streams.flush();
    for (const id of ids) expect(records.extents(id)).toHaveLength(1);
    under.finish();
  });
  test('a file that is changed after a commit lies elsewhere', () => {
    const under = written();
    const id = make(under, 'a', 8192);
    under.streams.write(id, 0, new Uint8Array(8192).fill(1));
    under.commit();
    const before = under.records.extents(id);
    under.streams.write(id, 10, Uint8Array.of(2));
    under.streams.flush();
    const after = under.records.extents(id);
    expect(after).toHaveLength(2);
    expect(after[1]?.start).toBe((before[0]?.start ?? 0) + 1);
    const bytes = new Uint8Array(12);
    under.streams.read(id, 0, bytes);
    expect([...bytes]).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 1]);
    under.finish();
  });
  test('what was cut off reads as zeros when the file grows again', () => {
    const under = written();
    const id = make(under, 'a', 6000);
    under.streams.write(id, 0, new Uint8Array(6000).fill(1));
    under.commit();
    under.streams.truncate(id, 5000);
    under.commit();
    under.streams.truncate(id, 30_000);
    expect(under.streams.shape(id)).toEqual([
      { position: 0, length: 8192, kind: 'data' },
      { position: 8192, length: 21_808, kind: 'hole' },
    ]);
    const bytes = new Uint8Array(30_000);
    expect(under.streams.read(id, 0, bytes)).toBe(30_000);
    expect(bytes.indexOf(0)).toBe(5000);
    expect(bytes.lastIndexOf(1)).toBe(4999);
    under.finish();
  });
});

describe('clones', () => {
  test('share their blocks until one is written', () => {
    const under = written();
    const { streams, structure, volume, catalog } = under;
    const id = make(under, 'a', 40_960);
    streams.write(id, 0, new Uint8Array(40_960).fill(1));
    const clone = structure.clone(ROOT, 'b', id);
    const streamOf = (each: number): number => get64(viewOf(catalog.inodeValue(each)), InodeValue.at.private_id);
    expect(streamOf(clone)).toBe(id);
    expect(volume.extentReferences.keyCount).toBe(1);
    streams.write(clone, 8192, new Uint8Array(4096).fill(2));
    streams.flush();
    expect(streamOf(clone)).not.toBe(id);
    // Two blocks and seven are shared, one is the original's, one the clone's.
    expect(volume.extentReferences.keyCount).toBe(4);
    const bytes = new Uint8Array(40_960);
    streams.read(id, 0, bytes);
    expect(bytes.every((byte) => byte === 1)).toBe(true);
    structure.remove(ROOT, 'a');
    under.finish();
  });
  test('a reference that is nowhere is damage', () => {
    const { volume } = written();
    expect(() => new ExtentReferences(volume).put(3000, 1)).toThrow(expect.objectContaining({ code: 'corrupt' }));
  });
});

test('an inode keeps its other fields under another name', () => {
  const value = newInode({ ...item('old'), kind: 'block', rdevMajor: 7, rdevMinor: 9 }, { id: 20, parent: ROOT });
  const bytes = new Uint8Array(Dstream.size);
  const more = withField(value, InodeValue.size, FIELD.dstream, { type: FIELD.dstream, flags: 0x20, bytes });
  const other = renamed(more, 'a longer name', 30);
  const fields = [FIELD.name, FIELD.dstream, FIELD.rdev].map((type) =>
    findField(viewOf(other), InodeValue.size, other.length, type),
  );
  expect(fields.map((field) => field?.size)).toEqual([14, 40, 4]);
  expect(viewOf(other).getUint32(fields[2]?.at ?? 0, true)).toBe(0x0700_0009);
  expect(get64(viewOf(other), InodeValue.at.parent_id)).toBe(30);
});

test('room that is not there is refused, and names are found by their form', () => {
  const under = written();
  const { volume, catalog } = under;
  expect(() => volume.require({ catalog: 1, data: 1e6 })).toThrow(VolumeFullError);
  make(under, 'Ünïcödé');
  expect(catalog.findName(ROOT, 'u\u0308ni\u0308co\u0308de\u0301')?.type).toBe(8);
  catalog.putKey(ROOT, RECORD_TYPE.inode);
  expect(putNameValue(catalog.record, 1, 4, 0)).toBe(8);
});

test('a file in more pieces than the free queue takes is overwritten, and another removed, at once', () => {
  const under = written();
  const { streams, structure, records } = under;
  const [a, b] = structure.create(ROOT, [item('a'), item('b')]);
  if (a === undefined || b === undefined) throw new Error('two items were made');
  const block = new Uint8Array(4096).fill(1);
  for (let i = 0; i < 1000; i += 1) for (const id of [a, b]) streams.write(id, i * 4096, block);
  under.commit();
  expect(records.extents(a)).toHaveLength(1000);
  streams.write(a, 0, new Uint8Array(4_096_000));
  under.commit();
  expect(records.extents(a).length).toBeLessThan(10);
  structure.remove(ROOT, 'b');
  under.commit();
  streams.truncate(a, 0);
  under.finish();
});
