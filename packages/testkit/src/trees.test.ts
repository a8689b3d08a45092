import { createHash } from 'node:crypto';
import { type Dirent, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { withFolder } from './fixtures.js';
import { changeFolder, folderModel } from './folder-change.js';
import { MemoryVolume } from './memory-volume.js';
import { withOracle } from './oracles.js';
import { RandomChanges } from './random-changes.js';
import { Random } from './seeds.js';
import { snapshotOf } from './snapshot-of.js';
import { changeVolume } from './tree-change.js';
import { buildOnFolder, buildOnVolume, difficultTree } from './trees.js';

/** Of a host folder and of a model alike: path, kind, mode, content, number of names. */
type Line = string;

function linesOfFolder(root: string): Line[] {
  const entries: Dirent[] = readdirSync(root, { recursive: true, withFileTypes: true });
  return entries
    .map((entry) => {
      const full = path.join(entry.parentPath, entry.name);
      const stat = lstatSync(full);
      const kind = stat.isFile()
        ? 'file'
        : stat.isDirectory()
          ? 'directory'
          : stat.isSymbolicLink()
            ? 'symlink'
            : 'fifo';
      const sha = kind === 'file' ? createHash('sha256').update(readFileSync(full)).digest('hex') : '';
      const target = kind === 'symlink' ? readlinkSync(full) : '';
      const mode = kind === 'symlink' ? '' : (stat.mode & 0o7777).toString(8);
      return [path.relative(root, full), kind, mode, sha, target, kind === 'directory' ? '' : stat.nlink].join('|');
    })
    .sort();
}

function linesOfModel(model: MemoryVolume): Line[] {
  return Object.entries(snapshotOf(model))
    .filter(([name]) => name !== '')
    .map(([name, item]) => {
      const mode = item.kind === 'symlink' ? '' : Number.parseInt(item.mode, 8).toString(8);
      const nlink = item.kind === 'directory' ? '' : (item.nlink ?? 1);
      return [name, item.kind, mode, item.sha256 ?? '', item.target ?? '', nlink].join('|');
    })
    .sort();
}

test('the difficult tree is the same on a model, built singly or together', () => {
  const changes = difficultTree();
  const together = new MemoryVolume();
  buildOnVolume(together, changes);
  const singly = new MemoryVolume();
  for (const change of changes) changeVolume(singly, change);
  const tree = snapshotOf(together);
  expect(JSON.stringify(tree) === JSON.stringify(snapshotOf(singly))).toBe(true);
  expect(Object.keys(tree).length).toBeGreaterThan(1300);
});

test.skipIf(withOracle('setfattr').skip)('the difficult tree is the same on the host', () => {
  const model = new MemoryVolume();
  buildOnVolume(model, difficultTree());
  withFolder((root) => {
    buildOnFolder(root, difficultTree());
    expect(linesOfFolder(root)).toEqual(linesOfModel(model));
  });
});

test.skipIf(withOracle('setfattr').skip).each([1, 2])('random changes are the same on the host, seed %i', (seed) => {
  const model = folderModel();
  const changes = new RandomChanges(model, new Random(seed), { attributes: ['mode', 'times'] });
  withFolder((root) => {
    for (let i = 0; i < 250; i += 1) changeFolder(root, changes.next());
    expect(linesOfFolder(root)).toEqual(linesOfModel(model));
  });
});
