import { closeSync, fstatSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import { temporaryFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import type { Entry, Folder } from '../entry.js';
import { maxOpenFiles } from '../limits.js';
import { applyByPath } from './attributes.js';
import { LargeNumbers, PathSight } from './sight.js';
import { WrittenPaths } from './written-files.js';

const numbers = new LargeNumbers();
const sightOf = (handle: number): PathSight => new PathSight(fstatSync(handle, { bigint: true }), numbers);

function entryOf(rootPath: string, name: string, inode: number): Entry {
  const state = { handle: -1, pending: null, passesLists: null };
  const folder: Folder = { entry: null, children: new Map(), ...state, rootPath, device: 1, inode: 1 };
  const rest = { links: [], mayHaveHoles: false, failure: null, folder: null };
  return { id: inode, place: { folder, name }, kind: 'file', device: 1, inode, ...rest };
}

test('what is pending is put on when a file is finished, and the oldest is finished when too many are open', () => {
  const folder = temporaryFolder();
  const written = new WrittenPaths(sightOf);
  for (let i = 0; i <= maxOpenFiles; i += 1) {
    const entry = entryOf(folder, `f${i}`, i + 2);
    written.add(entry, openSync(`${folder}/f${i}`, 'w+'), { mode: 0o600, mtime: 1_000_000 + i, mtimeNanos: 0 });
    written.write(entry, 1, Buffer.from('ab'));
  }
  expect(written.isOpen(entryOf(folder, 'f0', 2))).toBe(false);
  expect(statSync(`${folder}/f0`).mtimeMs).toBe(1_000_000_000);
  expect(readFileSync(`${folder}/f0`, 'latin1')).toBe('\0ab');

  const last = entryOf(folder, 'another name', maxOpenFiles + 2);
  expect(written.change(last, { mode: 0o640 })).toBe(true);
  written.truncate(last, 2);
  written.finishAll();
  expect(written.isIdle).toBe(true);
  expect(statSync(`${folder}/f${maxOpenFiles}`)).toMatchObject({ size: 2, mtimeMs: (1_000_000 + maxOpenFiles) * 1000 });
  expect(statSync(`${folder}/f${maxOpenFiles}`).mode & 0o777).toBe(0o640);
  rmSync(folder, { recursive: true });
});

test('attributes go on by handle: what a change does not name stays', () => {
  const path = `${temporaryFolder()}/a`;
  const handle = openSync(path, 'w', 0o644);
  const now = () => sightOf(handle).item(1, '', false);
  applyByPath({ path, handle, isLink: false, now }, { mtime: 5, mtimeNanos: 7000 });
  applyByPath({ path, handle, isLink: false, now }, { mtime: 6 });
  expect(now()).toMatchObject({ mode: 0o644, mtime: 6, mtimeNanos: 7000 });
  applyByPath({ path, handle, isLink: false, now }, { mode: 0o600 });
  expect(now()).toMatchObject({ mode: 0o600, mtime: 6 });
  closeSync(handle);
});
