// Runs whose SafetyNet is a snapshot, and their undo, on a host that loses power: whatever arrived, the image is sound, and what
// the live tree lost is in a snapshot. An undo that was cut is simply run again.

import { mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type FileStore, Progress, type Volume, WindowDevice } from '@tintype/core';
import type { Holder } from '@tintype/image';
import { type CrashState, CrashStore, count, MemoryStore, withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { isSafetyNetSnapshot } from '../history/snapshot-net.js';
import type { BackupOptions, RunContext } from '../operation.js';
import { openStack } from '../stack.js';
import { backup } from './backup.js';
import { list } from './browse.js';
import { undo } from './undo.js';

const IMAGE = '/b.sparsebundle';
const random = (target: Uint8Array): void => {
  target.fill(7);
};
const holder: Holder = { host: 'test', pid: 1, boot: 'b', alive: () => false, clock: () => 0, random, heartbeat: 0 };
const context = (store: FileStore, now: number): RunContext => ({
  store,
  holder,
  progress: new Progress(),
  emit: () => {},
  now: () => now,
  random,
});

/** Paths outside our own folder, files with their content. */
function treeOf(volume: Volume): string {
  const lines: string[] = [];
  for (const { path, item } of list(volume, '/', true)) {
    if (path.startsWith('/_SafetyNet')) continue;
    const bytes = Buffer.alloc(item.kind === 'file' ? item.size : 0);
    volume.read(item.id, 0, bytes);
    lines.push(`${path}=${bytes.toString('latin1')}`);
  }
  return lines.sort().join('\n');
}

/** The live tree, and those of SafetyNet's snapshots. */
function statesOf(store: FileStore, description: string): { readonly live: string; readonly kept: string[] } {
  const stack = openStack(IMAGE, { store, holder, now: () => 0, random, writable: false });
  const { partition, image, driver, live } = stack;
  const findings = [...driver.check(new WindowDevice(image.device, partition.start, partition.size), {})];
  expect(findings, description).toEqual([]);
  const kept = (live.snapshots ?? []).filter(isSafetyNetSnapshot).map(({ xid }) => treeOf(live.openSnapshot(xid)));
  const states = { live: treeOf(live), kept };
  stack.abandon();
  return states;
}

function put(folder: string, name: string, content: string): void {
  const path = join(folder, name);
  writeFileSync(path, content);
  utimesSync(path, 1_000_000_000, 1_000_000_000);
}

/** All that a run can do to a tree; in folders, so that it takes several commits. */
function change(source: string, round: number): void {
  for (let i = 0; i < 4; i += 1) {
    const folder = join(source, `folder-${i}`);
    mkdirSync(folder, { recursive: true });
    put(folder, 'same', 'same');
    put(folder, 'changed', 'x'.repeat(1000 * round + 10 * i));
    put(folder, `new ${round}`, `new ${round}`);
    rmSync(join(folder, `new ${round - 1}`), { force: true });
  }
}

function cuts(crash: CrashStore, look: (state: CrashState) => void): void {
  const every = count(Math.ceil(crash.calls.length / 40), 1);
  for (const state of crash.prefixes())
    if (state.calls % every === 0 || state.calls === crash.calls.length) look(state);
  for (const state of crash.randomStates({ seed: 5, count: count(40, 2000) })) look(state);
}

test('what a run takes away is in a snapshot, wherever it was cut; so is what an undo takes away', () => {
  withFolder((source) => {
    const store = new MemoryStore();
    const options = { source, destination: IMAGE, commitEvery: 0, snapshots: 'always' } satisfies BackupOptions;
    const sizes = { size: 16 << 20, bandSize: 1 << 20 };
    change(source, 1);
    backup({ ...options, ...sizes }, context(store, 1_800_000_000));
    change(source, 2);
    backup(options, context(store, 1_800_100_000));
    const before = statesOf(store, 'before').live;
    change(source, 3);

    const run = new CrashStore(store);
    // With a retention of nothing the older snapshot goes, too.
    backup({ ...options, safetyNetKeep: 0, keepRules: { last: 1 } }, context(run, 1_800_200_000));
    const after = statesOf(run, 'after').live;
    expect(after).not.toBe(before);
    const seen = new Set<string>();
    cuts(run, ({ store: cut, description }) => {
      const { live, kept } = statesOf(cut, description);
      if (live !== before) expect(kept.at(-1) === before, `what was there is kept ${description}`).toBe(true);
      seen.add(live);
    });
    expect(seen.size).toBeGreaterThan(3);

    const [end] = [...run.prefixes({ from: run.calls.length })];
    const back = new CrashStore(end?.store);
    undo({ image: IMAGE, commitEvery: 0 }, context(back, 1_800_300_000));
    expect(statesOf(back, 'undone').live).toBe(before);
    let unfinished = 0;
    let finished = 0;
    cuts(back, ({ store: cut, description }) => {
      const { live, kept } = statesOf(cut, description);
      if (live !== after) expect(kept.at(-1) === after, `what was there is kept ${description}`).toBe(true);
      if (live === before) return;
      unfinished += 1;
      if (unfinished % 5 > 0) return;
      undo({ image: IMAGE }, context(cut, 1_800_400_000));
      expect(statesOf(cut, `undone again ${description}`).live, description).toBe(before);
      finished += 1;
    });
    expect(finished).toBeGreaterThan(3);
  });
});
