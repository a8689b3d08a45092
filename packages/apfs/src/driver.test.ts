// Real containers, read whole: names, attributes and contents are those that macOS shows.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Finding, type Item, MemoryDevice, type Volume } from '@tintype/core';
import { fixture, SparseDevice, snapshotOf } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { apfs } from './driver.js';
import { ReadOnlyFileSystem } from './reading/read-only-file-system.js';
import { edit, isMissing, PASSPHRASE, type SampleName, sample, sampleNames } from './sample.testing.js';

const mount = { writable: false, now: () => 0, random: () => {} };

function opened(name: SampleName, passphrase?: Uint8Array): Volume {
  return apfs.open(new MemoryDevice(sample(name)), { ...mount, passphrase }).volumes[0] as Volume;
}

/** All items by path, folders before what they hold. */
function itemsOf(volume: Volume): Map<string, Item> {
  const found = new Map<string, Item>();
  const folders = [{ path: '', id: volume.root.id }];
  for (let folder = folders.shift(); folder; folder = folders.shift())
    for (const item of volume.list(folder.id)) {
      found.set(`${folder.path}${item.name}`, item);
      if (item.kind === 'directory') folders.push({ path: `${folder.path}${item.name}/`, id: item.id });
    }
  return found;
}

function contentOf(volume: Volume, { id, size }: Item): Buffer {
  const bytes = Buffer.alloc(size);
  expect(volume.read(id, 0, bytes)).toBe(size);
  return bytes;
}
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

interface ManifestItem {
  readonly type: string;
  readonly mode?: string;
  readonly size?: number;
  readonly sha256?: string;
  readonly target?: string;
  readonly xattrs?: Readonly<Record<string, { readonly size: number; readonly sha256: string }>>;
}

test.skipIf(isMissing('basic'))('every item of the newest macOS is as its manifest says', () => {
  const text = readFileSync(fixture('apfs/basic.manifest.json').path, 'utf8');
  const { files } = JSON.parse(text) as { files: Record<string, ManifestItem> };
  const volume = opened('basic');
  const items = itemsOf(volume);
  for (const [path, wanted] of Object.entries(files)) {
    const item = items.get(path) as Item;
    expect(item?.kind, path).toBe(wanted.type === 'dir' ? 'directory' : wanted.type);
    if (wanted.mode !== undefined) expect(`0o${item.mode.toString(8)}`, path).toBe(wanted.mode);
    if (wanted.type === 'file') {
      expect(item.size, path).toBe(wanted.size);
      expect(sha256(contentOf(volume, item)), path).toBe(wanted.sha256);
    }
    if (wanted.target !== undefined) expect(volume.readlink(item.id), path).toBe(wanted.target);
    const xattrs = volume.xattrs(item.id).map(({ name, size }) => {
      const value = volume.xattr(item.id, name) ?? new Uint8Array(1);
      expect(value.length).toBe(size);
      return [name, { size, sha256: sha256(value) }];
    });
    expect(Object.fromEntries(xattrs), path).toEqual(wanted.xattrs ?? {});
  }
  const folders = [...items.values()].filter(({ kind }) => kind === 'directory');
  expect(items.size - folders.length).toBe(Object.keys(files).length);
});

test.for(sampleNames)('%s: listed, looked up or asked for, an item is the same', (name, { skip }) => {
  skip(isMissing(name));
  expect(Object.keys(snapshotOf(opened(name, PASSPHRASE))).length).toBeGreaterThan(1);
});

test.skipIf(isMissing('basic'))('hard links are one item with two names', () => {
  const volume = opened('basic');
  const names = ['hello.txt', 'hardlink-to-hello', 'HELLO.TXT'].map((name) => volume.lookup(volume.root.id, name));
  expect(names.map((item) => [item?.inode, item?.nlink, item?.name])).toEqual([
    [16, 2, 'hello.txt'],
    [16, 2, 'hardlink-to-hello'],
    [16, 2, 'hello.txt'],
  ]);
});

test.skipIf(isMissing('basic'))('names are found in any form and case, and only they', () => {
  const volume = opened('basic');
  const folder = volume.lookup(volume.root.id, 'ÜNÏCØDÉ'.normalize('NFD'));
  expect(folder?.name).toBe('ünïcødé'.normalize('NFC'));
  expect(volume.lookup(folder?.id ?? 0, 'Файл.TXT')?.kind).toBe('file');
  expect(volume.lookup(folder?.id ?? 0, 'файл.tx')).toBe(null);
  expect(volume.lookup(volume.root.id, 'private-dir')).toBe(null);
});

test.skipIf(isMissing('basic'))('a compressed file reads clear from anywhere, and hides how it is kept', () => {
  const volume = opened('basic');
  const item = volume.lookup(volume.root.id, 'compressed.txt') as Item;
  const whole = contentOf(volume, item);
  const part = Buffer.alloc(100);
  expect(volume.read(item.id, 20_000, part)).toBe(100);
  expect(part.equals(whole.subarray(20_000, 20_100))).toBe(true);
  expect(volume.read(item.id, item.size - 10, part)).toBe(10);
  expect(volume.extents(item.id)).toEqual([{ position: 0, length: 23_893, kind: 'data' }]);
  expect(volume.xattr(item.id, 'com.apple.decmpfs')).toBe(null);
  expect(volume.xattr(item.id, 'com.apple.ResourceFork')).toBe(null);
  expect(item.flags & 0x20).toBe(0x20);
});

test.skipIf(isMissing('container'))('a container of 2021 holds one file', () => {
  const volume = opened('container');
  const items = itemsOf(volume);
  expect([...items.keys()]).toEqual(['container']);
  expect(items.get('container')).toMatchObject({ kind: 'file', size: 17, nlink: 1 });
});

test.skipIf(isMissing('dfvfs'))('a bare container of 2022', () => {
  const volume = opened('dfvfs');
  const items = itemsOf(volume);
  expect([...items.keys()].filter((path) => !path.startsWith('.fseventsd')).sort()).toEqual([
    'a_directory',
    'a_directory/a_file',
    'a_directory/a_resourcefork',
    'a_directory/another_file',
    'a_link',
    'passwords.txt',
  ]);
  const item = (path: string): Item => items.get(path) as Item;
  expect(contentOf(volume, item('a_directory/another_file')).toString()).toBe('This is another file.\n');
  expect(volume.readlink(item('a_link').id)).toBe('a_directory/another_file');
  expect(item('a_link')).toMatchObject({ size: 24, mtime: 1_642_144_781 });
  expect(Buffer.from(volume.xattr(item('a_directory/a_file').id, 'myxattr') ?? []).toString()).toBe(
    'My extended attribute',
  );
  const fork = volume.xattr(item('a_directory/a_resourcefork').id, 'com.apple.ResourceFork');
  expect(Buffer.from(fork ?? []).toString()).toBe('My resource fork\n');
});

describe.skipIf(isMissing('filevault'))('an encrypted volume', () => {
  test('reads with its passphrase', () => {
    const volume = opened('filevault', PASSPHRASE);
    const items = itemsOf(volume);
    const text = (path: string): string => contentOf(volume, items.get(path) as Item).toString();
    expect(text('secret.txt')).toBe('secret content for the encrypted volume\n');
    expect(text('dir/nested.txt')).toBe('nested secret\n');
    expect(text('.fseventsd/fseventsd-uuid')).toBe('D659F2BD-0A08-4148-8F1E-6B1A6E2B2BEA');
    const part = Buffer.alloc(7);
    volume.read(items.get('secret.txt')?.id ?? 0, 7, part);
    expect(part.toString()).toBe('content');
  });
  test('is named without one, and says that it needs it', () => {
    const volume = opened('filevault');
    expect(volume.name).toBe('Enc');
    expect(() => volume.root).toThrow(expect.objectContaining({ code: 'passphrase-missing' }));
    expect(apfs.probe(new MemoryDevice(sample('filevault')))?.volumes[0]).toMatchObject({
      isEncrypted: true,
      files: 5,
    });
  });
  test('refuses another passphrase', () => {
    const volume = opened('filevault', Buffer.from('hunter2hunter3'));
    expect(() => volume.root).toThrow(expect.objectContaining({ code: 'passphrase-wrong' }));
    expect(() => opened('filevault', new Uint8Array(0)).root).toThrow(
      expect.objectContaining({ code: 'passphrase-wrong' }),
    );
  });
});

test.skipIf(isMissing('basic'))('probe tells names, sizes and counts without a mount', () => {
  expect(apfs.probe(new MemoryDevice(sample('basic')))).toEqual({
    kind: 'apfs',
    volumes: [
      {
        name: 'ACCEPT',
        uuid: '369159B9-E53C-4765-A5D8-1678F3CA7779',
        caseSensitive: false,
        capacity: 16_736_256,
        free: expect.any(Number),
        files: 10,
        directories: 3,
        writer: 'apfs_kext (2811.120.14.0.1)',
        dirty: false,
        isEncrypted: false,
        snapshots: [],
      },
    ],
  });
});

test.each(sampleNames)('free ranges of %s are those that the space manager counts', (name) => {
  if (isMissing(name)) return;
  const fileSystem = apfs.open(new MemoryDevice(sample(name)), mount);
  const ranges = [...(fileSystem.freeRanges() ?? [])];
  let end = 0;
  for (const { start, length } of ranges) {
    expect(start).toBeGreaterThan(end === 0 ? -1 : end);
    end = start + length;
  }
  expect(end).toBeLessThanOrEqual(fileSystem.capacity);
  expect(ranges.reduce((sum, { length }) => sum + length, 0)).toBe(fileSystem.free);
});

test('a device of something else is not taken for a container', () => {
  expect(apfs.probe(new SparseDevice(1 << 20))).toBe(null);
  expect(apfs.probe(new MemoryDevice(new Uint8Array(100)))).toBe(null);
});

describe.skipIf(isMissing('basic'))('a damaged container', () => {
  const findingsOf = (bytes: Uint8Array): Finding[] => {
    const found: Finding[] = [];
    new ReadOnlyFileSystem(new MemoryDevice(bytes), { ...mount, report: (finding) => found.push(finding) });
    return found;
  };
  test('is read at the checkpoint before, which is told', () => {
    const bytes = sample('basic');
    bytes[2 * 4096 + 100] = 0xff; // the newest superblock: xid 5 in block 2
    expect(itemsOf(apfs.open(new MemoryDevice(bytes), mount).volumes[0] as Volume).size).toBeGreaterThan(0);
    expect(findingsOf(bytes).map(({ kind, place }) => [kind, place])).toEqual([
      ['checkpoint-discarded', 'checkpoint 5'],
    ]);
    const second = sample('basic');
    second[1 * 4096 + 100] = 0xff; // its map
    expect(findingsOf(second).map(({ kind, place }) => [kind, place])).toEqual([
      ['checkpoint-discarded', 'checkpoint 5'],
    ]);
  });
  test('without block 0 is found by the next superblock', () => {
    const bytes = sample('basic');
    bytes.fill(0, 0, 4096);
    expect(apfs.probe(new MemoryDevice(bytes))?.volumes[0]).toMatchObject({ name: 'ACCEPT', dirty: true });
  });
  test('of a Fusion drive, of an unknown form, is refused by name', () => {
    const bytes = sample('basic');
    for (const block of [0, 2]) edit(bytes, block, (view) => view.setUint32(0x40, 0x102, true));
    expect(() => apfs.probe(new MemoryDevice(bytes))).toThrow(/Fusion/);
    for (const block of [0, 2]) edit(bytes, block, (view) => view.setUint32(0x40, 0x1002, true));
    expect(() => apfs.probe(new MemoryDevice(bytes))).toThrow(/1000/);
  });
  test('without any whole checkpoint says why', () => {
    const bytes = sample('basic');
    bytes.fill(0xff, 4096, 9 * 4096);
    expect(() => apfs.open(new MemoryDevice(bytes), mount)).toThrow(/no checkpoint is whole/);
  });
});
