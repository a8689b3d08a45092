// What must hold of an HFS+ volume after a cut: it opens at one commit, both replays give the same bytes, every check is
// content, and the tree is that commit's.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { BlockDevice } from '@tintype/core';
import { hfsplus } from '@tintype/hfsplus';
import { expect } from 'vitest';
import { contractMount } from '../contracts/driver.js';
import { firstVolume } from '../contracts/volume.js';
import { withFolder } from '../fixtures.js';
import { fsckHfsplus, withOracle } from '../oracles.js';
import { snapshotOf, type TreeSnapshot } from '../snapshot-of.js';
import { SparseBytes } from '../sparse-bytes.js';
import { SparseDevice } from '../sparse-device.js';
import { type Commit, possibleTrees } from './committed-run.js';
import { journalPlace, replayJournal } from './journal-replay.js';

export interface CutVolume {
  readonly device: BlockDevice;
  /** Calls made before the cut, as `Commit.calls` counts them. */
  readonly calls: number;
  readonly description: string;
}

/** `thorough`: Apple's checker judges too, which takes longest. Recovers the device. */
export function expectSurvived(state: CutVolume, commits: readonly Commit[], care: 'quick' | 'thorough'): void {
  const { device, calls, description } = state;
  const twin = copyOf(device);
  const tree = treeOn(device);
  const possible = possibleTrees(commits, calls);
  const isOne = possible.some((each) => JSON.stringify(each) === JSON.stringify(tree));
  if (!isOne) expect(tree, description).toEqual(possible[0]);
  hfsplus.recover(device);
  replayJournal(twin);
  const same = Buffer.compare(bytesOutsideJournal(device), bytesOutsideJournal(twin)) === 0;
  expect(same, `${description}: both replays give the same bytes`).toBe(true);
  expect([...hfsplus.check(device, {})], description).toEqual([]);
  if (care === 'quick') return;
  expect(treeOn(device), description).toEqual(tree);
  expectAppleContent(device, description);
}

export function expectAppleContent(device: BlockDevice, description: string): void {
  if (withOracle('fsck.hfsplus').skip) return;
  withFolder((folder) => {
    const file = path.join(folder, 'volume');
    writeFileSync(file, bytesOf(device));
    expect(fsckHfsplus(file), description).toMatchObject({ ok: true });
  });
}

export function treeOn(device: BlockDevice): TreeSnapshot {
  const fileSystem = hfsplus.open(device, contractMount('read-only'));
  const tree = snapshotOf(firstVolume(fileSystem));
  fileSystem.close();
  return tree;
}

function bytesOf(device: BlockDevice): Buffer {
  const bytes = Buffer.alloc(device.size);
  device.read(0, bytes);
  return bytes;
}

function copyOf(device: BlockDevice): SparseDevice {
  if (device instanceof SparseDevice) return device.clone();
  const bytes = new SparseBytes();
  bytes.adopt(0, bytesOf(device));
  return new SparseDevice(bytes);
}

/** All bytes but the journal's own: two replays may leave other numbers in its header. */
function bytesOutsideJournal(device: BlockDevice): Buffer {
  const bytes = bytesOf(device);
  const journal = journalPlace(device);
  if (journal) bytes.fill(0, journal.offset, journal.offset + journal.size);
  return bytes;
}
