// APFS on a bare disk that loses power: whatever arrived, there is one commit, with exactly its files, and apfsck is content.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { apfs } from '@tintype/apfs';
import type { Volume } from '@tintype/core';
import { expect } from 'vitest';
import { contractMount } from '../contracts/driver.js';
import { firstVolume } from '../contracts/volume.js';
import type { CrashedDevice } from '../crash-device.js';
import { withFolder } from '../fixtures.js';
import { apfsck, withOracle } from '../oracles.js';
import { count } from '../seeds.js';
import { snapshotOf, type TreeSnapshot } from '../snapshot-of.js';
import { type Commit, type KeptTree, possibleCommits } from './committed-run.js';
import { driverCrashSuite } from './driver-crash.testing.js';

function stateOf(volume: Volume): { readonly tree: TreeSnapshot; readonly snapshots: readonly KeptTree[] } {
  const kept = (volume.snapshots ?? []).map(({ name, xid }) => ({ name, tree: snapshotOf(volume.openSnapshot(xid)) }));
  return { tree: snapshotOf(volume), snapshots: kept };
}

/** Opens at one commit, with just its files and snapshots. `thorough`: apfsck judges too. */
function expectSurvived(
  { device, calls, description }: CrashedDevice,
  commits: readonly Commit[],
  care: 'quick' | 'thorough',
): void {
  const fileSystem = apfs.open(device, contractMount('read-only'));
  const found = stateOf(firstVolume(fileSystem));
  const { tree } = found;
  fileSystem.close();
  const possible = possibleCommits(commits, calls).map((commit) => ({
    tree: commit.tree,
    snapshots: commit.snapshots,
  }));
  const isOne = possible.some((each) => JSON.stringify(each) === JSON.stringify(found));
  if (!isOne) expect(found, description).toEqual(possible[0]);
  const findings = [...apfs.check(device, {})];
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

driverCrashSuite({
  driver: apfs,
  size: 24 << 20,
  expectSurvived,
  snapshots: 'changed',
  thoroughEvery: { prefix: count(20, 5), loss: 10 },
});
