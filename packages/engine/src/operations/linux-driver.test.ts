// Volumes that the Linux driver changed: read as it lists them, sound by our check, and gone on with by backups that it and
// apfsck are content with.

import { mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { WritableVolume } from '@tintype/core';
import {
  apfsck,
  asKernelItems,
  comparableItems,
  kernelRead,
  kernelWrite,
  mkapfs,
  withFolder,
  withOracle,
} from '@tintype/testkit';
import { expect, test } from 'vitest';
import { raw } from '../maintenance/raw.js';
import { verify } from '../maintenance/verify.js';
import type { BackupOptions } from '../operation.js';
import { testContext } from '../run-context.testing.js';
import { openStack } from '../stack.js';
import { backup } from './backup.js';

const lacks = (['kernel-read', 'kernel-write', 'mkapfs', 'apfsck'] as const).some((name) => withOracle(name).skip);
const SIZE = 64 << 20;

/** Into an empty volume. */
const FILLING = `set -ex
mkdir -p docs/deep many
fill docs/a.bin 300001 7
fill docs/deep/b 5000 8
fill gone 70000 9
ln docs/a.bin 'hard link'
ln docs/a.bin docs/deep/second
ln -s docs/a.bin sym
many many 300 700
setxattr docs/a.bin osx.com.example.small value
fill large 9000 10
setxattr -f large docs osx.com.example.large
chmod 4750 docs/a.bin
chown 501:20 docs/deep/b
settime docs/deep/b 1000000000123456789
snapshot then
`;
/** In one that backups filled, too: what a backup replaces, moves and deletes later. */
const CHANGING = `set -ex
fill docs/a.bin 90000 11
fill docs/new 200000 12
mv docs/deep moved
ln docs/new 'docs/new link'
rm -f gone
setxattr docs/new osx.com.example.other value
setxattr moved/b osx.com.example.other value
setxattr moved/b osx.com.example.third value
rmxattr moved/b osx.com.example.other
truncate -s 5000 moved/b
truncate -s 400000 docs/new
rm -rf many/* || rm -rf many/*
ln -s ../moved docs/moved
settime docs/new 1100000000000000000
`;

/** The source, at a backup: names as in the scripts, so that all is replaced, moved or deleted. */
function fillSource(source: string, round: number): void {
  rmSync(source, { recursive: true, force: true });
  mkdirSync(join(source, 'docs', 'deep'), { recursive: true });
  mkdirSync(join(source, 'many'));
  writeFileSync(join(source, 'docs', 'a.bin'), Buffer.alloc(120_000 * round, `round ${round} `));
  writeFileSync(join(source, 'docs', 'deep', 'b'), 'as it was');
  writeFileSync(join(source, 'gone'), 'not for long');
  for (let i = 0; i < 20; i += 1) writeFileSync(join(source, 'many', `file ${i * round}`), `${i}`.repeat(300));
}

function withVolume<T>(image: string, use: (volume: WritableVolume) => T): T {
  const stack = openStack(image, { ...testContext(), writable: false });
  try {
    return use(stack.live);
  } finally {
    stack.abandon();
  }
}

/** We list what the driver listed, with hashes, and our check finds nothing. */
function expectReadAlike(image: string, { items, verdict }: ReturnType<typeof kernelWrite>): void {
  expect(verdict.ok, verdict.output).toBe(true);
  expect(withVolume(image, asKernelItems)).toEqual(comparableItems(items));
  expect(verify({ image }, testContext())).toMatchObject({ findings: 0 });
}

/** A backup into what the driver left, which apfsck is content with; answers the volume in a file of its own. */
function backedUp(image: string, source: string, folder: string, options: Partial<BackupOptions> = {}): string {
  expect(backup({ source, destination: image, ...options }, testContext()).problems).toEqual([]);
  expect(verify({ image }, testContext())).toMatchObject({ findings: 0 });
  const out = join(folder, 'volume.raw');
  rmSync(out, { force: true });
  raw({ image, out, volume: '0' }, testContext());
  expect(apfsck(out)).toEqual({ ok: true, output: '', exit: 0 });
  return out;
}

test.skipIf(lacks)(
  'mkapfs makes a volume and the driver fills it: we read it, a backup goes on, the driver again',
  () =>
    withFolder((folder) => {
      process.env.TINTYPE_HOME = join(folder, 'home');
      const image = join(folder, 'image.dmg');
      const source = join(folder, 'source');
      writeFileSync(image, '');
      truncateSync(image, SIZE);
      expect(mkapfs(image)).toMatchObject({ ok: true });
      const filled = kernelWrite(FILLING, image);
      const expectThenKept = (): void => {
        const then = withVolume(image, (volume) => {
          const snapshot = volume.snapshots?.find(({ name }) => name === 'then');
          return asKernelItems(volume.openSnapshot(snapshot?.xid ?? 0));
        });
        expect(then).toEqual(comparableItems(filled.items));
      };
      expectReadAlike(image, filled);
      expectThenKept();
      fillSource(source, 1);
      backedUp(image, source, folder);
      expectThenKept();
      expectReadAlike(image, kernelWrite(CHANGING, image));
      fillSource(source, 2);
      const { items, verdict } = kernelRead(backedUp(image, source, folder, { makeSnapshot: 'ours' }), ['--strict']);
      expect(verdict.ok, verdict.output).toBe(true);
      expect(withVolume(image, asKernelItems)).toEqual(comparableItems(items));
      expectThenKept();
    }),
);

test.skipIf(lacks)('a backup fills a volume of ours and the driver changes it: we read it, and backups go on', () =>
  withFolder((folder) => {
    process.env.TINTYPE_HOME = join(folder, 'home');
    const image = join(folder, 'image.dmg');
    const source = join(folder, 'source');
    fillSource(source, 1);
    backup({ source, destination: image, format: 'udrw', fs: 'apfs', size: SIZE }, testContext());
    expectReadAlike(image, kernelWrite(CHANGING, image));
    fillSource(source, 2);
    backedUp(image, source, folder);
  }),
);
