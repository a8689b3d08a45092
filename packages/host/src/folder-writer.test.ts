import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import type { FileSystem, NewItem, WritableVolume } from '@tintype/core';
import { temporaryFolder, withOracle } from '@tintype/testkit';
import { firstVolume } from '@tintype/testkit/contracts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openHostFolder } from './index.js';

/** The package with `setfattr` and `getfattr` is missing. */
const noAttr = withOracle('setfattr').skip;
const isRoot = process.getuid?.() === 0;
const failsWith = (code: string) => expect.objectContaining({ name: 'StoreError', code });

let folder: string;
let fileSystem: FileSystem;
let volume: WritableVolume;
let root: number;
beforeEach(() => {
  folder = temporaryFolder();
  fs.mkdirSync(`${folder}/target`);
  fileSystem = openHostFolder(`${folder}/target`, { writable: true });
  volume = firstVolume(fileSystem);
  root = volume.root.id;
});
afterEach(() => {
  fileSystem.abandon();
  fs.rmSync(folder, { recursive: true });
});

const at = (path: string): string => `${folder}/target/${path}`;
const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
const newItem = (name: string, change: Partial<NewItem> = {}): NewItem => ({
  name,
  kind: 'file',
  size: 0,
  target: '',
  rdevMajor: 0,
  rdevMinor: 0,
  mode: 0o644,
  ...owner,
  flags: 0,
  mtime: 1_000_000_000,
  mtimeNanos: 123_456_789,
  ctime: 0,
  ctimeNanos: 0,
  btime: 0,
  btimeNanos: 0,
  ...change,
});
const create = (name: string, change: Partial<NewItem> = {}, parent = root): number =>
  volume.create(parent, [newItem(name, change)])[0] ?? -1;
const nanos = (path: string): bigint => fs.lstatSync(at(path), { bigint: true }).mtimeNs;
const ownTime = 1_000_000_000_123_456_789n;

test('mode and nanoseconds stay although content is written after them', () => {
  const id = create('a', { mode: 0o6751 });
  volume.write(id, 0, Buffer.from('hello'));
  expect(fs.statSync(at('a')).mode & 0o7777).toBe(0o600);
  expect(volume.stat(id)).toMatchObject({ mode: 0o6751, mtimeNanos: 123_456_789, size: 5 });
  fileSystem.commit();
  expect(fs.statSync(at('a')).mode & 0o7777).toBe(0o6751);
  expect(nanos('a')).toBe(ownTime);
  volume.write(id, 5, Buffer.from('!'));
  volume.truncate(id, 4);
  fileSystem.close();
  expect(nanos('a')).toBe(ownTime);
  expect(fs.readFileSync(at('a'), 'latin1')).toBe('hell');
  expect(fs.statSync(at('a')).mode & 0o7777).toBe(0o6751);
});

test('times of folders and links stay although names come and go in them', () => {
  const id = create('d', { kind: 'directory', mode: 0o555 });
  create('l', { kind: 'symlink', target: 'any/where' });
  create('in d', {}, id);
  volume.remove(id, 'in d');
  create('second', {}, id);
  volume.release(id);
  fileSystem.close();
  expect(nanos('d')).toBe(ownTime);
  expect(nanos('l')).toBe(ownTime);
  expect(fs.readlinkSync(at('l'))).toBe('any/where');
  expect(fs.statSync(at('d')).mode & 0o7777).toBe(0o555);
  fs.chmodSync(at('d'), 0o755);
});

test('special files get mode and times without being opened', () => {
  create('pipe', { kind: 'fifo', mode: 0o640 });
  create('socket', { kind: 'socket', mode: 0o604 });
  if (isRoot) create('device', { kind: 'char', mode: 0o666, rdevMajor: 1, rdevMinor: 3 });
  fileSystem.close();
  expect(fs.lstatSync(at('pipe')).isFIFO()).toBe(true);
  expect(fs.lstatSync(at('socket')).isSocket()).toBe(true);
  expect(fs.lstatSync(at('pipe')).mode & 0o7777).toBe(0o640);
  expect(nanos('socket')).toBe(ownTime);
  if (isRoot) expect(fs.lstatSync(at('device'))).toMatchObject({ rdev: 0x103 });
});

test.skipIf(noAttr)('owners are given as root, setuid after them, and capabilities last', () => {
  if (!isRoot) return;
  const id = create('a', { uid: 501, gid: 20, mode: 0o4755 });
  // VFS_CAP_REVISION_2 with CAP_NET_RAW.
  const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex');
  volume.setXattr(id, 'security.capability', capability);
  volume.write(id, 0, Buffer.from('x'));
  expect(volume.xattr(id, 'security.capability')).toEqual(Uint8Array.from(capability));
  fileSystem.commit();
  expect(fs.statSync(at('a'))).toMatchObject({ uid: 501, gid: 20 });
  expect(fs.statSync(at('a')).mode & 0o7777).toBe(0o4755);
  volume.write(id, 0, Buffer.from('y'));
  fileSystem.close();
  expect(execFileSync('getfattr', ['-n', 'security.capability', '-e', 'hex', at('a')], { encoding: 'utf8' })).toContain(
    `0x${capability.toString('hex')}`,
  );
});

test.skipIf(noAttr)('extended attributes of all kinds are set and removed', () => {
  const id = create('a', { mode: 0o400 });
  fileSystem.commit();
  volume.setXattr(id, 'note', Buffer.from('text'));
  volume.setXattr(id, 'gone', Buffer.from('text'));
  volume.setXattr(id, 'gone', null);
  volume.setXattr(id, 'never was', null);
  volume.setXattr(root, 'of root', Buffer.alloc(0));
  expect(volume.xattrs(id)).toEqual([{ name: 'note', size: 4 }]);
  expect(volume.xattrs(root)).toEqual([{ name: 'of root', size: 0 }]);
  expect(() => volume.setXattr(id, 'large', new Uint8Array(70_000))).toThrow(failsWith('E2BIG'));
  fileSystem.close();
  expect(nanos('a')).toBe(ownTime);
  expect(execFileSync('getfattr', ['--only-values', '-n', 'user.note', at('a')], { encoding: 'latin1' })).toBe('text');
});

test.skipIf(noAttr)('attributes with names that are not UTF-8 are kept', () => {
  const id = create('a');
  volume.setXattr(id, 'n\udcff', Buffer.from('text'));
  expect(volume.xattrs(id)).toEqual([{ name: 'n\udcff', size: 4 }]);
  expect(Buffer.from(volume.xattr(id, 'n\udcff') ?? []).toString()).toBe('text');
  const script = `getfattr --only-values -n "$(printf 'user.n\\377')" "$1"`;
  expect(execFileSync('sh', ['-c', script, 'sh', at('a')], { encoding: 'latin1' })).toBe('text');
});

test('nothing new inherits rights from its folder, and the lists that are given stay', () => {
  // struct posix_acl_xattr_header and entries: owner, user 1000, group, mask, others.
  const list = (mask: string): Buffer =>
    Buffer.from(`0200000001000700ffffffff02000700e803000004000500ffffffff1000${mask}ffffffff20000500ffffffff`, 'hex');
  const [given, own] = [list('0700'), list('0500')];
  const folderId = create('d', { kind: 'directory', mode: 0o755 });
  create('before', {}, folderId);
  volume.setXattr(folderId, 'system.posix_acl_default', given);
  const names = ['file', 'directory', 'fifo', 'symlink'] as const;
  const ids = names.map((kind) => create(kind, { kind, target: 'x', mode: 0o755 }, folderId));
  for (const id of ids) expect(volume.xattrs(id)).toEqual([]);
  volume.setXattr(ids[0] ?? -1, 'system.posix_acl_access', own);
  volume.setXattr(folderId, 'system.posix_acl_default', null);
  volume.setXattr(ids[1] ?? -1, 'system.posix_acl_default', given);
  fileSystem.commit();
  expect(volume.xattr(ids[0] ?? -1, 'system.posix_acl_access')).toEqual(Uint8Array.from(own));
  expect(volume.xattr(ids[1] ?? -1, 'system.posix_acl_default')).toEqual(Uint8Array.from(given));
  expect(fs.statSync(at('d/file')).mode & 0o777).toBe(0o755);
  expect(fs.statSync(at('d/fifo')).mode & 0o777).toBe(0o755);
  expect(() => volume.setXattr(ids[0] ?? -1, 'system.posix_acl_default', given)).toThrow(failsWith('EACCES'));
});

test('a link joins two folders that are both too deep to hold all handles on their ways', () => {
  const deepest = (name: string): number => {
    fs.mkdirSync(at(`${name}/${'d/'.repeat(249)}`), { recursive: true });
    let id = volume.lookup(root, name)?.id ?? -1;
    for (let level = 0; level < 249; level++) id = volume.lookup(id, 'd')?.id ?? -1;
    return id;
  };
  const [a, b] = [deepest('a'), deepest('b')];
  const file = create('f', {}, a);
  volume.release(file);
  volume.link(b, 'l', file);
  volume.rename(a, 'f', b, 'moved');
  expect(
    volume
      .list(b)
      .map(({ name, nlink }) => `${name} ${nlink}`)
      .sort(),
  ).toEqual(['l 2', 'moved 2']);
  expect(volume.list(a)).toEqual([]);
});

test('no name leads out of the folder', () => {
  for (const name of ['', '.', '..', '../up', 'a/b', '/etc', 'nul\0', '\u0000']) {
    expect(volume.nameAsStored(name)).toBe(null);
    for (const kind of ['file', 'directory', 'symlink'] as const) {
      expect(() => create(name, { kind, target: 'x' })).toThrow(failsWith('EINVAL'));
    }
    expect(() => volume.remove(root, name)).toThrow(failsWith('EINVAL'));
  }
  expect(() => create('x'.repeat(256))).toThrow(failsWith('ENAMETOOLONG'));
  const id = create('a');
  expect(() => volume.link(root, '../b', id)).toThrow(failsWith('EINVAL'));
  expect(() => volume.rename(root, 'a', root, '../b')).toThrow(failsWith('EINVAL'));
  expect(() => volume.rename(root, '../target', root, 'b')).toThrow(failsWith('EINVAL'));
  expect(fs.readdirSync(folder)).toEqual(['target']);
  expect(fs.readdirSync(at('.'))).toEqual(['a']);
});

test('nothing is written through a link that another process puts in the way', () => {
  fs.mkdirSync(`${folder}/outside`);
  fs.writeFileSync(`${folder}/outside/victim`, 'x');
  const id = create('d', { kind: 'directory' });
  const file = create('f');
  fileSystem.commit();
  volume.release(root);
  const [d, f] = [volume.lookup(root, 'd')?.id ?? -1, volume.lookup(root, 'f')?.id ?? -1];
  expect([d, f]).not.toContain(-1);
  expect([id, file]).not.toEqual([d, f]);
  fs.rmdirSync(at('d'));
  fs.symlinkSync('../outside', at('d'));
  fs.rmSync(at('f'));
  fs.symlinkSync('../outside/victim', at('f'));
  expect(() => create('new', {}, d)).toThrow(failsWith('changed'));
  expect(() => volume.remove(d, 'victim')).toThrow(failsWith('changed'));
  expect(() => volume.write(f, 0, Buffer.from('y'))).toThrow(failsWith('changed'));
  expect(() => volume.setAttributes(f, { mode: 0o777 })).toThrow(failsWith('changed'));
  expect(() => volume.setXattr(f, 'a', Buffer.from('y'))).toThrow(failsWith('changed'));
  expect(() => create('f')).toThrow(failsWith('EEXIST'));
  expect(fs.readdirSync(`${folder}/outside`)).toEqual(['victim']);
  expect(fs.readFileSync(`${folder}/outside/victim`, 'latin1')).toBe('x');
});

test('a rename replaces nothing, and a link makes one more name of the same file', () => {
  const id = create('a');
  create('b');
  volume.write(id, 0, Buffer.from('content'));
  expect(() => volume.rename(root, 'a', root, 'b')).toThrow(failsWith('EEXIST'));
  volume.link(root, 'c', id);
  volume.remove(root, 'a');
  volume.write(id, 7, Buffer.from('!'));
  fileSystem.commit();
  expect(fs.readFileSync(at('c'), 'latin1')).toBe('content!');
  expect(nanos('c')).toBe(ownTime);
  expect(fs.readdirSync(at('.')).sort()).toEqual(['b', 'c']);
});

test('a hundred files under creation keep at most 64 handles, and all get their content', () => {
  const names = Array.from({ length: 100 }, (_, count) => `file ${count}`);
  const before = fs.readdirSync('/proc/self/fd').length;
  const ids = volume.create(
    root,
    names.map((name) => newItem(name, { mode: 0o444 })),
  );
  expect(fs.readdirSync('/proc/self/fd').length - before).toBeLessThanOrEqual(64);
  for (const [count, id] of ids.entries()) volume.write(id, 0, Buffer.from(`content ${count}`));
  fileSystem.close();
  for (const [count, name] of names.entries()) {
    expect(fs.readFileSync(at(name), 'latin1')).toBe(`content ${count}`);
    expect(fs.statSync(at(name)).mode & 0o7777).toBe(0o444);
    expect(nanos(name)).toBe(ownTime);
  }
});

test('without root a folder and a file that forbid writing are written all the same, as their owner', () => {
  if (!isRoot) return;
  const script = `
    import { openHostFolder } from ${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)};
    // The native library is loaded at the first use, and may lie where only root can read.
    openHostFolder(process.argv[1], { writable: false }).abandon();
    process.setgid(65534); process.setuid(65534);
    const fileSystem = openHostFolder(process.argv[1], { writable: true });
    const [volume] = fileSystem.volumes;
    const item = (name, more) => ({ name, kind: 'file', size: 0, target: '', rdevMajor: 0, rdevMinor: 0, mode: 0o444,
      uid: 0, gid: 0, flags: 0, mtime: 5, mtimeNanos: 6, ctime: 0, ctimeNanos: 0, btime: 0, btimeNanos: 0, ...more });
    const [d] = volume.create(volume.root.id, [item('d', { kind: 'directory', mode: 0o555 })]);
    const [a] = volume.create(d, [item('a', { mode: 0o4444 })]);
    volume.write(a, 0, Buffer.from('first'));
    fileSystem.commit();
    volume.write(a, 0, Buffer.from('F'));
    volume.create(d, [item('b')]);
    fileSystem.close();`;
  fs.chmodSync(folder, 0o755);
  fs.chownSync(at('.'), 65534, 65534);
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script, at('.')], { encoding: 'utf8' });
  expect(run.stderr).toBe('');
  expect(fs.readdirSync(at('d'))).toEqual(['a', 'b']);
  expect(fs.readFileSync(at('d/a'), 'latin1')).toBe('First');
  expect(fs.statSync(at('d/a')).mode & 0o7777).toBe(0o444);
  expect(fs.statSync(at('d')).mode & 0o7777).toBe(0o555);
  expect(fs.statSync(at('d/a'))).toMatchObject({ uid: 65534, mtimeMs: 5000.000006 });
});

test('without root a folder that not even its owner may read is opened all the same, and shut again', () => {
  if (!isRoot) return;
  const script = `
    import { openHostFolder } from ${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)};
    openHostFolder(process.argv[1], { writable: false }).abandon();
    process.setgid(65534); process.setuid(65534);
    const fileSystem = openHostFolder(process.argv[1], { writable: true });
    const [volume] = fileSystem.volumes;
    const names = (id) => [...volume.list(id)].map(({ name }) => name).sort();
    const [d] = [...volume.list(volume.root.id)].map(({ id }) => id);
    console.log(JSON.stringify([volume.stat(d).mode & 0o777, names(d), volume.stat(d).mode & 0o777]));
    volume.setAttributes(d, { mode: 0 });
    volume.remove(d, 'a');
    volume.release(volume.root.id);
    const [again] = [...volume.list(volume.root.id)].map(({ id }) => id);
    console.log(JSON.stringify([names(again), volume.stat(again).mode & 0o777]));
    fileSystem.close();`;
  fs.chmodSync(folder, 0o755);
  fs.mkdirSync(at('d/sub'), { recursive: true });
  fs.writeFileSync(at('d/a'), '');
  for (const name of ['d/sub', 'd/a', 'd', '.']) fs.chownSync(at(name), 65534, 65534);
  fs.chmodSync(at('d'), 0);
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script, at('.')], { encoding: 'utf8' });
  expect(run.stderr).toBe('');
  expect(run.stdout.trim().split('\n')).toEqual(['[0,["a","sub"],0]', '[["sub"],0]']);
  expect([fs.readdirSync(at('d')), fs.statSync(at('d')).mode & 0o777]).toEqual([['sub'], 0]);
});

test('a file with names in two folders stays good when one of them is released', () => {
  const [a = 0, b = 0] = volume.create(root, [
    newItem('a', { kind: 'directory' }),
    newItem('b', { kind: 'directory' }),
  ]);
  const [file = 0] = volume.create(a, [newItem('f', { size: 3 })]);
  volume.write(file, 0, Buffer.from('one'));
  volume.link(b, 'l', file);
  volume.release(a);
  expect(volume.lookup(b, 'l')).toMatchObject({ id: file, nlink: 2, mtime: 1_000_000_000 });
  volume.link(root, 'third', file);
  volume.release(b);
  expect(volume.stat(file)).toMatchObject({ nlink: 3 });
  volume.release(root);
  expect(volume.lookup(volume.lookup(root, 'a')?.id ?? 0, 'f')).toMatchObject({ size: 3, nlink: 3 });
  expect(fs.readFileSync(at('third'), 'utf8')).toBe('one');
});

test('a file with two names in a folder that is given up lives on under its name elsewhere', () => {
  const [a, b] = volume.create(root, [newItem('a', { kind: 'directory' }), newItem('b', { kind: 'directory' })]) as [
    number,
    number,
  ];
  const [file] = volume.create(a, [newItem('first')]) as [number];
  volume.link(a, 'second', file);
  volume.link(b, 'third', file);
  volume.release(a);
  expect(volume.lookup(b, 'third')?.id).toBe(file);
  volume.link(b, 'fourth', file);
  fileSystem.commit();
  expect(fs.statSync(at('b/fourth')).ino).toBe(fs.statSync(at('a/first')).ino);
});
