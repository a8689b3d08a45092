import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CorruptError, type NewItem, type Volume } from '@tintype/core';
import { fixture, MemoryVolume, plainAttributes } from '@tintype/testkit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hostContext } from '../host-context.js';
import { openStack } from '../stack.js';
import { content, find, flagNames, list, listed, pathItem, timeText, usage } from './browse.js';

const basic = fixture('hfsplus/basic-udzo.dmg');

interface ManifestItem {
  readonly type: string;
  readonly size?: number;
  readonly sha256?: string;
  readonly xattrs?: Readonly<Record<string, { readonly size: number; readonly sha256: string }>>;
}

function sha256(pieces: Iterable<Uint8Array>): string {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece);
  return hash.digest('hex');
}

function newItem(name: string, kind: NewItem['kind'], fields: Partial<NewItem> = {}): NewItem {
  return { ...plainAttributes, name, kind, size: 0, target: '', rdevMajor: 0, rdevMinor: 0, ...fields };
}

/** Makes files and the folders above them. */
function volumeOf(paths: readonly string[]): MemoryVolume {
  const volume = new MemoryVolume();
  const folders = new Map([['', volume.root.id]]);
  for (const path of paths) {
    const parts = path.split('/');
    for (let depth = 1; depth <= parts.length; depth += 1) {
      const here = parts.slice(0, depth).join('/');
      if (folders.has(here)) continue;
      const parent = folders.get(parts.slice(0, depth - 1).join('/')) ?? volume.root.id;
      const kind = depth === parts.length ? 'file' : 'directory';
      const [id = 0] = volume.create(parent, [newItem(parts[depth - 1] ?? '', kind)]);
      folders.set(here, id);
    }
  }
  return volume;
}

function pathsOf(volume: Volume, path = '/', deep = true): string[] {
  return [...list(volume, path, deep)].map((entry) => entry.path);
}

test.skipIf(basic.skip)('contents and attributes of a real image are those of its manifest', () => {
  const { files } = JSON.parse(readFileSync(join(fixture('hfsplus').path, 'basic.manifest.json'), 'utf8')) as {
    files: Record<string, ManifestItem>;
  };
  const stack = openStack(basic.path, { ...hostContext(), writable: false });
  try {
    const { volume } = stack;
    for (const [name, wanted] of Object.entries(files)) {
      const path = `/${name.normalize('NFC')}`;
      const { item } = pathItem(volume, path);
      if (wanted.type === 'file') expect(sha256(content(volume, path)), path).toBe(wanted.sha256);
      const xattrs = volume
        .xattrs(item.id)
        .map((entry) => [
          entry.name,
          { size: entry.size, sha256: sha256([volume.xattr(item.id, entry.name) ?? new Uint8Array(1)]) },
        ]);
      expect(Object.fromEntries(xattrs), path).toEqual(wanted.xattrs ?? {});
    }
  } finally {
    stack.abandon();
  }
});

test('a deep listing is in the order of the bytes of the paths', () => {
  const paths = ['a/b', 'a/c/d', 'a.txt', 'a-b/x', 'a0', 'B', 'é/1', '\u{10000}', '\uffee', 'z/z'];
  expect(pathsOf(volumeOf(paths))).toEqual([
    '/B',
    '/a',
    '/a-b',
    '/a-b/x',
    '/a.txt',
    '/a/b',
    '/a/c',
    '/a/c/d',
    '/a0',
    '/z',
    '/z/z',
    '/é',
    '/é/1',
    '/\uffee',
    '/\u{10000}',
  ]);
});

test('the order holds for any names', () => {
  const part = fc.string({
    unit: fc.constantFrom('a', 'b', '.', '-', '0', 'é', '\uffee', '\u{10000}', '\udcff'),
    minLength: 1,
    maxLength: 3,
  });
  const name = part.filter((text) => !/^\.\.?$/.test(text));
  const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
  fc.assert(
    fc.property(fc.uniqueArray(path, { maxLength: 12 }), (paths) => {
      const files = paths.filter((one) => !paths.some((other) => other.startsWith(`${one}/`)));
      const listing = [...list(volumeOf(files), '/', true)];
      const bytes = listing.map((entry) => Buffer.from(entry.path.replace(/[\udc80-\udcff]/g, '\uffff'), 'utf8'));
      const plain = listing.every((entry) => entry.path.isWellFormed());
      if (plain) expect(bytes).toEqual([...bytes].sort(Buffer.compare));
      expect(new Set(listing.map((entry) => entry.path)).size).toBe(listing.length);
      for (const file of files) expect(listing.some((entry) => entry.path === `/${file}`)).toBe(true);
    }),
    { seed: 7, numRuns: 150 },
  );
});

test('one level, below a folder, and of a file itself', () => {
  const volume = volumeOf(['a/b/c', 'a/d', 'e']);
  expect(pathsOf(volume, '/', false)).toEqual(['/a', '/e']);
  expect(pathsOf(volume, '//a/./', true)).toEqual(['/a/b', '/a/b/c', '/a/d']);
  expect(pathsOf(volume, '/e', true)).toEqual(['/e']);
  expect(() => pathsOf(volume, '/nothing')).toThrow(expect.objectContaining({ code: 'no-item' }));
});

test('a folder that lies in itself ends the walk as damage', () => {
  const volume = volumeOf(['a/b']);
  const { item } = pathItem(volume, '/a');
  const sound = volume.list.bind(volume);
  volume.list = (folder) => (folder === item.id ? [...sound(folder), { ...item, name: 'again' }] : sound(folder));
  expect(() => pathsOf(volume)).toThrow(CorruptError);
  expect(() => usage(volume, '/')).toThrow(CorruptError);
});

test('a file whose data end early is damage, not a short file', () => {
  const volume = volumeOf(['f']);
  volume.write(pathItem(volume, '/f').item.id, 0, new Uint8Array(10));
  volume.read = () => 0;
  expect(() => [...content(volume, '/f')]).toThrow(CorruptError);
});

test('a listed item: permissions in octal, whole seconds or nanoseconds, bytes of odd names', () => {
  const volume = new MemoryVolume();
  volume.create(volume.root.id, [
    newItem('l', 'symlink', { target: 'elsewhere', mode: 0o777 }),
    newItem('d', 'block', { rdevMajor: 8, rdevMinor: 1, mode: 0o60, flags: 0x8002, mtimeNanos: 5 }),
    newItem('x\udcff', 'fifo'),
  ]);
  const items = [...list(volume, '/', false)].map((entry) => listed(volume, entry));
  expect(items).toMatchObject([
    {
      path: '/d',
      type: 'block',
      mode: '0060',
      rdev: [8, 1],
      flags: ['uchg', 'hidden'],
      mtime: '2020-01-01T12:00:00.000000005Z',
    },
    { path: '/l', type: 'symlink', target: 'elsewhere', rdev: null },
    { path: '/x\ufffd', type: 'fifo', pathBytes: Buffer.from([0x2f, 0x78, 0xff]).toString('base64') },
  ]);
  expect(timeText(-2_082_844_800, 0, 1e9)).toBe('1904-01-01T00:00:00Z');
  expect(flagNames(0)).toEqual([]);
});

test('find: by name, size and time', () => {
  const volume = volumeOf(['a/one.txt', 'a/two.jpg', '.hidden.txt']);
  const found = (options: Parameters<typeof find>[2]) => [...find(volume, '/', options)].map((entry) => entry.path);
  expect(found({ name: '*.txt' })).toEqual(['/.hidden.txt', '/a/one.txt']);
  expect(found({ name: 'a' })).toEqual(['/a']);
  expect(found({ size: { sign: '', bytes: 0 } })).toHaveLength(3);
  expect(found({ size: { sign: '+', bytes: 0 } })).toEqual([]);
  expect(found({ newer: plainAttributes.mtime })).toEqual([]);
  expect(found({ newer: plainAttributes.mtime - 1 })).toHaveLength(4);
});

test('usage counts hard links once, and SafetyNet only if it is named', () => {
  const volume = volumeOf(['a/f', '_SafetyNet/old/g']);
  const { item } = pathItem(volume, '/a/f');
  volume.write(item.id, 0, new Uint8Array(100));
  volume.link(volume.root.id, 'again', item.id);
  volume.write(pathItem(volume, '/_SafetyNet/old/g').item.id, 0, new Uint8Array(7));
  expect(usage(volume, '/')).toMatchObject({ path: '/', items: 4, bytes: 100 });
  expect(usage(volume, '/_SafetyNet')).toMatchObject({ items: 3, bytes: 7 });
  expect(usage(volume, '/a/f')).toMatchObject({ items: 1, bytes: 100 });
});
