// Attributes of a source that an image has no place for, or only for a part of them: they cost themselves, never the run.

import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { apfsck, fsckHfsplus, withFolder, withOracle } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import type { EngineEvent } from '../events.js';
import { raw } from '../maintenance/raw.js';
import { verify } from '../maintenance/verify.js';
import { backup } from '../operations/backup.js';
import { diff } from '../operations/diff.js';
import { restore } from '../operations/restore.js';
import { testContext } from '../run-context.testing.js';

const { skip } = withOracle('setfattr');
const isRoot = process.getuid?.() === 0;

interface Tried {
  /** Text of `not-kept` notices. */
  readonly notKept: readonly string[];
  readonly problems: readonly string[];
}

/** Backs up what `make` made, says what was not kept, and that nothing else is amiss. */
function tried(fs: 'hfs+' | 'apfs', make: (source: string) => void): Tried {
  return withFolder((folder) => {
    process.env.TINTYPE_HOME = join(folder, 'home');
    const [source, image, target] = ['s', 'b.sparsebundle', 't'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    mkdirSync(source);
    make(source);
    const events: EngineEvent[] = [];
    const summary = backup({ source, destination: image, fs, size: 64 << 20 }, testContext(undefined, events));
    expect(verify({ image, level: 'data' }, testContext())).toMatchObject({ findings: 0 });
    expectCheckersAgree(fs, image, join(folder, 'raw'));
    restore({ image, target }, testContext());
    if (summary.problems.length === 0) {
      expect(diff({ a: source, b: image }, testContext())).toMatchObject({ differences: 0 });
      expect(diff({ a: image, b: source }, testContext())).toMatchObject({ differences: 0 });
    }
    expect(diff({ a: image, b: target }, testContext())).toMatchObject({ differences: 0 });
    const notices = events.flatMap((event) => (event.type === 'warning' && event.code === 'not-kept' ? event : []));
    // HFS+ keeps whole seconds.
    if (fs === 'apfs' && notices.length === 0 && summary.problems.length === 0)
      expect(diff({ a: source, b: target }, testContext())).toMatchObject({ differences: 0 });
    return {
      notKept: notices.map(({ message }) => message).sort(),
      problems: summary.problems.map(({ path, code }) => `${path}: ${code}`),
    };
  });
}

function expectCheckersAgree(fs: 'hfs+' | 'apfs', image: string, out: string): void {
  if (withOracle(fs === 'apfs' ? 'apfsck' : 'fsck.hfsplus').skip) return;
  raw({ image, out, volume: '0' }, testContext());
  expect(fs === 'apfs' ? apfsck(out) : fsckHfsplus(out)).toMatchObject({ ok: true });
}

/** By name: values as `setfattr` takes them. */
function setXattrs(path: string, values: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(values)) execFileSync('setfattr', ['-h', '-n', name, '-v', value, path]);
}

const FINDER_INFO = 'user.com.apple.FinderInfo';
const FORK = 'user.com.apple.ResourceFork';
const TYPE = '54455854';

describe.skipIf(skip).each(['hfs+', 'apfs'] as const)('%s', (fs) => {
  test('a resource fork of a folder is told, and the rest is backed up', () => {
    const found = tried(fs, (source) => {
      for (const name of ['', 'd']) mkdirSync(join(source, name), { recursive: true });
      writeFileSync(join(source, 'a'), 'content');
      for (const name of ['', 'd', 'a']) setXattrs(join(source, name), { [FORK]: 'abc', 'user.x': 'y' });
    });
    expect(found).toEqual({ notKept: ['xattr not kept on 2 items, such as com.apple.ResourceFork'], problems: [] });
  });

  test('an empty resource fork is told', () => {
    const found = tried(fs, (source) => {
      writeFileSync(join(source, 'a'), 'content');
      setXattrs(join(source, 'a'), { [FORK]: '' });
    });
    expect(found).toEqual({ notKept: ['xattr not kept on one item, such as com.apple.ResourceFork'], problems: [] });
  });

  test.each([
    ['of eight bytes', TYPE.repeat(2)],
    ['of forty bytes', TYPE.repeat(10)],
  ])('Finder info %s is kept in part, and that is told', (_, value) => {
    const found = tried(fs, (source) => {
      writeFileSync(join(source, 'a'), 'content');
      setXattrs(join(source, 'a'), { [FINDER_INFO]: `0x${value}` });
    });
    const told = 'exact xattr value not kept on one item, such as com.apple.FinderInfo';
    expect(found).toEqual({ notKept: [told], problems: [] });
  });

  test('of Finder info with all its bytes, HFS+ keeps what is not its own', () => {
    const found = tried(fs, (source) => {
      for (const name of ['a', 'zero']) writeFileSync(join(source, name), 'content');
      setXattrs(join(source, 'a'), { [FINDER_INFO]: `0x${'01'.repeat(32)}` });
      setXattrs(join(source, 'zero'), { [FINDER_INFO]: `0x${'00'.repeat(32)}` });
    });
    const told = [
      'exact xattr value not kept on one item, such as com.apple.FinderInfo',
      'xattr not kept on one item, such as com.apple.FinderInfo',
    ];
    expect(found).toEqual({ notKept: fs === 'hfs+' ? told : [], problems: [] });
  });

  test('an invisible file stays one through later backups, and is not told as changed', () => {
    withFolder((folder) => {
      process.env.TINTYPE_HOME = join(folder, 'home');
      const [source, destination] = [join(folder, 's'), join(folder, 'b.sparsebundle')];
      mkdirSync(source);
      writeFileSync(join(source, 'a'), 'content');
      setXattrs(join(source, 'a'), { [FINDER_INFO]: `0x${TYPE.repeat(2)}4000${'00'.repeat(22)}` });
      const given = { source, destination, fs, size: 64 << 20 };
      backup(given, testContext());
      expect(backup({ ...given, dryRun: true }, testContext()).items).toMatchObject({ updated: 0 });
      for (let run = 0; run < 2; run += 1) {
        expect(backup(given, testContext()).items).toMatchObject({ updated: 0, unchanged: 1 });
        expect(diff({ a: source, b: destination }, testContext())).toMatchObject({ differences: 0 });
      }
      for (const finderFlags of ['0000', '4000']) {
        setXattrs(join(source, 'a'), { [FINDER_INFO]: `0x${TYPE.repeat(2)}${finderFlags}${'00'.repeat(22)}` });
        backup(given, testContext());
        expect(diff({ a: source, b: destination }, testContext())).toMatchObject({ differences: 0 });
        expect(backup(given, testContext()).items).toMatchObject({ updated: 0 });
      }
    });
  });

  test('names that Apple gives a meaning are kept as those of a user', () => {
    const names = ['com.apple.fs.symlink', 'com.apple.decmpfs', 'com.apple.system.Security', 'purgeable-drecs-fixed'];
    const found = tried(fs, (source) => {
      mkdirSync(join(source, 'd'));
      writeFileSync(join(source, 'a'), 'content');
      for (const place of ['', 'd', 'a'])
        for (const name of names) setXattrs(join(source, place), { [`user.${name}`]: '0x66706d6300' });
    });
    expect(found).toEqual({ notKept: [], problems: [] });
  });

  test('names that are not UTF-8 are kept', () => {
    const found = tried(fs, (source) => {
      mkdirSync(join(source, 'd'));
      for (const name of ['\\377', '100%%', '100%%\\377\\303\\251'])
        execFileSync('sh', ['-c', `setfattr -n "$(printf 'user.n${name}')" -v "${name}" d`], { cwd: source });
    });
    expect(found).toEqual({ notKept: [], problems: [] });
  });

  test.skipIf(!isRoot)('attributes of a symlink and a fifo are kept', () => {
    const found = tried(fs, (source) => {
      symlinkSync('a', join(source, 'link'));
      execFileSync('mkfifo', [join(source, 'fifo')]);
      for (const name of ['link', 'fifo']) setXattrs(join(source, name), { 'trusted.x': 'y' });
    });
    expect(found).toEqual({ notKept: [], problems: [] });
  });

  test('a link whose target is too long is a problem of that link', () => {
    const longest = fs === 'apfs' ? 3803 : 1024;
    const found = tried(fs, (source) => {
      symlinkSync('t'.repeat(longest), join(source, 'longest'));
      symlinkSync('t'.repeat(longest + 1), join(source, 'too long'));
    });
    expect(found).toEqual({ notKept: [], problems: ['/too long: symlink'] });
  });

  test.skipIf(!isRoot)('a device whose numbers are too large is a problem, and is not made with others', () => {
    const found = tried(fs, (source) => {
      for (const [name, major] of [
        ['largest', '255'],
        ['too large', '256'],
      ] as const)
        execFileSync('mknod', [join(source, name), 'c', major, '1000000']);
    });
    expect(found).toEqual({ notKept: [], problems: ['/too large: device'] });
  });
});
