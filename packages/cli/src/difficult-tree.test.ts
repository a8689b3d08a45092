// The main job, judged by others: a tree with everything that backups stumble over goes into an image and comes back.
// Apple's checker, 7-Zip, the kernel's driver, `dd` and `rsync` say whether it did.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import {
  apfsck,
  buildOnFolder,
  buildOnVolume,
  changeFolder,
  count,
  difficultTree,
  folderModel,
  fsckHfsplus,
  kernelRead,
  Random,
  RandomChanges,
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
  readonly inode: number;
  readonly xattrs: readonly string[];
  readonly stored?: string;
}

/** How many names of hard links, and how many attributes. */
interface Compared {
  readonly linked: number;
  readonly attributes: number;
}

const needed = ['fsck.hfsplus', 'apfsck', '7zz', 'rsync', 'setfattr'] as const;
const skip = needed.some((name) => withOracle(name).skip);

/** The live tree, as the image lists it. */
function liveItems(image: string): Listed[] {
  const { items } = json<{ items: Listed[] }>('ls', image, '-R');
  return items.filter(({ path }) => path !== '/_SafetyNet' && !path.startsWith('/_SafetyNet/'));
}

/** Where each item lies in the volume itself, without the leading slash, names composed; a folder comes before its items. */
function storedPaths(items: readonly Listed[]): Map<string, string> {
  const paths = new Map([['/', '']]);
  for (const { path, stored } of items) paths.set(path, join(paths.get(dirname(path)) ?? '', stored ?? basename(path)));
  for (const [path, stored] of paths) paths.set(path, stored.normalize('NFC'));
  return paths;
}

/** Answers how many files were compared. */
function expectSevenZipAgrees(raw: string, fs: Fs, source: string, items: readonly Listed[]): number {
  const hashes = new Map<string, string>();
  // Of HFS+ 7-Zip shows the volume as a folder, and a name's colon as an underscore.
  for (const [path, hash] of sevenZipHashes(raw)) hashes.set(path.normalize('NFC'), hash);
  const stored = storedPaths(items);
  let compared = 0;
  for (const item of items) {
    // It shows hard links as the small files that stand for them.
    if (item.type !== 'file' || item.nlink > 1) continue;
    // Of APFS it shows block 0 where a file has a hole.
    if (fs === 'apfs' && hasHoles(join(source, item.path))) continue;
    const place = stored.get(item.path) ?? '';
    const found = hashes.get(fs === 'apfs' ? place : `Tree/${place.replaceAll(':', '_')}`);
    expect(found, item.path).toBe(sha256(readFileSync(join(source, item.path))));
    compared += 1;
  }
  return compared;
}

/**
 * Of HFS+ the driver looks for an item's first attribute by its number alone. Where a leaf begins with a later one of them,
 * it begins there, and does not see those of the leaf before. Answers the items with which a leaf begins.
 */
function attributesParted(raw: string): Set<number> {
  const numbers = (place: string, field: string): number[] => {
    const { lines } = json<{ lines: string[] }>('inspect', raw, place);
    return lines.flatMap((line) =>
      line.includes(` ${field}: `) ? [Number.parseInt(line.split(': ')[1] ?? '', 10)] : [],
    );
  };
  const [depth = 0, root = 0] = ['treeDepth', 'rootNode'].flatMap((field) => numbers('attributes', field));
  expect(depth).toBeLessThanOrEqual(2);
  return new Set(depth === 2 ? numbers(`attributes:${root}`, 'fileID') : []);
}

function expectKernelAgrees(raw: string, fs: Fs, source: string, items: readonly Listed[]): Compared {
  const { items: shown, verdict } = kernelRead(raw);
  expect(verdict.output).toContain('mounted: 1');
  // It decomposes the names of attributes that it looks up, and so misses those that are stored composed.
  const failures = shown.flatMap(({ errors }) => errors ?? []) as {
    readonly operation: string;
    readonly xattr?: string;
  }[];
  expect(failures.filter(({ xattr: name = '' }) => isAscii(name))).toEqual([]);
  const byPath = new Map(shown.map((item) => [item.path.normalize('NFC'), item]));
  const stored = storedPaths(items);
  const parted = fs === 'apfs' ? new Set<number>() : attributesParted(raw);
  let linked = 0;
  let attributes = 0;
  for (const item of items) {
    // The driver has no characters beyond U+FFFF.
    if (/[\u{10000}-\u{10ffff}]/u.test(item.path)) continue;
    const found = byPath.get(stored.get(item.path) ?? '');
    if (item.type === 'file')
      expect(found, item.path).toMatchObject({
        sha256: sha256(readFileSync(join(source, item.path))),
        nlink: item.nlink,
      });
    if (item.nlink > 1) linked += 1;
    for (const name of item.xattrs) {
      if (name.startsWith('io.tintype.') || !isAscii(name)) continue;
      const shownValue = found?.xattrs?.[`osx.${name}`];
      if (shownValue === undefined && parted.has(item.inode)) continue;
      const value = Buffer.from(shownValue ?? '', 'base64');
      expect(value.equals(xattr(join(source, item.path), `user.${name}`)), `${name} of ${item.path}`).toBe(true);
      attributes += 1;
    }
  }
  return { linked, attributes };
}

function hasHoles(file: string): boolean {
  const { blocks, size } = statSync(file);
  return blocks * 512 < size;
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

/** The volume as foreign tools want it, and their word that it is sound. */
function soundVolume(image: string, raw: string, fs: Fs): void {
  expect(tintype('raw', image, raw, '--volume', '0', '--overwrite').status).toBe(0);
  if (fs === 'apfs') expect(apfsck(raw)).toMatchObject({ ok: true, output: '' });
  else expect(fsckHfsplus(raw)).toMatchObject({ ok: true });
}

/** All judges; answers what they compared. */
function judge(source: string, image: string, folder: string, fs: Fs): Compared & { readonly files: number } {
  const raw = join(folder, 'volume.raw');
  soundVolume(image, raw, fs);
  const items = liveItems(image);
  const files = expectSevenZipAgrees(raw, fs, source, items);
  const byKernel = withOracle('kernel-read').skip ? null : expectKernelAgrees(raw, fs, source, items);

  const [joined, whole] = [join(folder, 'joined'), join(folder, 'whole')];
  joinBands(image, joined);
  expect(tintype('raw', image, whole, '--as-is').status).toBe(0);
  expect(spawnSync('cmp', [joined, whole]).status).toBe(0);

  const target = join(folder, 'target');
  expect(tintype('restore', image, target, '--quiet')).toMatchObject({ status: 0, stderr: '' });
  expectSame(source, target);
  const { linked, attributes } = byKernel ?? { linked: Number.NaN, attributes: Number.NaN };
  return { files, linked, attributes };
}

/** Content, attributes, hard links, access lists, extended attributes; `rsync` prints what it would change. */
function expectSame(source: string, target: string): void {
  const differences = execFileSync('rsync', ['-aniHAX', '--checksum', '--delete', `${source}/`, `${target}/`]);
  expect(differences.toString()).toBe('');
}

const kinds = [
  {
    kind: 'hfs+',
    fs: 'hfs+',
    create: ['--fs', 'hfs+', '--size', '256m', '--volume-name', 'Tree', '--no-case-sensitive'],
  },
  { kind: 'hfsx', fs: 'hfs+', create: ['--fs', 'hfs+', '--size', '256m', '--volume-name', 'Tree', '--case-sensitive'] },
  { kind: 'apfs', fs: 'apfs', create: ['--fs', 'apfs', '--size', '256m', '--volume-name', 'Tree'] },
] as const;
type Fs = (typeof kinds)[number]['fs'];
const PATIENCE = count(300_000, 1_800_000);

test.skipIf(skip).each(kinds)(
  'a difficult tree on $kind: sound, read by others, and given back',
  ({ create, fs }) => {
    withFolder((folder) => {
      const [source, image] = [join(folder, 'source'), join(folder, 'tree.sparsebundle')];
      mkdirSync(source);
      buildOnFolder(source, difficultTree());
      backUp(source, image, ...create);
      const items = liveItems(image);
      expect(items.length).toBeGreaterThan(count(1000, 10_000) + 350);
      expect(items.some(({ stored }) => stored?.includes('~'))).toBe(true);
      const { files, linked, attributes } = judge(source, image, folder, fs);
      expect(files).toBeGreaterThan(count(1000, 10_000));
      if (!Number.isNaN(linked)) expect({ linked, attributes }).toEqual({ linked: 3, attributes: 3 });
    });
  },
  PATIENCE,
);

test.skipIf(skip).each(kinds)(
  'after each of many random incremental runs on $kind the volume is sound, and at last all is as above',
  ({ kind, create, fs }) => {
    withFolder((folder) => {
      const [source, image] = [join(folder, 'source'), join(folder, 'tree.sparsebundle')];
      mkdirSync(source);
      const model = folderModel();
      const start = difficultTree({ manyEntries: 50, levels: 30 });
      buildOnVolume(model, start);
      buildOnFolder(source, start);
      const options = { items: 500, largestFile: 40_000, largestXattr: 60, attributes: ['mode', 'times'] as const };
      const changes = new RandomChanges(model, new Random(kind === 'hfs+' ? 3 : 4), options);
      backUp(source, image, ...create);
      for (let run = 1; run <= count(4, 50); run += 1) {
        for (const change of changes.take(25)) changeFolder(source, change);
        backUp(source, image);
        soundVolume(image, join(folder, 'volume.raw'), fs);
        expect(tintype('diff', source, image, '--checksum'), `run ${run}`).toMatchObject({ status: 0, stdout: '' });
      }
      expect(tintype('verify', image, '--data').status).toBe(0);
      expect(judge(source, image, folder, fs).files).toBeGreaterThan(50);
    });
  },
  PATIENCE,
);
