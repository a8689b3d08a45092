import { join } from 'node:path';
import type { ImageInfo, Usage } from '@tintype/engine';
import { unpackFixture, withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { basic, basicManifest, json, sha256, tintype } from '../built.testing.js';

interface AttributeList {
  readonly path: string;
  readonly xattrs: readonly { readonly name: string; readonly size: number; readonly value: string }[];
}

test.skipIf(basic.skip).each(['bigattr.txt', 'rsrc.txt'])('xattr: %s has the values that macOS wrote', (path) => {
  const wanted = new Map(basicManifest()).get(path)?.xattrs ?? {};
  const { xattrs } = json<AttributeList>('xattr', basic.path, `/${path}`);
  expect(xattrs.map(({ name }) => name)).toEqual(Object.keys(wanted).sort());
  for (const { name, size, value } of xattrs) {
    const bytes = Buffer.from(value, 'base64');
    expect({ size, length: bytes.length, sha256: sha256(bytes) }).toEqual({
      size: wanted[name]?.size,
      length: size,
      sha256: wanted[name]?.sha256,
    });
  }
});

test.skipIf(basic.skip)('stat: one item, for people and as JSON', () => {
  expect(json('stat', basic.path, '/script.sh')).toMatchObject({
    path: '/script.sh',
    type: 'file',
    mode: '0755',
    uid: 501,
    size: 18,
  });
  expect(tintype('stat', basic.path, '/script.sh').stdout).toContain('0755 (-rwxr-xr-x)');
  expect(json('stat', basic.path, '/')).toMatchObject({ path: '/', type: 'directory', size: 0 });
});

test.skipIf(basic.skip).each([
  [
    ['--name', '*.txt', '--size', '-20'],
    ['/dir1/nested/deep.txt', '/empty.txt', '/hello.txt'],
  ],
  [['--size', '+1m'], ['/random.bin']],
  [
    ['--size', '16', '--newer', '2026-01-01'],
    ['/hardlink-to-hello', '/hello.txt'],
  ],
  [['--newer', '2027-01-01'], []],
  [['--name', 'nested'], ['/dir1/nested']],
])('find %j', (words, paths) => {
  const { status, stdout } = tintype('find', basic.path, ...words);
  expect({ status, paths: stdout.split('\n').filter((path) => path !== '') }).toEqual({ status: 0, paths });
});

test.skipIf(basic.skip)('find below a folder, as JSON, also when nothing is found', () => {
  expect(json<{ items: { path: string }[] }>('find', basic.path, '/dir1').items.map(({ path }) => path)).toEqual([
    '/dir1/nested',
    '/dir1/nested/deep.txt',
  ]);
  expect(json('find', basic.path, '--name', 'nothing')).toMatchObject({ items: [] });
});

test.skipIf(basic.skip)('du: a file with two names counts once', () => {
  const sizes = basicManifest()
    .filter(([path]) => path !== 'hardlink-to-hello')
    .map(([, { size }]) => size ?? 0);
  expect(json<Usage>('du', basic.path)).toMatchObject({
    path: '/',
    items: 15,
    bytes: sizes.reduce((sum, size) => sum + size, 0),
  });
  expect(json<Usage>('du', basic.path, '/dir1')).toMatchObject({ path: '/dir1', items: 3, bytes: 10 });
});

test.skipIf(basic.skip)('info: container, partitions, volumes', () => {
  const { container, partitions, volumes, reclaimable } = json<ImageInfo>('info', basic.path);
  expect(container).toMatchObject({ format: 'udzo', encryption: null });
  expect(container.hostBytes).toBeGreaterThan(1_000_000);
  expect(partitions).toEqual([{ index: 0, type: 'Apple_HFS', name: 'disk image', start: 20_480, size: 16_736_256 }]);
  expect(volumes).toMatchObject([
    {
      index: 0,
      fs: 'hfs+',
      name: 'HFSTEST',
      caseSensitive: false,
      capacity: 16_736_256,
      files: 11,
      directories: 3,
      snapshots: [],
    },
  ]);
  for (const { capacity, used, free } of volumes) expect(used + free).toBe(capacity);
  expect(reclaimable).toBe(0);
});

test.skipIf(basic.skip)('info: an encrypted image needs no passphrase to say that it is', () => {
  const image = basic.path.replace('hfsplus/basic-udzo.dmg', 'encrypted/bundle-aes256-v2.sparsebundle');
  expect(json<ImageInfo>('info', image).container).toMatchObject({
    format: 'sparsebundle',
    encryption: { keyBits: 256, iterations: 1000 },
  });
});

test.skipIf(basic.skip)('a bundle and a raw image made by Disk Utility hold the same picture', () => {
  withFolder((folder) => {
    unpackFixture('sparse/bundle.zip', folder);
    unpackFixture('sparse/raw-dmg.zip', folder);
    const hashes = ['aj_bundle.sparsebundle', 'aj_dmg.dmg'].map((name) => {
      const { status, bytes } = tintype('cat', join(folder, name), '/keep-calm-carry-on.jpg');
      return { status, length: bytes.length, sha256: sha256(bytes) };
    });
    expect(hashes[0]).toMatchObject({ status: 0, length: 568_741 });
    expect(hashes[1]).toEqual(hashes[0]);
  });
});

test.skipIf(basic.skip)('inspect: the list of places, and a structure field by field', () => {
  expect(tintype('inspect', basic.path)).toMatchObject({ status: 0, stdout: expect.stringContaining('koly') });
  expect(tintype('inspect', basic.path, 'header')).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('logicalSize'),
  });
  expect(tintype('inspect', basic.path, 'koly')).toMatchObject({ status: 0, stdout: expect.stringContaining('koly') });
  const [{ name, uuid } = { name: '', uuid: '' }] = json<ImageInfo>('info', basic.path).volumes;
  for (const volume of [name, uuid.toLowerCase(), '0']) {
    const found = json<{ lines: string[] }>('inspect', basic.path, 'header', '--volume', volume);
    expect(found).toMatchObject({ image: basic.path, place: 'header' });
    expect(found.lines[0]).toContain('HFSPlusVolumeHeader');
  }
  expect(tintype('inspect', basic.path, 'header', '--volume', 'other').status).toBe(1);
});
