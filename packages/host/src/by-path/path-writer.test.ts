// What changes under a walk by path, and what a hostile target can do: nothing is read or written outside it.

import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import type { Item, NewItem } from '@tintype/core';
import { temporaryFolder } from '@tintype/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PathReader } from './path-reader.js';
import { PathWriter } from './path-writer.js';
import { isCaseSensitive } from './traits.js';

const isRoot = process.getuid?.() === 0;
const failsWith = (code: string) => expect.objectContaining({ name: 'StoreError', code });

let folder: string;
let outside: string;
let volume: PathWriter;
beforeEach(() => {
  const base = temporaryFolder();
  folder = `${base}/target`;
  outside = `${base}/outside`;
  fs.mkdirSync(folder);
  fs.mkdirSync(outside);
  fs.writeFileSync(`${outside}/precious`, 'precious', { mode: 0o640 });
  volume = new PathWriter(folder, { writable: true });
});
afterEach(() => {
  volume.abandon();
  volume.end();
  fs.rmSync(`${folder}/..`, { recursive: true });
});

function newItem(name: string, kind: NewItem['kind'], more: Partial<NewItem> = {}): NewItem {
  const times = { mtime: 1e9, mtimeNanos: 5000, ctime: 0, ctimeNanos: 0, btime: 0, btimeNanos: 0 };
  const rest = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, flags: 0, rdevMajor: 0, rdevMinor: 0 };
  return { name, kind, size: 0, target: '', mode: 0o644, ...times, ...rest, ...more };
}

function make(parent: number, name: string, kind: NewItem['kind'], more: Partial<NewItem> = {}): number {
  return volume.create(parent, [newItem(name, kind, more)])[0] ?? -1;
}

function found(name: string): Item {
  const item = volume.lookup(volume.root.id, name);
  if (!item) throw new Error(`there is no ${name}`);
  return item;
}

/** Puts a link to the folder outside in the place of `name`, moving that away. */
function swap(name: string): void {
  fs.renameSync(`${folder}/${name}`, `${folder}/was ${name}`);
  fs.symlinkSync(outside, `${folder}/${name}`);
}

function untouched(): void {
  expect(fs.readdirSync(outside)).toEqual(['precious']);
  expect(fs.readFileSync(`${outside}/precious`, 'latin1')).toBe('precious');
  expect(fs.statSync(`${outside}/precious`).mode & 0o7777).toBe(0o640);
}

describe('a folder of the target that became a link', () => {
  test('is the end of every change in it', () => {
    const id = make(volume.root.id, 'd', 'directory', { mode: 0o755 });
    const file = make(id, 'precious', 'file');
    volume.write(file, 0, Buffer.from('ours'));
    volume.settle();
    swap('d');
    expect(() => make(id, 'new', 'file')).toThrow(failsWith('changed'));
    expect(() => make(id, 'new', 'directory')).toThrow(failsWith('changed'));
    expect(() => make(id, 'new', 'symlink', { target: 'x' })).toThrow(failsWith('changed'));
    expect(() => volume.remove(id, 'precious')).toThrow(failsWith('changed'));
    expect(() => volume.rename(id, 'precious', volume.root.id, 'mine')).toThrow(failsWith('changed'));
    expect(() => volume.link(volume.root.id, 'mine', file)).toThrow(failsWith('changed'));
    expect(() => volume.write(file, 0, Buffer.from('x'))).toThrow(failsWith('changed'));
    expect(() => volume.truncate(file, 0)).toThrow(failsWith('changed'));
    expect(() => volume.setAttributes(file, { mode: 0o777 })).toThrow(failsWith('changed'));
    expect(() => volume.setAttributes(id, { mode: 0o777 })).toThrow(failsWith('changed'));
    expect(() => volume.list(id)).toThrow(failsWith('changed'));
    expect(() => volume.lookup(id, 'precious')).toThrow(failsWith('changed'));
    expect(() => volume.read(file, 0, new Uint8Array(9))).toThrow(failsWith('changed'));
    untouched();
  });
  test('is found out two levels above, too', () => {
    const above = make(volume.root.id, 'd', 'directory', { mode: 0o755 });
    const id = make(above, 'e', 'directory', { mode: 0o755 });
    volume.settle();
    fs.mkdirSync(`${outside}/e`);
    swap('d');
    expect(() => make(id, 'new', 'file')).toThrow(failsWith('changed'));
    fs.rmdirSync(`${outside}/e`);
    untouched();
  });
  test('does not lead content away from a file that is open', () => {
    const id = make(volume.root.id, 'd', 'directory', { mode: 0o755 });
    const file = make(id, 'precious', 'file', { mode: 0o777 });
    swap('d');
    volume.write(file, 0, Buffer.from('ours'));
    expect(() => volume.settle()).toThrow(failsWith('changed'));
    expect(fs.readFileSync(`${folder}/was d/precious`, 'latin1')).toBe('ours');
    untouched();
  });
});

describe('an item that became something else', () => {
  test('is not read, written or dressed', () => {
    for (const name of ['a', 'b', 'c']) fs.writeFileSync(`${folder}/${name}`, 'x');
    const ids = ['a', 'b', 'c'].map((name) => found(name).id);
    for (const name of ['a', 'b', 'c']) fs.renameSync(`${folder}/${name}`, `${folder}/old ${name}`);
    fs.symlinkSync(`${outside}/precious`, `${folder}/a`);
    execFileSync('mkfifo', [`${folder}/b`]);
    fs.writeFileSync(`${folder}/c`, 'y');
    for (const id of ids) {
      expect(() => volume.read(id, 0, new Uint8Array(9))).toThrow(failsWith('changed'));
      expect(() => volume.write(id, 0, Buffer.from('z'))).toThrow(failsWith('changed'));
      expect(() => volume.setAttributes(id, { mode: 0o777 })).toThrow(failsWith('changed'));
      expect(() => volume.stat(id)).toThrow(failsWith('changed'));
    }
    untouched();
  });
  test('a name that is taken, also by a link that leads away, is not written through', () => {
    fs.symlinkSync(`${outside}/new`, `${folder}/a`);
    expect(() => make(volume.root.id, 'a', 'file')).toThrow(failsWith('EEXIST'));
    fs.writeFileSync(`${folder}/b`, 'x');
    fs.writeFileSync(`${folder}/c`, 'y');
    expect(() => volume.rename(volume.root.id, 'b', volume.root.id, 'c')).toThrow(failsWith('EEXIST'));
    expect(fs.readFileSync(`${folder}/c`, 'latin1')).toBe('y');
    untouched();
  });
});

test('names that are no single part of a path are refused', () => {
  for (const name of ['', '.', '..', '../x', 'a/b', 'a\0', 'x'.repeat(256)])
    expect(() => make(volume.root.id, name, 'file')).toThrow(failsWith('EINVAL'));
  untouched();
});

test('attributes are put back after writing: mode with setuid, times, those of the folder', () => {
  const before = fs.statSync(folder, { bigint: true }).mtimeNs / 1000n;
  const mode = isRoot ? 0o4755 : 0o755;
  const file = make(volume.root.id, 'f', 'file', { mode, mtime: -5, mtimeNanos: 999_999_000 });
  const link = make(volume.root.id, 'l', 'symlink', { target: `${outside}/precious` });
  volume.write(file, 3, Buffer.from('abc'));
  volume.setAttributes(link, { mtime: 1e9, mtimeNanos: 0 });
  volume.settle();
  const again = new PathReader(folder);
  const items = again.list(again.root.id).sort((a, b) => (a.name < b.name ? -1 : 1));
  expect(items[0]).toMatchObject({ name: 'f', size: 6, mode, mtime: -5 });
  expect(Math.floor((items[0]?.mtimeNanos ?? 0) / 1000)).toBe(999_999);
  expect(items[1]).toMatchObject({ name: 'l', kind: 'symlink', mtime: 1e9 });
  expect(fs.statSync(folder, { bigint: true }).mtimeNs / 1000n).toBe(before);
  again.end();
  untouched();
});

test('a read-only folder is not changed, and no attribute is kept in silence', () => {
  fs.writeFileSync(`${folder}/a`, 'x');
  const reader = new PathWriter(folder, { writable: false });
  const id = reader.lookup(reader.root.id, 'a')?.id ?? -1;
  expect(() => reader.write(id, 0, Uint8Array.of(1))).toThrow('opened for writing');
  reader.end();
  const own = found('a').id;
  expect(() => volume.setXattr(own, 'note', Uint8Array.of(1))).toThrow(failsWith('ENOTSUP'));
  volume.setXattr(own, 'note', null);
  expect(volume.xattrs(own)).toEqual([]);
  expect(volume.traits).toMatchObject({ xattrs: false, timeUnit: 1000, hardLinks: 'files' });
});

test('what is no folder cannot be opened, and case is found out by asking', () => {
  fs.writeFileSync(`${folder}/a`, 'x');
  expect(() => new PathWriter(`${folder}/a`, { writable: true })).toThrow(failsWith('ENOTDIR'));
  expect(() => new PathWriter(`${folder}/none`, { writable: true })).toThrow(failsWith('ENOENT'));
  expect(isCaseSensitive(folder)).toBe(true);
  fs.linkSync(`${folder}/a`, `${folder}/A`);
  expect(isCaseSensitive(`${folder}/a`)).toBe(false);
});
