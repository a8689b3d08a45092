// A host whose system calls are not written here: files and folders work by node:fs alone, and what is lost is said.

import * as fs from 'node:fs';
import type { Volume } from '@tintype/core';
import {
  changeAsCode,
  changeVolume,
  MemoryVolume,
  Random,
  RandomChanges,
  snapshotOf,
  type TreeChange,
  type TreeSnapshot,
  temporaryFolder,
} from '@tintype/testkit';
import { fileStoreContract, firstVolume, volumeContract } from '@tintype/testkit/contracts';
import { describe, expect, test } from 'vitest';
import { missingCalls, nodeFileStore, openHostFolder } from './index.js';
import { nativeLibrary } from './native.js';

// The library is looked for once, at the first call.
const { platform } = process;
Object.defineProperty(process, 'platform', { value: 'freebsd' });
const found = nativeLibrary();
Object.defineProperty(process, 'platform', { value: platform });

test('what this host lacks is said', () => {
  expect(found).toBeNull();
  expect(missingCalls()).toContain('extended attributes');
});

fileStoreContract(
  'nodeFileStore by node:fs alone',
  () => {
    const folder = temporaryFolder();
    return { store: nodeFileStore(), folder, dispose: () => fs.rmSync(folder, { recursive: true }) };
  },
  { punches: false, locks: false },
);

volumeContract(
  'a host folder by path',
  () => {
    const folder = temporaryFolder();
    return {
      fileSystem: openHostFolder(folder, { writable: true }),
      reopen: () => openHostFolder(folder, { writable: true }),
      dispose: () => fs.rmSync(folder, { recursive: true }),
    };
  },
  { seeds: [] },
);

describe('random changes on a host folder by path', () => {
  for (const seed of [1, 2, 3]) test(`give the tree of the model, seed ${seed}`, () => randomRun(seed));
});

function randomRun(seed: number): void {
  const folder = temporaryFolder();
  const fileSystem = openHostFolder(folder, { writable: true });
  const volume = firstVolume(fileSystem);
  const model = MemoryVolume.like(volume);
  model.setAttributes(model.root.id, volume.root);
  const random = new Random(seed);
  const changes = new RandomChanges(model, random, { xattrKinds: [] });
  const done: TreeChange[] = [];
  for (let step = 1; step <= 150; step++) {
    const change = changes.next();
    done.push(change);
    changeVolume(volume, change);
    if (step % 10 === 0) expect(kept(volume), done.slice(-15).map(changeAsCode).join('\n')).toEqual(kept(model));
    if (random.oneIn(10)) volume.release(volume.root.id);
    if (random.oneIn(20)) fileSystem.commit();
  }
  fileSystem.close();
  const again = openHostFolder(folder, { writable: false });
  expect(kept(firstVolume(again))).toEqual(kept(model));
  again.close();
  fs.rmSync(folder, { recursive: true });
}

/** What comes through node:fs: microseconds, no birth times, no modes of links. */
function kept(volume: Volume): TreeSnapshot {
  const tree = snapshotOf(volume, { owners: process.getuid?.() === 0 });
  for (const [path, item] of Object.entries(tree)) {
    const mode = item.kind === 'symlink' ? '' : item.mode;
    tree[path] = { ...item, btime: '', mode };
  }
  return tree;
}
