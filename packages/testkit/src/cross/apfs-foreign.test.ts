// What we write on APFS, as strangers read it, and what mkapfs made, as we go on with it.
//
// 7-Zip and libfsapfs take the oldest version of a node that they find: they are asked about volumes without snapshots only.
// 7-Zip does not open a volume with a clone that went its own way, and shows block 0 where a file has a hole.

import { createHash } from 'node:crypto';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { apfs } from '@tintype/apfs';
import { type Item, MemoryDevice, type Volume, type WritableVolume } from '@tintype/core';
import { expect, test } from 'vitest';
import { contractFormat, contractMount } from '../contracts/driver.js';
import { firstVolume } from '../contracts/volume.js';
import { withFolder } from '../fixtures.js';
import { allItems, asKernelItems, comparableItems } from '../kernel-items.js';
import { plainAttributes } from '../memory-volume.js';
import {
  apfsck,
  fsapfsinfo,
  kernelRead,
  mkapfs,
  type OracleName,
  sevenZipHashes,
  sleuthkit,
  withOracle,
} from '../oracles.js';
import { sha256Of, snapshotOf } from '../snapshot-of.js';

const lacks = (...names: OracleName[]): boolean => names.some((name) => withOracle(name).skip);
const SIZE = 24 << 20;

/** Hard links, a symlink, attributes of all kinds; `all`: also holes, and a clone that went its own way. */
function fill(volume: WritableVolume, parts: 'all' | 'plain'): void {
  const root = volume.root.id;
  const make = (
    folder: number,
    name: string,
    kind: 'file' | 'directory' | 'symlink',
    more: Partial<Item & { target: string }> = {},
  ): number => {
    const attributes = { ...plainAttributes, mode: 0o640, uid: 501, gid: 20, mtime: 1_700_000_000, ...more };
    const item = { ...attributes, name, kind, size: 0, target: more.target ?? '', rdevMajor: 0, rdevMinor: 0 };
    const [id] = volume.create(folder, [item]);
    if (id === undefined) throw new Error('one item was made');
    return id;
  };
  const folder = make(root, 'folder', 'directory', { mode: 0o751 });
  const file = make(folder, 'a.bin', 'file', { mode: 0o4755 });
  volume.write(file, 0, Buffer.alloc(100_001, 'abc'));
  volume.link(root, 'hard link', file);
  make(root, 'sýmlink', 'symlink', { mode: 0o777, target: 'folder/a.bin' });
  volume.write(make(root, 'sparse', 'file'), parts === 'all' ? 1_000_000 : 0, Buffer.from('end'));
  const clone = parts === 'all' ? volume.clone(root, 'clone', file) : make(root, 'clone', 'file');
  volume.write(clone, parts === 'all' ? 8192 : 0, Buffer.from('changed'));
  make(root, 'empty', 'file', { uid: 0, gid: 0, mode: 0 });
  volume.setXattr(file, 'user.small', Buffer.from('value'));
  volume.setXattr(folder, 'com.example.large', Buffer.alloc(9000, 'x'));
}

/** A container with that, in a file; `later`: what happens after a snapshot of it. */
function written(
  folder: string,
  later: 'nothing' | 'snapshots',
  parts: 'all' | 'plain' = 'all',
): { file: string; volume: WritableVolume } {
  const device = new MemoryDevice(new Uint8Array(SIZE));
  apfs.format(device, contractFormat);
  const fileSystem = apfs.open(device, contractMount('writable'));
  const volume = firstVolume(fileSystem);
  fill(volume, parts);
  fileSystem.commit();
  if (later === 'snapshots') {
    fileSystem.createSnapshot(volume, 'then');
    volume.remove(volume.root.id, 'sparse');
    const clone = volume.lookup(volume.root.id, 'clone');
    volume.write(clone?.id ?? 0, 50_000, Buffer.alloc(9000, 'later'));
    volume.setAttributes(clone?.id ?? 0, { mode: 0o600 });
    fileSystem.createSnapshot(volume, 'second');
  }
  fileSystem.close();
  const bytes = new Uint8Array(SIZE);
  device.read(0, bytes);
  const file = path.join(folder, 'container.raw');
  writeFileSync(file, bytes);
  return { file, volume: firstVolume(apfs.open(new MemoryDevice(bytes), contractMount('read-only'))) };
}

/** As `ls` shows it. */
function modeText({ kind, mode }: Item): string {
  const bits = Array.from('rwxrwxrwx', (letter, i) => ((mode >>> (8 - i)) & 1 ? letter : '-'));
  if (mode & 0o4000) bits[2] = bits[2] === 'x' ? 's' : 'S';
  const first = kind === 'directory' ? 'd' : kind === 'symlink' ? 'l' : '-';
  return first + bits.join('');
}
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

test.skipIf(lacks('kernel-read')).each(['', 'then', 'second'])(
  'the driver of Linux reads the same, each node with its checksum; snapshot "%s"',
  (snapshot) =>
    withFolder((folder) => {
      const { file, volume } = written(folder, 'snapshots');
      const xid = volume.snapshots?.find(({ name }) => name === snapshot)?.xid;
      expect(xid === undefined).toBe(snapshot === '');
      const read = kernelRead(file, ['--strict', ...(snapshot ? ['--option', `snap=${snapshot}`] : [])]);
      expect(read.verdict.ok, read.verdict.output).toBe(true);
      const then = xid === undefined ? volume : volume.openSnapshot(xid);
      expect(comparableItems(read.items)).toEqual(asKernelItems(then));
    }),
  300_000,
);

/** Sleuthkit lists and reads what we do, of the volume or of one of its snapshots. */
function expectSleuthkitAgrees(file: string, volume: Volume, xid?: number): void {
  const { items: shown, read } = sleuthkit(file, xid);
  const expected = allItems(volume).map(({ path: name, item }) => ({
    path: name,
    inode: item.inode,
    mode: modeText(item),
    uid: item.uid,
    gid: item.gid,
    size: item.kind === 'file' ? item.size : 0,
    mtime: item.mtime,
    target: item.kind === 'symlink' ? volume.readlink(item.id) : '',
  }));
  expect(shown.sort((a, b) => (a.path < b.path ? -1 : 1))).toEqual(expected);
  // It has no attribute of an empty file to read.
  for (const { path: name, item } of allItems(volume))
    if (item.kind === 'file' && item.size > 0) expect(sha256(read(item.inode)), name).toBe(sha256Of(volume, item.id));
}

test.skipIf(lacks('fls', 'icat', 'pstat')).each(['nothing', 'snapshots'] as const)(
  'sleuthkit lists and reads the same; later: %s',
  (later) =>
    withFolder((folder) => {
      const { file, volume } = written(folder, later);
      expectSleuthkitAgrees(file, volume);
      const snapshots = volume.snapshots ?? [];
      expect(snapshots).toHaveLength(later === 'nothing' ? 0 : 2);
      for (const { xid } of snapshots) expectSleuthkitAgrees(file, volume.openSnapshot(xid), xid);
    }),
);

test.skipIf(lacks('7zz'))('7-Zip reads the same', () =>
  withFolder((folder) => {
    const { file, volume } = written(folder, 'nothing', 'plain');
    const files = allItems(volume).filter(({ item }) => item.kind === 'file');
    const shown = [...sevenZipHashes(file)].filter(([name]) => !name.includes(':')).sort();
    expect(shown).toEqual(files.map(({ path: name, item }) => [name.slice(1), sha256Of(volume, item.id)]));
  }),
);

test.skipIf(lacks('fsapfsinfo'))('libfsapfs tells the same', () =>
  withFolder((folder) => {
    const { file, volume } = written(folder, 'nothing');
    for (const { path: name, item } of allItems(volume)) {
      const { output } = fsapfsinfo(file, name);
      const field = (label: string): string => new RegExp(`^\\t${label}\\s*: (.*)$`, 'm').exec(output)?.[1] ?? '';
      expect(field('Identifier'), name).toBe(String(item.inode));
      if (item.kind === 'file') expect(field('Size'), name).toBe(String(item.size));
      expect([field('Owner identifier'), field('Group identifier')]).toEqual([String(item.uid), String(item.gid)]);
      expect(Number.parseInt(/\(0(\d+)\)/.exec(field('File mode'))?.[1] ?? '', 8) & 0o7777, name).toBe(item.mode);
      if (item.kind === 'symlink') expect(field('Symbolic link target')).toBe(volume.readlink(item.id));
      const attributes = [...output.matchAll(/\tAttribute: \d+\s*: (.*)$/gm)].map(([, each]) => each);
      const own = attributes.filter((each) => each !== 'com.apple.fs.symlink');
      expect(own.sort(), name).toEqual(
        volume
          .xattrs(item.id)
          .map((each) => each.name)
          .sort(),
      );
    }
  }),
);

test.skipIf(lacks('mkapfs', 'apfsck')).each([['-s'], []])(
  'what mkapfs made is filled, and apfsck is content %s',
  (...options) =>
    withFolder((folder) => {
      const file = path.join(folder, 'container.raw');
      writeFileSync(file, '');
      truncateSync(file, SIZE);
      expect(mkapfs(file, options)).toMatchObject({ ok: true });
      const device = new MemoryDevice(new Uint8Array(readFileSync(file)));
      expect([...apfs.check(device, {})]).toEqual([]);
      const fileSystem = apfs.open(device, contractMount('writable'));
      const volume = firstVolume(fileSystem);
      expect(volume.list(volume.root.id)).toEqual([]);
      fill(volume, 'all');
      fileSystem.createSnapshot(volume, 'then');
      const tree = snapshotOf(volume);
      fileSystem.close();
      const bytes = new Uint8Array(SIZE);
      device.read(0, bytes);
      writeFileSync(file, bytes);
      expect(apfsck(file)).toEqual({ ok: true, output: '', exit: 0 });
      expect(snapshotOf(firstVolume(apfs.open(device, contractMount('read-only'))))).toEqual(tree);
    }),
);
