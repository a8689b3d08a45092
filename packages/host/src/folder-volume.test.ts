import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { createServer } from 'node:net';
import type { FileSystem, Item, WritableVolume } from '@tintype/core';
import { temporaryFolder, withOracle } from '@tintype/testkit';
import { firstVolume } from '@tintype/testkit/contracts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openHostFolder } from './index.js';

const isRoot = process.getuid?.() === 0;
const failsWith = (code: string) => expect.objectContaining({ name: 'StoreError', code });

let folder: string;
let fileSystem: FileSystem;
let volume: WritableVolume;
beforeEach(() => {
  folder = temporaryFolder();
  fileSystem = openHostFolder(folder, { writable: false });
  volume = firstVolume(fileSystem);
});
afterEach(() => {
  fileSystem.close();
  fs.rmSync(folder, { recursive: true });
});

function item(...path: string[]): Item {
  let found = volume.root;
  for (const name of path) {
    const next = volume.lookup(found.id, name);
    if (!next) throw new Error(`there is no ${name}`);
    found = next;
  }
  return found;
}

function content(id: number, length = 100): string {
  const target = new Uint8Array(length);
  return Buffer.from(target.subarray(0, volume.read(id, 0, target))).toString('latin1');
}

describe('what lies in a folder', () => {
  test('every kind is listed as it is', async () => {
    fs.writeFileSync(`${folder}/file`, 'hello');
    fs.mkdirSync(`${folder}/folder`);
    fs.symlinkSync('läuft', `${folder}/link`);
    execFileSync('mkfifo', [`${folder}/pipe`]);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(`${folder}/socket`, resolve));
    if (isRoot) execFileSync('mknod', [`${folder}/device`, 'c', '1', '3']);
    const kinds = Object.fromEntries(volume.list(volume.root.id).map(({ name, kind }) => [name, kind]));
    expect(kinds).toEqual({
      file: 'file',
      folder: 'directory',
      link: 'symlink',
      pipe: 'fifo',
      socket: 'socket',
      ...(isRoot && { device: 'char' }),
    });
    expect(volume.readlink(item('link').id)).toBe('läuft');
    expect(item('link').size).toBe(6);
    expect(item('folder').size).toBe(0);
    if (isRoot) expect(item('device')).toMatchObject({ rdevMajor: 1, rdevMinor: 3, size: 0 });
    await new Promise((resolve) => server.close(resolve));
  });
  test('attributes are what node:fs says', () => {
    fs.writeFileSync(`${folder}/a`, 'hello', { mode: 0o640 });
    fs.utimesSync(`${folder}/a`, 0, 1_234_567_890.25);
    const stats = fs.statSync(`${folder}/a`);
    const listed = volume.list(volume.root.id)[0];
    expect(listed).toMatchObject({ mode: 0o640, mtime: 1_234_567_890, mtimeNanos: 250_000_000, flags: 0 });
    expect(listed).toMatchObject({ uid: stats.uid, gid: stats.gid, inode: stats.ino, device: stats.dev, size: 5 });
    expect(volume.stat(listed?.id ?? -1)).toEqual(listed);
    expect(volume.lookup(volume.root.id, 'a')).toEqual(listed);
  });
  test('hard links show one inode', () => {
    fs.writeFileSync(`${folder}/a`, '');
    fs.linkSync(`${folder}/a`, `${folder}/b`);
    expect(item('a')).toMatchObject({ inode: item('b').inode, nlink: 2 });
  });
  test('names that are not UTF-8 are escaped, found and read', () => {
    fs.writeFileSync(Buffer.concat([Buffer.from(`${folder}/b`), Buffer.from([0xe4, 0xf6])]), 'content');
    const [listed] = volume.list(volume.root.id);
    expect(listed?.name).toBe('b\udce4\udcf6');
    expect(content(item('b\udce4\udcf6').id)).toBe('content');
  });
  test('ten thousand names take several calls and are all there, once', () => {
    for (let count = 0; count < 10_000; count++) fs.closeSync(fs.openSync(`${folder}/a long name ${count}`, 'w'));
    const names = volume.list(volume.root.id).map(({ name }) => name);
    expect(new Set(names).size).toBe(10_000);
    expect(volume.list(volume.root.id)).toHaveLength(10_000);
  });
  test.skipIf(withOracle('setfattr').skip)(
    'extended attributes of files, folders and links carry the names of images',
    () => {
      fs.writeFileSync(`${folder}/a`, '');
      fs.mkdirSync(`${folder}/d`);
      fs.symlinkSync('a', `${folder}/l`);
      execFileSync('setfattr', ['-n', 'user.note', '-v', 'text', `${folder}/a`]);
      execFileSync('setfattr', ['-n', 'user.user.x', '-v', 'whole', `${folder}/a`]);
      execFileSync('setfattr', ['-n', 'user.of folder', '-v', '', `${folder}/d`]);
      expect([...volume.xattrs(item('a').id)].sort((a, b) => a.size - b.size)).toEqual([
        { name: 'note', size: 4 },
        { name: 'user.user.x', size: 5 },
      ]);
      expect(Buffer.from(volume.xattr(item('a').id, 'note') ?? []).toString()).toBe('text');
      expect(volume.xattr(item('a').id, 'other')).toBe(null);
      expect(volume.xattrs(item('d').id)).toEqual([{ name: 'of folder', size: 0 }]);
      expect(volume.xattrs(item('l').id)).toEqual([]);
      if (!isRoot) return;
      execFileSync('setfattr', ['-h', '-n', 'trusted.t', '-v', 'link', `${folder}/l`]);
      expect(volume.xattrs(item('l').id)).toEqual([{ name: 'trusted.t', size: 4 }]);
      expect(volume.xattrs(item('a').id)).toHaveLength(2);
    },
  );
  test('extents tell data from holes', () => {
    const handle = fs.openSync(`${folder}/a`, 'w');
    fs.writeSync(handle, Buffer.alloc(4096, 1), 0, 4096, 1 << 20);
    fs.ftruncateSync(handle, 3 << 20);
    fs.closeSync(handle);
    fs.writeFileSync(`${folder}/full`, 'x');
    fs.writeFileSync(`${folder}/empty`, '');
    expect(volume.extents(item('a').id)).toEqual([
      { position: 0, length: 1 << 20, kind: 'hole' },
      { position: 1 << 20, length: 4096, kind: 'data' },
      { position: (1 << 20) + 4096, length: (2 << 20) - 4096, kind: 'hole' },
    ]);
    expect(volume.extents(item('full').id)).toEqual([{ position: 0, length: 1, kind: 'data' }]);
    expect(volume.extents(item('empty').id)).toEqual([]);
  });
  test('reading at and past the end answers what there is', () => {
    fs.writeFileSync(`${folder}/a`, 'hello');
    const { id } = item('a');
    expect(content(id, 5)).toBe('hello');
    expect(content(id, 3)).toBe('hel');
    expect(volume.read(id, 4, new Uint8Array(9))).toBe(1);
    expect(volume.read(id, 5, new Uint8Array(9))).toBe(0);
    expect(volume.read(id, 99, new Uint8Array(9))).toBe(0);
  });
});

describe('what changes under a walk', () => {
  test('a folder that became a link is not followed', () => {
    fs.mkdirSync(`${folder}/d`);
    const { id } = item('d');
    fs.rmdirSync(`${folder}/d`);
    fs.symlinkSync('/', `${folder}/d`);
    expect(() => volume.list(id)).toThrow(failsWith('changed'));
    expect(() => volume.lookup(id, 'etc')).toThrow(failsWith('changed'));
  });
  test('a folder that became another folder is not entered', () => {
    fs.mkdirSync(`${folder}/d`);
    const { id } = item('d');
    fs.renameSync(`${folder}/d`, `${folder}/e`);
    fs.mkdirSync(`${folder}/d`);
    expect(() => volume.list(id)).toThrow(failsWith('changed'));
  });
  test('a file that became a link, a pipe or another file is not read', () => {
    for (const name of ['a', 'b', 'c']) fs.writeFileSync(`${folder}/${name}`, 'x');
    const [a, b, c] = [item('a').id, item('b').id, item('c').id];
    for (const name of ['a', 'b', 'c']) fs.renameSync(`${folder}/${name}`, `${folder}/old ${name}`);
    fs.symlinkSync('/etc/passwd', `${folder}/a`);
    execFileSync('mkfifo', [`${folder}/b`]);
    fs.writeFileSync(`${folder}/c`, 'y');
    for (const id of [a, b, c]) {
      expect(() => volume.read(id, 0, new Uint8Array(9))).toThrow(failsWith('changed'));
      expect(() => volume.xattrs(id)).toThrow(failsWith('changed'));
      expect(() => volume.stat(id)).toThrow(failsWith('changed'));
    }
  });
  test('what is gone is ENOENT, and a new item of the name has a new id', () => {
    fs.writeFileSync(`${folder}/a`, 'x');
    const first = item('a').id;
    fs.renameSync(`${folder}/a`, `${folder}/old`);
    expect(() => volume.stat(first)).toThrow(failsWith('ENOENT'));
    expect(() => volume.read(first, 0, new Uint8Array(9))).toThrow(failsWith('ENOENT'));
    fs.writeFileSync(`${folder}/a`, 'new');
    expect(item('a').id).not.toBe(first);
    expect(content(item('a').id)).toBe('new');
  });
});

describe('handles', () => {
  const handles = (): number => fs.readdirSync('/proc/self/fd').length;
  test('three hundred levels take two hundred handles, and the way back works', () => {
    const depth = 300;
    fs.mkdirSync(`${folder}/${'d/'.repeat(depth)}`, { recursive: true });
    const before = handles();
    const ids = [volume.root.id];
    for (let level = 0; level < depth; level++) {
      const [next] = volume.list(ids[level] ?? -1);
      ids.push(next?.id ?? -1);
    }
    expect(volume.list(ids[depth] ?? -1)).toEqual([]);
    expect(handles() - before).toBe(200);
    for (const id of ids.slice(1).reverse()) {
      expect(volume.list(id).length).toBeLessThanOrEqual(1);
      volume.release(id);
    }
    expect(handles() - before).toBe(0);
  });
  test('release of a folder gives up all below it', () => {
    fs.mkdirSync(`${folder}/a/b/c`, { recursive: true });
    fs.writeFileSync(`${folder}/a/b/f`, 'x');
    const before = handles();
    const { id } = item('a', 'b', 'f');
    content(id);
    expect(handles() - before).toBe(3);
    volume.release(item('a').id);
    expect(handles()).toBe(before);
    expect(() => volume.stat(id)).toThrow('names an item');
    expect(item('a', 'b', 'c').kind).toBe('directory');
  });
  test('a folder that was swapped while its handle was closed is found out', () => {
    fs.mkdirSync(`${folder}/${'d/'.repeat(250)}`, { recursive: true });
    const ids = [volume.root.id];
    for (let level = 0; level < 250; level++) ids.push(volume.list(ids[level] ?? -1)[0]?.id ?? -1);
    volume.list(ids[250] ?? -1);
    fs.renameSync(`${folder}/d/d`, `${folder}/d/e`);
    fs.symlinkSync('e', `${folder}/d/d`);
    expect(() => volume.list(ids[3] ?? -1)).toThrow(failsWith('changed'));
  });
  test('what is no folder cannot be opened, and a read-only folder is not changed', () => {
    fs.writeFileSync(`${folder}/a`, 'x');
    expect(() => openHostFolder(`${folder}/a`, { writable: true })).toThrow(failsWith('ENOTDIR'));
    expect(() => openHostFolder(`${folder}/none`, { writable: true })).toThrow(failsWith('ENOENT'));
    expect(() => volume.write(item('a').id, 0, Uint8Array.of(1))).toThrow('opened for writing');
    expect(() => volume.remove(volume.root.id, 'a')).toThrow('opened for writing');
    expect(fs.readFileSync(`${folder}/a`, 'latin1')).toBe('x');
  });
});
