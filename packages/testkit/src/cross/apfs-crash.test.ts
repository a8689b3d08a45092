// APFS on a bare disk that loses power: whatever arrived, there is one commit, with exactly its files, and apfsck is content.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { apfs } from '@tintype/apfs';
import type { BlockDevice } from '@tintype/core';
import { expect, test } from 'vitest';
import { contractFormat, contractMount } from '../contracts/driver.js';
import { firstVolume } from '../contracts/volume.js';
import { CrashDevice, type CrashedDevice } from '../crash-device.js';
import { withFolder } from '../fixtures.js';
import { apfsck, withOracle } from '../oracles.js';
import { count } from '../seeds.js';
import { snapshotOf } from '../snapshot-of.js';
import { SparseDevice } from '../sparse-device.js';
import { type Commit, committedRun, possibleTrees } from './committed-run.js';
import { without } from './deaf.testing.js';

const SIZE = 24 << 20;

interface Run {
  readonly seed: number;
  readonly end: 'close' | 'abandon';
  /** What stands between the driver and the disk. */
  readonly over?: (device: BlockDevice) => BlockDevice;
}

function crashedRun({ seed, end, over = (device) => device }: Run): { crash: CrashDevice; commits: Commit[] } {
  const start = new SparseDevice(SIZE);
  apfs.format(start, contractFormat);
  const crash = new CrashDevice(start);
  const fileSystem = apfs.open(over(crash), contractMount('writable'));
  const changes = { items: 50, largestFile: 40_000, largestXattr: 6000, specialXattrs: ['com.apple.ResourceFork'] };
  const run = { commits: 5, changesEach: 30, seed, end, changes, calls: () => crash.calls };
  return { crash, commits: committedRun(fileSystem, run) };
}

/** Opens at one commit, with just its files. `thorough`: apfsck judges too. */
function expectSurvived({ device, calls, description }: CrashedDevice, commits: readonly Commit[], care: string): void {
  const fileSystem = apfs.open(device, contractMount('read-only'));
  const tree = snapshotOf(firstVolume(fileSystem));
  fileSystem.close();
  const possible = possibleTrees(commits, calls);
  const isOne = possible.some((each) => JSON.stringify(each) === JSON.stringify(tree));
  if (!isOne) expect(tree, description).toEqual(possible[0]);
  const findings = [...apfs.check(device, {})].filter(({ kind }) => kind !== 'not-unmounted');
  expect(findings, description).toEqual([]);
  if (care === 'quick' || withOracle('apfsck').skip) return;
  withFolder((folder) => {
    const file = path.join(folder, 'container');
    const bytes = Buffer.alloc(device.size);
    device.read(0, bytes);
    writeFileSync(file, bytes);
    expect(apfsck(file, '-uw'), description).toEqual({ ok: true, output: '', exit: 0 });
  });
  // The next commit works from there.
  const again = apfs.open(device, contractMount('writable'));
  const volume = firstVolume(again);
  expect(snapshotOf(volume), description).toEqual(tree);
  volume.setXattr(volume.root.id, 'user.after', Buffer.from('the cut'));
  again.close();
}

test.each([1, 2])('after any prefix of the writes there is one commit, seed %i', (seed) => {
  const { crash, commits } = crashedRun({ seed, end: 'close' });
  const every = count(Math.ceil(crash.calls / 80), 1);
  let states = 0;
  for (const state of crash.prefixes()) {
    // Around the commits each one, elsewhere a sample, unless all counts are run.
    if (state.calls % every !== 0 && !commits.some(({ calls }) => Math.abs(calls - state.calls) < 5)) continue;
    states += 1;
    expectSurvived(state, commits, states % count(20, 5) === 0 ? 'thorough' : 'quick');
  }
  expect(states).toBeGreaterThan(50);
});

test.each([3, 4])('after any loss, reordering and tearing there is one commit, seed %i', (seed) => {
  const { crash, commits } = crashedRun({ seed, end: seed === 3 ? 'close' : 'abandon' });
  let states = 0;
  for (const state of crash.randomStates({ seed, count: count(80, 2000) })) {
    states += 1;
    expectSurvived(state, commits, states % count(10, 10) === 0 ? 'thorough' : 'quick');
  }
});

test('a driver without barriers would be caught', () => {
  const { crash, commits } = crashedRun({ seed: 5, end: 'close', over: (device) => without(device, 'flush') });
  const judge = (): void => {
    for (const state of crash.randomStates({ seed: 5, count: 100 })) expectSurvived(state, commits, 'quick');
  };
  expect(judge).toThrow();
});
