// The suites that every store and every volume passes, run on a folder of this host.

import { rmSync } from 'node:fs';
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
import { imageXattrName, nodeFileStore, openHostFolder } from './index.js';

fileStoreContract('nodeFileStore', () => {
  const folder = temporaryFolder();
  return { store: nodeFileStore(), folder, dispose: () => rmSync(folder, { recursive: true }) };
});

// The suite's own random runs expect birth times and modes of links, which Linux does not keep: they follow below.
volumeContract(
  'a host folder',
  () => {
    const folder = temporaryFolder();
    return {
      fileSystem: openHostFolder(folder, { writable: true }),
      reopen: () => openHostFolder(folder, { writable: true }),
      dispose: () => rmSync(folder, { recursive: true }),
    };
  },
  { seeds: [] },
);

describe('random changes on a host folder', () => {
  for (const seed of [1, 2, 3, 4]) test(`give the tree of the model, seed ${seed}`, () => randomRun(seed));
});

function randomRun(seed: number): void {
  const folder = temporaryFolder();
  const fileSystem = openHostFolder(folder, { writable: true });
  const volume = firstVolume(fileSystem);
  const model = MemoryVolume.like(volume);
  model.setAttributes(model.root.id, volume.root);
  const random = new Random(seed);
  const changes = new RandomChanges(model, random, { largestXattr: longestXattr });
  const done: TreeChange[] = [];
  for (let step = 1; step <= 150; step++) {
    const change = changes.next();
    done.push(change);
    changeVolume(volume, change);
    if (step % 10 === 0) {
      expect(kept(volume), done.slice(-15).map(changeAsCode).join('\n')).toEqual(kept(model));
    }
    if (random.oneIn(10)) volume.release(volume.root.id);
    if (random.oneIn(20)) fileSystem.commit();
  }
  fileSystem.close();
  const again = openHostFolder(folder, { writable: false });
  expect(kept(firstVolume(again))).toEqual(kept(model));
  again.close();
  rmSync(folder, { recursive: true });
}

/** ext4 has one block for all attributes of an item. */
const longestXattr = 60;

/** What a Linux host keeps: no birth times, no modes of links, attributes named `user.X` as `X`. */
function kept(volume: Volume): TreeSnapshot {
  const tree = snapshotOf(volume, { owners: process.getuid?.() === 0 });
  for (const [path, item] of Object.entries(tree)) {
    const xattrs = Object.entries(item.xattrs ?? {}).map(([name, hash]) => [imageXattrName(name), hash]);
    const mode = item.kind === 'symlink' ? '' : item.mode;
    tree[path] = { ...item, btime: '', mode, xattrs: Object.fromEntries(xattrs) };
  }
  return tree;
}
