// HFS+ on a bare disk that loses power: whatever arrived, there is one commit, sound, and both replays agree.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { BlockDevice } from '@tintype/core';
import { hfsplus } from '@tintype/hfsplus';
import { expect, test } from 'vitest';
import { contractFormat, contractMount } from '../contracts/driver.js';
import { firstVolume } from '../contracts/volume.js';
import { CrashDevice, type CrashedDevice } from '../crash-device.js';
import { withFolder } from '../fixtures.js';
import { fsckHfsplus, withOracle } from '../oracles.js';
import { count } from '../seeds.js';
import { snapshotOf, type TreeSnapshot } from '../snapshot-of.js';
import { SparseDevice } from '../sparse-device.js';
import { type Commit, committedRun, possibleTrees } from './committed-run.js';
import { journalPlace, replayJournal } from './journal-replay.js';

const SIZE = 8 << 20;
const canCheck = withOracle('fsck.hfsplus').present;

function crashedRun(seed: number, end: 'close' | 'abandon'): { crash: CrashDevice; commits: Commit[] } {
  const start = new SparseDevice(SIZE);
  hfsplus.format(start, contractFormat);
  const crash = new CrashDevice(start);
  const fileSystem = hfsplus.open(crash, contractMount('writable'));
  const changes = { items: 50, largestFile: 40_000, largestXattr: 6000, specialXattrs: ['com.apple.ResourceFork'] };
  const run = { commits: 5, changesEach: 30, seed, end, changes, calls: () => crash.calls };
  return { crash, commits: committedRun(fileSystem, run) };
}

function treeOn(device: BlockDevice): TreeSnapshot {
  const fileSystem = hfsplus.open(device, contractMount('read-only'));
  const tree = snapshotOf(firstVolume(fileSystem));
  fileSystem.close();
  return tree;
}

/** All bytes but the journal's own: two replays may leave other numbers in its header. */
function bytesOutsideJournal(device: SparseDevice): Buffer {
  const bytes = Buffer.alloc(device.size);
  device.read(0, bytes);
  const journal = journalPlace(device);
  if (journal) bytes.fill(0, journal.offset, journal.offset + journal.size);
  return bytes;
}

function expectAppleContent(device: SparseDevice, description: string): void {
  if (!canCheck) return;
  withFolder((folder) => {
    const file = path.join(folder, 'volume');
    const bytes = Buffer.alloc(device.size);
    device.read(0, bytes);
    writeFileSync(file, bytes);
    expect(fsckHfsplus(file), description).toMatchObject({ ok: true });
  });
}

/** Every `thorough` state is also judged by Apple's checker, which takes longest. */
function expectSurvived(state: CrashedDevice, commits: readonly Commit[], thorough: boolean): void {
  const { device, calls, description } = state;
  const twin = device.clone();
  const tree = treeOn(device);
  const possible = possibleTrees(commits, calls).map((each) => JSON.stringify(each));
  if (!possible.includes(JSON.stringify(tree))) expect(tree, description).toEqual(possibleTrees(commits, calls)[0]);
  hfsplus.recover(device);
  replayJournal(twin);
  expect(Buffer.compare(bytesOutsideJournal(device), bytesOutsideJournal(twin)), `${description}: replays differ`).toBe(
    0,
  );
  expect([...hfsplus.check(device, {})], description).toEqual([]);
  if (!thorough) return;
  expect(treeOn(device)).toEqual(tree);
  expectAppleContent(device, description);
}

test.each([1, 2])('after any prefix of the writes there is one commit, seed %i', (seed) => {
  const { crash, commits } = crashedRun(seed, 'close');
  let states = 0;
  for (const state of crash.prefixes()) {
    states += 1;
    expectSurvived(state, commits, states % count(150, 10) === 0);
  }
  expect(states).toBeGreaterThan(50);
});

test.each([3, 4])('after any loss, reordering and tearing there is one commit, seed %i', (seed) => {
  const { crash, commits } = crashedRun(seed, seed === 3 ? 'close' : 'abandon');
  let states = 0;
  for (const state of crash.randomStates({ seed, count: count(100, 2000) })) {
    states += 1;
    expectSurvived(state, commits, states % count(30, 10) === 0);
  }
});
