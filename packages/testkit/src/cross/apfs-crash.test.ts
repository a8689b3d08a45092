// APFS on a bare disk that loses power: whatever arrived, there is one commit, with exactly its files, and apfsck is content.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { apfs } from '@tintype/apfs';
import { expect } from 'vitest';
import { contractMount } from '../contracts/driver.js';
import { firstVolume } from '../contracts/volume.js';
import type { CrashedDevice } from '../crash-device.js';
import { withFolder } from '../fixtures.js';
import { apfsck, withOracle } from '../oracles.js';
import { count } from '../seeds.js';
import { snapshotOf } from '../snapshot-of.js';
import { type Commit, possibleTrees } from './committed-run.js';
import { driverCrashSuite } from './driver-crash.testing.js';

/** Opens at one commit, with just its files. `thorough`: apfsck judges too. */
function expectSurvived(
  { device, calls, description }: CrashedDevice,
  commits: readonly Commit[],
  care: 'quick' | 'thorough',
): void {
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

driverCrashSuite({
  driver: apfs,
  size: 24 << 20,
  expectSurvived,
  thoroughEvery: { prefix: count(20, 5), loss: 10 },
});
