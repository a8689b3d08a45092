// Images of APFS, made by macOS, through the command.

import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageInfo } from '@tintype/engine';
import { fixture, unpackFixture, withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { json, sha256, tintype } from '../built.testing.js';

const basic = fixture('apfs/basic-udzo.dmg');
const encrypted = 'apfs/filevault-volume.img.gz';

test.skipIf(basic.skip)('ls, cat, stat, find and xattr', () => {
  const { status, stdout } = tintype('ls', '-R', basic.path);
  expect({ status, lines: stdout.trim().split('\n').length }).toEqual({ status: 0, lines: 14 });
  expect(tintype('cat', basic.path, '/HELLO.TXT').stdout).toBe('hello from apfs\n');
  expect(sha256(tintype('cat', basic.path, '/compressed.txt').bytes)).toBe(
    '23f90f8b2c3a4b5f3b5e156339994afd5c2718b378aca6f0e17111f80a70d4ec',
  );
  expect(json('stat', basic.path, '/hardlink-to-hello')).toMatchObject({ type: 'file', size: 16, nlink: 2, inode: 16 });
  expect(json('find', basic.path, '--name', 'deep*')).toMatchObject({ items: [{ path: '/dir1/nested/deep.txt' }] });
  expect(json('xattr', basic.path, '/bigattr.txt')).toMatchObject({
    xattrs: [{ name: 'com.apple.provenance' }, { name: 'com.example.big', size: 6000 }],
  });
});

test.skipIf(basic.skip)('info, inspect and verify', () => {
  expect(json<ImageInfo>('info', basic.path).volumes).toMatchObject([
    {
      fs: 'apfs',
      name: 'ACCEPT',
      caseSensitive: false,
      files: 10,
      directories: 3,
      snapshots: [],
      dirty: false,
      encrypted: false,
    },
  ]);
  expect(tintype('inspect', basic.path, 'volume:0')).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('apfs_volname'),
  });
  expect(tintype('verify', basic.path).status).toBe(0);
  expect(tintype('ls', basic.path, '--snapshot', 'none')).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('no snapshot none'),
  });
});

test.skipIf(fixture(encrypted).skip)(
  'an encrypted volume without its passphrase is exit status 4, but is named',
  () => {
    withFolder((folder) => {
      unpackFixture(encrypted, folder);
      const image = join(folder, 'filevault-volume.img');
      expect(json<ImageInfo>('info', image).volumes).toMatchObject([{ name: 'Enc', files: 5, encrypted: true }]);
      expect(tintype('info', image).stdout).toContain('Enc (apfs, encrypted: its passphrase is needed for more)');
      for (const words of [
        ['ls', image],
        ['cat', image, '/secret.txt'],
        ['restore', image, join(folder, 'out')],
      ])
        expect(tintype(...words), words[0]).toMatchObject({ status: 4, stdout: '' });
    });
  },
);

test.skipIf(fixture(encrypted).skip)('verify looks into an encrypted volume with its passphrase', () => {
  withFolder((folder) => {
    unpackFixture(encrypted, folder);
    const image = join(folder, 'filevault-volume.img');
    const verified = (passphrase: string, ...words: string[]) => {
      writeFileSync(join(folder, 'passphrase'), passphrase);
      return tintype('verify', image, '--passphrase-file', join(folder, 'passphrase'), ...words);
    };
    for (const words of [[], ['--data']])
      expect(verified('hunter2hunter2', ...words)).toMatchObject({ status: 0, stdout: '' });
    expect(verified('hunter3')).toMatchObject({ status: 4 });
    const closed = tintype('verify', image);
    expect(closed.status).toBe(3);
    expect(closed.stdout).toContain('volume-locked');
  });
});

/** The superblock of the newest checkpoint, in the descriptor area behind block 0. */
function damageNewestSuperblock(image: string): void {
  const bytes = readFileSync(image);
  const blocks = bytes.readUInt32LE(104);
  const newest = Array.from({ length: blocks }, (_, i) => (1 + i) * 4096)
    .filter((at) => bytes.toString('latin1', at + 32, at + 36) === 'NXSB')
    .sort((a, b) => bytes.readUInt32LE(b + 16) - bytes.readUInt32LE(a + 16))[0] as number;
  bytes.fill(0xdb, newest + 512, newest + 1024);
  writeFileSync(image, bytes);
}

test('a damaged newest checkpoint: the one before is read, and every command says so once', () => {
  withFolder((folder) => {
    const [source, image] = [join(folder, 'source'), join(folder, 'a.dmg')];
    mkdirSync(source);
    expect(tintype('create', image, '--format', 'udrw', '--layout', 'none', '--size', '30m').status).toBe(0);
    for (const name of ['one', 'two']) {
      writeFileSync(join(source, name), name);
      expect(tintype('backup', source, image).status).toBe(0);
    }
    damageNewestSuperblock(image);
    const [damaged, out] = [join(folder, 'damaged.dmg'), join(folder, 'out')];
    copyFileSync(image, damaged);
    const told = /checkpoint \d+ is damaged .*later changes are missing/g;
    expect(json<ImageInfo>('info', image).findings).toMatchObject([{ kind: 'checkpoint-discarded' }]);
    for (const words of [
      ['ls', image],
      ['cat', image, '/one'],
      ['restore', image, out],
      ['diff', source, image],
      ['snapshot', 'list', image],
      ['convert', image, `${out}.dmg`],
      ['convert', image, `${out}.sparsebundle`],
      ['migrate', image, `${out}-folder`],
      ['migrate', image, `${out}-migrated.sparsebundle`, '--size', '30m'],
      ['migrate', image, `${out}-migrated.dmg`],
      ['compact', '--dry-run', image],
      ['compact', image],
      ['resize', image, '--size', '40m'],
      ['backup', source, image],
    ]) {
      if (words[0] === 'backup' || words[0] === 'compact') copyFileSync(damaged, image);
      const { status, stderr } = tintype(...words);
      expect(stderr.match(told), words.join(' ')).toHaveLength(1);
      expect(stderr).toContain(`${image}: checkpoint`);
      expect(status, words.join(' ')).toBe(0);
    }
    expect(tintype('verify', image).status).toBe(0);
  });
});
