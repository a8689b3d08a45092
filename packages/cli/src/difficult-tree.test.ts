// The main job, judged by others: a tree with everything that backups stumble over goes into an image and comes back.
// Apple's checker, 7-Zip, the kernel's driver, `dd` and `rsync` say whether it did.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import {
  buildOnFolder,
  count,
  difficultTree,
  fsckHfsplus,
  kernelRead,
  sevenZipHashes,
  withFolder,
  withOracle,
} from '@tintype/testkit';
import { expect, test } from 'vitest';
import { json, sha256, tintype } from './built.testing.js';

interface Listed {
  readonly path: string;
  readonly type: string;
  readonly nlink: number;
  readonly xattrs: readonly string[];
  readonly stored?: string;
}

const needed = ['fsck.hfsplus', '7zz', 'rsync', 'setfattr'] as const;
const skip = needed.some((name) => withOracle(name).skip);

/** The live tree, as the image lists it. */
function liveItems(image: string): Listed[] {
  const { items } = json<{ items: Listed[] }>('ls', image, '-R');
  return items.filter(({ path }) => path !== '/_SafetyNet' && !path.startsWith('/_SafetyNet/'));
}

/** Where the item lies in the volume itself, without the leading slash, names composed. */
function storedPath({ path, stored }: Listed): string {
  return join(dirname(path), stored ?? basename(path))
    .slice(1)
    .normalize('NFC');
}

/** Answers how many files were compared. */
function expectSevenZipAgrees(raw: string, volume: string, source: string, items: readonly Listed[]): number {
  const hashes = new Map<string, string>();
  // 7-Zip writes a name's colon as an underscore.
  for (const [path, hash] of sevenZipHashes(raw)) hashes.set(path.normalize('NFC'), hash);
  let compared = 0;
  for (const item of items) {
    // It shows hard links as the small files that stand for them.
    if (item.type !== 'file' || item.nlink > 1) continue;
    const found = hashes.get(`${volume}/${storedPath(item).replaceAll(':', '_')}`);
    expect(found, item.path).toBe(sha256(readFileSync(join(source, item.path))));
    compared += 1;
  }
  return compared;
}

function expectKernelAgrees(raw: string, source: string, items: readonly Listed[]): void {
  const { items: shown, verdict } = kernelRead(raw);
  expect(verdict.output).toContain('mounted: 1');
  // It decomposes the names of attributes that it looks up, and so misses those that are stored composed.
  const failures = shown.flatMap(({ errors }) => errors ?? []) as {
    readonly operation: string;
    readonly xattr?: string;
  }[];
  expect(failures.filter(({ xattr: name = '' }) => isAscii(name))).toEqual([]);
  const byPath = new Map(shown.map((item) => [item.path.normalize('NFC'), item]));
  let linked = 0;
  let attributes = 0;
  for (const item of items) {
    // The driver has no characters beyond U+FFFF.
    if (/[\u{10000}-\u{10ffff}]/u.test(item.path)) continue;
    const found = byPath.get(storedPath(item));
    if (item.type === 'file')
      expect(found, item.path).toMatchObject({
        sha256: sha256(readFileSync(join(source, item.path))),
        nlink: item.nlink,
      });
    if (item.nlink > 1) linked += 1;
    for (const name of item.xattrs) {
      if (name.startsWith('io.tintype.') || !isAscii(name)) continue;
      const value = Buffer.from(found?.xattrs?.[`osx.${name}`] ?? '', 'base64');
      expect(value.equals(xattr(join(source, item.path), `user.${name}`)), `${name} of ${item.path}`).toBe(true);
      attributes += 1;
    }
  }
  expect(linked).toBe(3);
  expect(attributes).toBeGreaterThanOrEqual(3);
}

function isAscii(text: string): boolean {
  return /^[ -~]*$/.test(text);
}

function xattr(path: string, name: string): Buffer {
  return execFileSync('getfattr', ['-h', '--absolute-names', '--only-values', '-n', name, '--', path]);
}

/** A stranger's way to the disk: a file of the size that the property list tells, each band at its place. */
function joinBands(bundle: string, out: string): void {
  const script = `
    number() { tr -d '\\n' <"$1/Info.plist" | sed "s/.*<key>$2<.key>[^<]*<integer>\\([0-9]*\\)<.*/\\1/"; }
    band=$(number "$1" band-size)
    truncate -s "$(number "$1" size)" "$2"
    for file in "$1"/bands/*; do
      dd if="$file" of="$2" bs="$band" seek=$((0x\${file##*/})) conv=notrunc status=none
    done`;
  execFileSync('bash', ['-e', '-c', script, 'join', bundle, out]);
}

function backUp(source: string, image: string, ...more: string[]): void {
  expect(tintype('backup', source, image, '--quiet', ...more)).toMatchObject({ status: 0, stderr: '' });
}

test.skipIf(skip).each([
  { kind: 'hfs+', case: '--no-case-sensitive' },
  { kind: 'hfsx', case: '--case-sensitive' },
])('a difficult tree on $kind: sound, read by others, and given back', (options) => {
  withFolder((folder) => {
    const source = join(folder, 'source');
    mkdirSync(source);
    buildOnFolder(source, difficultTree());
    const image = join(folder, 'tree.sparsebundle');
    const raw = join(folder, 'volume.raw');
    backUp(source, image, '--fs', 'hfs+', '--size', '256m', options.case, '--volume-name', 'Tree');
    expect(tintype('raw', image, raw, '--volume', '0').status).toBe(0);
    expect(fsckHfsplus(raw)).toMatchObject({ ok: true });

    const items = liveItems(image);
    expect(items.length).toBeGreaterThan(count(1000, 10_000) + 350);
    expect(items.some(({ stored }) => stored?.includes('~'))).toBe(true);
    expect(expectSevenZipAgrees(raw, 'Tree', source, items)).toBeGreaterThan(count(1000, 10_000));
    if (!withOracle('kernel-read').skip) expectKernelAgrees(raw, source, items);

    const [joined, whole] = [join(folder, 'joined'), join(folder, 'whole')];
    joinBands(image, joined);
    expect(tintype('raw', image, whole, '--as-is').status).toBe(0);
    expect(spawnSync('cmp', [joined, whole]).status).toBe(0);

    const target = join(folder, 'target');
    expect(tintype('restore', image, target, '--quiet')).toMatchObject({ status: 0, stderr: '' });
    expectSame(source, target);
  });
});

/** Content, attributes, hard links, access lists, extended attributes; `rsync` prints what it would change. */
function expectSame(source: string, target: string): void {
  const differences = execFileSync('rsync', ['-aniHAX', '--checksum', '--delete', `${source}/`, `${target}/`]);
  expect(differences.toString()).toBe('');
}
