// A revert that deletes newer snapshots, on a host that loses power: whatever arrived, the volume is what it was or what the
// snapshot holds, no snapshot is half gone, and the same command again ends with it.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type FileStore, WindowDevice } from '@tintype/core';
import {
  apfsck,
  type CrashState,
  CrashStore,
  count,
  MemoryStore,
  snapshotOf,
  type TreeSnapshot,
  withFolder,
  withOracle,
} from '@tintype/testkit';
import { expect, test } from 'vitest';
import { readPins } from '../history/pins.js';
import { memoryContext } from '../maintenance/waste.testing.js';
import { openStack } from '../stack.js';
import { backup } from './backup.js';
import { snapshot } from './snapshot.js';

const IMAGE = '/b.sparsebundle';
const NAMES = ['one', 'two', 'three'] as const;

interface State {
  readonly live: TreeSnapshot;
  readonly kept: readonly { readonly name: string; readonly tree: TreeSnapshot }[];
}

/** Sound by our check; `judge`: by apfsck, too. */
function stateOf(store: FileStore, description: string, judge: 'own' | 'foreign' = 'own'): State {
  const stack = openStack(IMAGE, { ...memoryContext(store), writable: false });
  const { partition, image, driver, live } = stack;
  const window = new WindowDevice(image.device, partition.start, partition.size);
  const findings = [...driver.check(window, {})];
  expect(findings, description).toEqual([]);
  if (judge === 'foreign' && !withOracle('apfsck').skip)
    withFolder((folder) => {
      const bytes = new Uint8Array(window.size);
      window.read(0, bytes);
      writeFileSync(join(folder, 'raw'), bytes);
      expect(apfsck(join(folder, 'raw'), '-uw'), description).toEqual({ ok: true, output: '', exit: 0 });
    });
  const kept = (live.snapshots ?? []).map(({ name, xid }) => ({ name, tree: snapshotOf(live.openSnapshot(xid)) }));
  const state = { live: snapshotOf(live), kept };
  stack.abandon();
  return state;
}

function threeSnapshots(): MemoryStore {
  const store = new MemoryStore();
  withFolder((source) => {
    for (const [round, name] of NAMES.entries()) {
      for (let i = 0; i < 4; i += 1) {
        const folder = join(source, `folder-${i}`);
        mkdirSync(folder, { recursive: true });
        writeFileSync(join(folder, 'changed'), Buffer.alloc(10_000 * (round + 1) + i, name));
        writeFileSync(join(folder, `new in ${name}`), name);
        rmSync(join(folder, `new in ${NAMES[round - 1]}`), { force: true });
      }
      const sizes = round === 0 ? { size: 16 << 20, bandSize: 1 << 20, fs: 'apfs' } : {};
      const options = { source, destination: IMAGE, safetyNet: false, makeSnapshot: name, ...sizes };
      backup(options, { ...memoryContext(store), now: () => 1_800_000_000 + 100_000 * round });
    }
  });
  return store;
}

function* states(crash: CrashStore): Generator<CrashState> {
  const every = count(Math.ceil(crash.calls.length / 60), 1);
  for (const state of crash.prefixes()) if (state.calls % every === 0) yield state;
  yield* crash.randomStates({ seed: 11, count: count(40, 2000) });
}

test('a revert that is cut loses no pin that was made since', () => {
  const store = threeSnapshots();
  const run = (where: FileStore, action: 'pin' | 'revert', name: string) =>
    snapshot({ image: IMAGE, action, name, deleteNewer: true }, memoryContext(where));
  run(store, 'pin', 'one');
  const crash = new CrashStore(store);
  run(crash, 'revert', 'two');
  let reverted = 0;
  for (const { store: cut, description } of states(crash)) {
    const { live, path } = openStack(IMAGE, { ...memoryContext(cut), writable: false });
    expect(path).toBe(IMAGE);
    const one = live.snapshots?.find(({ name }) => name === 'one');
    expect(readPins(live, live.uuid), description).toEqual(new Set([one?.xid]));
    if (live.snapshots?.length === 2) reverted += 1;
  }
  expect(reverted).toBeGreaterThan(0);
  expect(stateOf(store, 'untouched', 'foreign').kept).toHaveLength(3);
  run(store, 'revert', 'two');
  expect(stateOf(store, 'reverted', 'foreign').kept).toHaveLength(2);
});

test('a revert that is cut leaves one of both trees and whole snapshots; run again it ends', () => {
  const store = threeSnapshots();
  const before = stateOf(store, 'before');
  const then = before.kept[0]?.tree;
  expect(before.kept.map(({ name }) => name)).toEqual(NAMES);
  expect(then).not.toEqual(before.live);
  const revert = (where: FileStore) =>
    snapshot({ image: IMAGE, action: 'revert', name: 'one', deleteNewer: true }, memoryContext(where));
  const crash = new CrashStore(store);
  revert(crash);
  const seen = new Set<string>();
  let looked = 0;
  for (const { store: cut, description } of states(crash)) {
    looked += 1;
    const { live, kept } = stateOf(cut, description, looked % count(20, 5) === 0 ? 'foreign' : 'own');
    expect(kept, description).toEqual(before.kept.slice(0, kept.length));
    expect(kept.length, description).toBeGreaterThan(0);
    const isDone = JSON.stringify(live) === JSON.stringify(then);
    if (!isDone) expect(live, description).toEqual(before.live);
    if (isDone) expect(kept, description).toHaveLength(1);
    seen.add(`${kept.length} ${isDone}`);
    if (looked % 5 > 0) continue;
    revert(cut);
    const end = stateOf(cut, `again ${description}`);
    expect(end, description).toEqual({ live: then, kept: before.kept.slice(0, 1) });
  }
  expect([...seen].sort()).toEqual(['1 false', '1 true', '2 false', '3 false']);
});
