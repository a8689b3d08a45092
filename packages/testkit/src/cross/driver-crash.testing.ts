// A driver on a bare disk that loses power: whatever arrived, there is one commit. One suite for all file systems, with a
// record of what differs.

import type { BlockDevice, FileSystemDriver } from '@tintype/core';
import { expect, test } from 'vitest';
import { contractFormat, contractMount } from '../contracts/driver.js';
import { CrashDevice, type CrashedDevice } from '../crash-device.js';
import { count } from '../seeds.js';
import { SparseDevice } from '../sparse-device.js';
import { type Commit, committedRun } from './committed-run.js';
import { without } from './deaf.testing.js';

export interface CrashExpectations {
  readonly driver: FileSystemDriver;
  /** Bytes of the disk. */
  readonly size: number;
  /** Opens at one commit, with just its files; `thorough` also asks others. @throws if not */
  readonly expectSurvived: (state: CrashedDevice, commits: readonly Commit[], care: 'quick' | 'thorough') => void;
  /** One state of so many is looked at thoroughly: after prefixes, and after losses. */
  readonly thoroughEvery: { readonly prefix: number; readonly loss: number };
  /** Whether volumes have snapshots. */
  readonly snapshots: 'none' | 'changed';
}

interface Run {
  readonly seed: number;
  readonly end: 'close' | 'abandon';
  readonly snapshots?: 'none' | 'changed';
  /** What stands between the driver and the disk. */
  readonly over?: (device: BlockDevice) => BlockDevice;
}

export function driverCrashSuite({ driver, size, expectSurvived, thoroughEvery, snapshots }: CrashExpectations): void {
  function crashedRun({ seed, end, snapshots = 'none', over = (device) => device }: Run): {
    crash: CrashDevice;
    commits: Commit[];
  } {
    const start = new SparseDevice(size);
    driver.format(start, contractFormat);
    const crash = new CrashDevice(start);
    const fileSystem = driver.open(over(crash), contractMount('writable'));
    const changes = { items: 50, largestFile: 40_000, largestXattr: 6000, specialXattrs: ['com.apple.ResourceFork'] };
    const lengths = snapshots === 'none' ? { commits: 5, changesEach: 30 } : { commits: 8, changesEach: 12 };
    const run = { ...lengths, seed, end, changes, snapshots, calls: () => crash.calls };
    return { crash, commits: committedRun(fileSystem, run) };
  }

  function expectPrefixesSurvived({ crash, commits }: ReturnType<typeof crashedRun>, sample: number): void {
    const every = count(Math.ceil(crash.calls / sample), 1);
    let states = 0;
    for (const state of crash.prefixes()) {
      // Around the commits each one, elsewhere a sample, unless all counts are run.
      if (state.calls % every !== 0 && !commits.some(({ calls }) => Math.abs(calls - state.calls) < 5)) continue;
      states += 1;
      expectSurvived(state, commits, states % thoroughEvery.prefix === 0 ? 'thorough' : 'quick');
    }
    expect(states).toBeGreaterThan(50);
  }
  function expectLossesSurvived({ crash, commits }: ReturnType<typeof crashedRun>, seed: number): void {
    let states = 0;
    for (const state of crash.randomStates({ seed, count: count(80, 2000) })) {
      states += 1;
      expectSurvived(state, commits, states % thoroughEvery.loss === 0 ? 'thorough' : 'quick');
    }
  }

  test.each([1, 2])('after any prefix of the writes there is one commit, seed %i', (seed) => {
    expectPrefixesSurvived(crashedRun({ seed, end: 'close' }), 80);
  });
  test.each([3, 4])('after any loss, reordering and tearing there is one commit, seed %i', (seed) => {
    expectLossesSurvived(crashedRun({ seed, end: seed === 3 ? 'close' : 'abandon' }), seed);
  });
  test.runIf(snapshots === 'changed')('so it is while snapshots are made, renamed, deleted and reverted to', () => {
    expectPrefixesSurvived(crashedRun({ seed: 6, end: 'close', snapshots }), 20);
    expectLossesSurvived(crashedRun({ seed: 7, end: 'abandon', snapshots }), 7);
  });

  test('a driver without barriers would be caught', () => {
    const { crash, commits } = crashedRun({ seed: 5, end: 'close', over: (device) => without(device, 'flush') });
    const judge = (): void => {
      for (const state of crash.randomStates({ seed: 5, count: 100 })) expectSurvived(state, commits, 'quick');
    };
    expect(judge).toThrow();
  });
}
