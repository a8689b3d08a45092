// The rules of a restore, on real folders and on images: order, what a hostile backup cannot do.

import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { CancelledError, CorruptError } from '@tintype/core';
import { fixture, withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import type { EngineEvent } from '../events.js';
import { testContext } from '../run-context.testing.js';
import { backup } from './backup.js';
import { restore } from './restore.js';

const OLD = 1_000_000_000;

/** A backup of a tree with links at several depths. */
function withLinks(body: (folder: string, image: string) => void): void {
  withFolder((folder) => {
    process.env.TINTYPE_HOME = join(folder, 'home');
    const source = join(folder, 'source');
    mkdirSync(join(source, 'a/deep/er'), { recursive: true });
    writeFileSync(join(source, 'a/file'), 'x');
    writeFileSync(join(source, 'z'), 'z');
    symlinkSync('nowhere', join(source, '0'));
    symlinkSync('../../z', join(source, 'a/deep/link'));
    for (const path of ['a/deep/er', 'a/deep', 'a', '.']) utimesSync(join(source, path), OLD, OLD);
    const image = join(folder, 'b.sparsebundle');
    backup({ source, destination: image, fs: 'hfs+', size: 64 << 20 }, testContext());
    body(folder, image);
  });
}

function tree(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
}

test('symbolic links come last of all, and folders keep their times', () => {
  withLinks((folder, image) => {
    const target = join(folder, 'target');
    const seen: string[][] = [];
    const context = testContext();
    // The progress is told of each item: what is there when the last file's bytes have arrived?
    const add = context.progress.add.bind(context.progress);
    context.progress.add = (counter, amount) => {
      if (counter === 'bytes') seen.push(tree(target));
      add(counter, amount);
    };
    const summary = restore({ image, target }, context);
    expect(summary).toMatchObject({ items: { created: 7, failed: 0 }, problems: [] });
    expect(seen.length).toBeGreaterThan(0);
    for (const names of seen) expect(names.filter((name) => /0|link/.test(name))).toEqual([]);
    expect(tree(target)).toEqual(['0', 'a', 'a/deep', 'a/deep/er', 'a/deep/link', 'a/file', 'z']);
    expect(readlinkSync(join(target, 'a/deep/link'))).toBe('../../z');
    for (const path of ['a/deep/er', 'a/deep', 'a', '.'])
      expect(lstatSync(join(target, path)).mtimeMs, path).toBe(OLD * 1000);
  });
});

test('a second restore finds the links as they are; other links there are conflicts', () => {
  withLinks((folder, image) => {
    const target = join(folder, 'target');
    restore({ image, target }, testContext());
    expect(restore({ image, target }, testContext()).items).toMatchObject({ created: 0, unchanged: 7, failed: 0 });
    const other = join(folder, 'other');
    mkdirSync(join(other, 'a'), { recursive: true });
    symlinkSync('elsewhere', join(other, 'a/deep'));
    symlinkSync('elsewhere', join(other, '0'));
    const summary = restore({ image, target: other, overwrite: 'always' }, testContext());
    expect(summary.problems).toMatchObject([{ path: '/a/deep', code: 'conflict' }]);
    expect(readlinkSync(join(other, '0'))).toBe('nowhere');
    expect(readlinkSync(join(other, 'a/deep'))).toBe('elsewhere');
  });
});

test('hard links across folders are kept, in a restore and in a plain folder', () => {
  withFolder((folder) => {
    process.env.TINTYPE_HOME = join(folder, 'home');
    const source = join(folder, 'source');
    for (const name of ['a/in', 'b', 'c']) mkdirSync(join(source, name), { recursive: true });
    writeFileSync(join(source, 'a/in/first'), 'x');
    for (const name of ['b/second', 'c/third', 'a/fourth']) linkSync(join(source, 'a/in/first'), join(source, name));
    const image = join(folder, 'b.sparsebundle');
    backup({ source, destination: image, fs: 'hfs+', size: 64 << 20 }, testContext());
    restore({ image, target: join(folder, 'target') }, testContext());
    backup({ source, destination: join(folder, 'plain') }, testContext());
    for (const name of ['target', 'plain']) {
      const stats = ['a/in/first', 'b/second', 'c/third', 'a/fourth'].map((path) => statSync(join(folder, name, path)));
      expect(new Set(stats.map(({ ino }) => ino)).size, name).toBe(1);
      expect(stats[0]?.nlink).toBe(4);
    }
    linkSync(join(source, 'a/in/first'), join(source, 'd'));
    expect(backup({ source, destination: join(folder, 'plain') }, testContext()).problems).toEqual([]);
    expect(statSync(join(folder, 'plain/d')).nlink).toBe(5);
  });
});

test('a second name of a link, made after the first run, is restored as such', () => {
  withLinks((folder, image) => {
    const source = join(folder, 'source');
    linkSync(join(source, '0'), join(source, 'a/second'));
    backup({ source, destination: image }, testContext());
    restore({ image, target: join(folder, 'target') }, testContext());
    expect(lstatSync(join(folder, 'target/0')).ino).toBe(lstatSync(join(folder, 'target/a/second')).ino);
    expect(backup({ source, destination: image }, testContext()).items).toMatchObject({ created: 0, replaced: 0 });
  });
});

test('a dry run makes nothing and counts the links', () => {
  withLinks((folder, image) => {
    const target = join(folder, 'target');
    expect(restore({ image, target, dryRun: true }, testContext()).items).toMatchObject({ created: 7, failed: 0 });
    expect(readdirSync(folder)).not.toContain('target');
  });
});

/** An image in which the folder `/a/deep` is `/a` once more, so that `/a` lies in itself. */
function withLoop(body: (folder: string, image: string) => void): void {
  withFolder((folder) => {
    process.env.TINTYPE_HOME = join(folder, 'home');
    const source = join(folder, 'source');
    mkdirSync(join(source, 'a/deep'), { recursive: true });
    writeFileSync(join(source, 'a/file'), 'x');
    writeFileSync(join(source, 'z'), 'z');
    const image = join(folder, 'b.dmg');
    backup({ source, destination: image, format: 'udrw', fs: 'hfs+', size: 16 << 20 }, testContext());
    const bytes = readFileSync(image);
    const [outer = 0] = catalogRecords(bytes, 'a');
    for (const inner of catalogRecords(bytes, 'deep'))
      bytes.copy(bytes, inner + FOLDER_ID, outer + FOLDER_ID, outer + FOLDER_ID + 4);
    writeFileSync(image, bytes);
    body(folder, image);
  });
}

/** Offset of a catalog record's folder id. */
const FOLDER_ID = 8;

/** Positions of the folder record of that name, in the tree and in the journal: behind a key with the name, its type is 1. */
function catalogRecords(image: Buffer, name: string): number[] {
  const utf16 = Buffer.from(`${String.fromCharCode(name.length)}${name}`, 'utf16le').swap16();
  const found: number[] = [];
  for (let at = image.indexOf(utf16); at >= 0; at = image.indexOf(utf16, at + 2)) {
    const isKey = image.readUInt16BE(at - 6) === 6 + 2 * name.length;
    if (isKey && image.readUInt16BE(at + utf16.length) === 1) found.push(at + utf16.length);
  }
  return found;
}

const loop = { path: '/a/deep', code: 'corrupt', message: expect.stringContaining('lies in itself') };

test('a folder that lies in itself is one problem of a restore; all else is there', () => {
  withLoop((folder, image) => {
    const target = join(folder, 'target');
    expect(restore({ image, target }, testContext()).problems).toMatchObject([loop]);
    expect(tree(target)).toEqual(['a', 'a/deep', 'a/file', 'z']);
    expect(restore({ image, target: join(folder, 'dry'), dryRun: true }, testContext()).problems).toMatchObject([loop]);
  });
});

test('as a source of a backup too, also in a dry run', () => {
  withLoop((folder, image) => {
    const to = { source: image, destination: join(folder, 'c.sparsebundle'), fs: 'hfs+', size: 64 << 20 };
    expect(backup({ ...to, dryRun: true }, testContext()).problems).toMatchObject([loop]);
    expect(backup(to, testContext()).problems).toMatchObject([loop]);
    expect(restore({ image: to.destination, target: join(folder, 'target') }, testContext()).problems).toEqual([]);
    expect(tree(join(folder, 'target'))).toEqual(['a', 'a/deep', 'a/file', 'z']);
  });
});

test('as a destination it ends the run as damage, and nothing is removed', () => {
  withLoop((folder, image) => {
    const empty = join(folder, 'empty');
    mkdirSync(empty);
    const run = (dryRun: boolean) => () =>
      backup({ source: empty, destination: image, allowEmpty: true, dryRun }, testContext());
    expect(run(true)).toThrow(CorruptError);
    expect(run(false)).toThrow(CorruptError);
    restore({ image, target: join(folder, 'target') }, testContext());
    expect(tree(join(folder, 'target'))).toEqual(['a', 'a/deep', 'a/file', 'z']);
  });
});

test('a restore that is cancelled leaves whole items with their attributes, and the same call goes on', () => {
  withLinks((folder, image) => {
    const target = join(folder, 'target');
    const context = testContext();
    context.progress.add = (counter) => {
      if (counter === 'bytes') throw new CancelledError();
    };
    expect(restore({ image, target }, context)).toMatchObject({ interrupted: true });
    expect(tree(target)).not.toContain('0');
    const summary = restore({ image, target }, testContext());
    expect(summary).toMatchObject({ problems: [], interrupted: false, items: { failed: 0 } });
    for (const path of ['a/deep/er', 'a/deep', 'a', '.'])
      expect(lstatSync(join(target, path)).mtimeMs, path).toBe(OLD * 1000);
  });
});

const canMount = process.platform === 'linux' && process.getuid?.() === 0;

test.skipIf(!canMount)(
  'what a full disk has no room for is not left half-written, and the same call goes on later',
  () => {
    withFolder((folder) => {
      process.env.TINTYPE_HOME = join(folder, 'home');
      const source = join(folder, 'source');
      mkdirSync(join(source, 'd'), { recursive: true });
      for (const name of ['a', 'b', 'd/c', 'r']) writeFileSync(join(source, name), randomBytes(300_000));
      writeFileSync(join(source, 'large'), randomBytes(3_000_000));
      for (const path of ['a', 'b', 'd/c', 'r', 'large', 'd', '.']) utimesSync(join(source, path), OLD, OLD);
      const image = join(folder, 'b.sparsebundle');
      backup({ source, destination: image, fs: 'hfs+', size: 64 << 20 }, testContext());
      const disk = join(folder, 'disk');
      mkdirSync(disk);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'none', disk]);
      try {
        const target = join(disk, 'target');
        expect(() => restore({ image, target }, testContext())).toThrow(expect.objectContaining({ code: 'ENOSPC' }));
        for (const name of tree(target)) {
          const [there, wanted] = [target, source].map((top) => lstatSync(join(top, name)));
          if (there?.isFile()) expect([there.size, there.mtimeMs], name).toEqual([wanted?.size, wanted?.mtimeMs]);
        }
        execFileSync('mount', ['-o', 'remount,size=16m', disk]);
        expect(restore({ image, target }, testContext())).toMatchObject({ problems: [], items: { failed: 0 } });
        expect(tree(target)).toEqual(tree(source));
        for (const name of ['.', ...tree(source)]) expect(lstatSync(join(target, name)).mtimeMs, name).toBe(OLD * 1000);
      } finally {
        execFileSync('umount', [disk]);
      }
    });
  },
);

test('a dry run says how many bytes the restore would copy, of a file with two names once', () => {
  withFolder((folder) => {
    process.env.TINTYPE_HOME = join(folder, 'home');
    const source = join(folder, 'source');
    mkdirSync(join(source, 'a'), { recursive: true });
    writeFileSync(join(source, 'a/file'), Buffer.alloc(5000, 'x'));
    writeFileSync(join(source, 'z'), 'z');
    linkSync(join(source, 'z'), join(source, 'a/y'));
    const image = join(folder, 'b.sparsebundle');
    backup({ source, destination: image, size: 64 << 20 }, testContext());
    for (const dryRun of [true, false])
      expect(restore({ image, target: join(folder, 'target'), dryRun }, testContext()).bytes).toMatchObject({
        copied: 5001,
      });
    expect(restore({ image, target: join(folder, 'target'), dryRun: true }, testContext()).bytes).toMatchObject({
      copied: 0,
    });
  });
});

test.skipIf(process.getuid?.() !== 0)(
  'of an image that is not known no setuid bit and no device comes, not even by its own path',
  () => {
    withFolder((folder) => {
      process.env.TINTYPE_HOME = join(folder, 'home');
      const source = join(folder, 'source');
      mkdirSync(join(source, 'd'), { recursive: true });
      writeFileSync(join(source, 'd/suid'), 'x');
      chmodSync(join(source, 'd/suid'), 0o4755);
      execFileSync('mknod', [join(source, 'd/null'), 'c', '1', '3']);
      const image = join(folder, 'b.sparsebundle');
      backup({ source, destination: image, size: 64 << 20 }, testContext());
      process.env.TINTYPE_HOME = join(folder, 'another home');
      for (const [i, path] of ['/', '/d', '/d/suid', '/d/null'].entries()) {
        const target = join(folder, `target-${i}`);
        const events: EngineEvent[] = [];
        restore({ image, target, path }, testContext(undefined, events));
        const suid = tree(target).find((name) => name.endsWith('suid'));
        expect(tree(target).filter((name) => name.endsWith('null'))).toEqual([]);
        if (suid !== undefined) expect(statSync(join(target, suid)).mode & 0o7777).toBe(0o755);
        expect([path, events.filter(({ type }) => type === 'warning').length]).toEqual([path, i < 2 ? 2 : 1]);
      }
      restore({ image, target: join(folder, 'trusted'), path: '/d/suid', trust: true }, testContext());
      expect(statSync(join(folder, 'trusted/suid')).mode & 0o7777).toBe(0o4755);
    });
  },
);

test('what is not there makes no target; a target that is made for one file has the modes of any new folder', () => {
  withLinks((folder, image) => {
    const [nothing, one] = [join(folder, 'nothing'), join(folder, 'one')];
    expect(() => restore({ image, target: nothing, path: '/no/such' }, testContext())).toThrow('there is no /no/such');
    expect(existsSync(nothing)).toBe(false);
    restore({ image, target: one, path: '/a/file' }, testContext());
    mkdirSync(join(folder, 'plain'));
    expect(statSync(one).mode).toBe(statSync(join(folder, 'plain')).mode);
  });
});

test('a restore of one file is verified, too', () => {
  withLinks((folder, image) => {
    const target = join(folder, 'target');
    mkdirSync(target);
    writeFileSync(join(target, 'file'), 'another');
    const verified = (overwrite: 'always' | 'never') =>
      restore({ image, target, path: '/a/file', verify: true, overwrite }, testContext()).problems;
    expect(verified('never')).toMatchObject([
      { path: '/file', code: 'conflict' },
      { path: '/file', code: 'verify' },
    ]);
    expect(verified('always')).toEqual([]);
  });
});

test.each(['apfs', 'hfsplus'])('a compressed file of macOS in %s stands still while it is read', (fs) => {
  const basic = fixture(`${fs}/basic-udzo.dmg`);
  if (basic.skip) return;
  withFolder((folder) => {
    process.env.TINTYPE_HOME = join(folder, 'home');
    const target = join(folder, 'target');
    expect(restore({ image: basic.path, target }, testContext()).problems).toEqual([]);
    const { files } = JSON.parse(readFileSync(fixture(`${fs}/basic.manifest.json`).path, 'utf8'));
    const sha256 = createHash('sha256')
      .update(readFileSync(join(target, 'compressed.txt')))
      .digest('hex');
    expect(sha256).toBe(files['compressed.txt'].sha256);
  });
});
