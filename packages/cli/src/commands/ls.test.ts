import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ListedItem } from '@tintype/engine';
import { withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { basic, basicManifest, json, tintype } from '../built.testing.js';
import { permissions } from './ls.js';

interface Listing {
  readonly image: string;
  readonly volume: string;
  readonly items: readonly ListedItem[];
}

test.skipIf(basic.skip)('one name a line, folders with a slash', () => {
  const { status, stdout } = tintype('ls', basic.path);
  expect(status).toBe(0);
  expect(stdout.split('\n').slice(0, 4)).toEqual(['bigattr.txt', 'compressed.txt', 'dir1/', 'empty.txt']);
  expect(tintype('ls', basic.path, '/dir1').stdout).toBe('nested/\n');
  expect(tintype('ls', basic.path, '/dir1', '-R').stdout).toBe('nested/\nnested/deep.txt\n');
  expect(tintype('ls', basic.path, '/hello.txt').stdout).toBe('hello.txt\n');
});

test.skipIf(basic.skip)('every item of an image made by macOS is listed as its manifest says', () => {
  const { image, volume, items } = json<Listing>('ls', '-R', basic.path);
  expect({ image, volume }).toEqual({ image: basic.path, volume: 'HFSTEST' });
  const byPath = new Map(items.map((item) => [item.path.slice(1), item]));
  const manifest = basicManifest();
  expect(items.filter((item) => item.type !== 'directory').length).toBe(manifest.length);
  for (const [path, wanted] of manifest) {
    const item = byPath.get(path);
    expect(item, path).toMatchObject({ type: wanted.type, target: wanted.target ?? null });
    if (wanted.type === 'file')
      expect(item, path).toMatchObject({ size: wanted.size, mode: wanted.mode?.replace('0o', '0') });
    expect(item?.xattrs, path).toEqual(Object.keys(wanted.xattrs ?? {}).sort());
  }
  expect(byPath.get('hello.txt')).toMatchObject({
    nlink: 2,
    inode: byPath.get('hardlink-to-hello')?.inode,
    flags: [],
    rdev: null,
  });
  expect(byPath.get('hello.txt')?.mtime).toMatch(/^2026-07-27T\d\d:\d\d:\d\dZ$/);
});

test('items are in the order of the bytes of their paths', () => {
  withFolder((folder) => {
    const source = join(folder, 'source');
    for (const name of ['a', 'a-b', 'é', 'z']) mkdirSync(join(source, name), { recursive: true });
    for (const name of ['a.txt', 'a/b', 'a/c', 'a-b/x', 'a0', 'B', 'é/1', '\u{10000}', '\uffee', 'z/z'])
      writeFileSync(join(source, name), name);
    const image = join(folder, 'order.sparsebundle');
    expect(tintype('backup', source, image, '--fs', 'hfs+', '--size', '64m')).toMatchObject({ status: 0 });
    const paths = json<Listing>('ls', image, '-R').items.map(({ path }) => path);
    const own = paths.filter((path) => !path.startsWith('/_SafetyNet'));
    expect(own).toHaveLength(14);
    expect(paths).toEqual([...paths].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
    expect(own.indexOf('/a.txt')).toBeLessThan(own.indexOf('/a/b'));
  });
});

test('permissions are shown as ls does', () => {
  expect(permissions('file', 0o644)).toBe('-rw-r--r--');
  expect(permissions('directory', 0o1777)).toBe('drwxrwxrwt');
  expect(permissions('file', 0o4711)).toBe('-rws--x--x');
  expect(permissions('file', 0o2644)).toBe('-rw-r-Sr--');
  expect(permissions('symlink', 0o777)).toBe('lrwxrwxrwx');
});
