// The n-th call to the host fails, for every n of a small backup: never an unsound image, never a wrong "done". An error
// that may pass is waited for, a full host ends the run, and the next run completes.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Fault, FaultStore, FULL, MemoryStore, withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { liveFiles, makeTree, runBackup, type Setup, setupOf } from './link-loss.testing.js';

/** Calls that fail in one scenario, every day; in full: all of them. */
const SAMPLES = 2;

const FAULTS: readonly Pick<Fault, 'code' | 'effect'>[] = (['EIO', 'ENOSPC', 'EINTR'] as const).flatMap((code) => [
  { code, effect: 'none' },
  { code, effect: 'half' },
]);

interface Scenario {
  readonly setup: Setup;
  readonly source: string;
  /** Before the run: empty, or with the image of an earlier one. */
  readonly start: MemoryStore;
}

const about = (path: string): boolean => path === '/' || /(^|\/)\.?b\./.test(path);

function sweep({ setup, source, start }: Scenario): { readonly calls: number; readonly faults: number } {
  const sound = start.clone();
  const counting = new FaultStore(sound, { call: Number.POSITIVE_INFINITY, code: 'EIO', about });
  expect(runBackup(counting, source, setup).error).toBeNull();
  const wanted = liveFiles(sound, setup.image, 'without a fault');
  const before = start.kind(setup.image) === null ? new Map() : liveFiles(start.clone(), setup.image, 'before');
  const { calls } = counting;
  const step = FULL ? 1 : Math.ceil(calls / SAMPLES);
  let faults = 0;
  for (const fault of FAULTS)
    for (let call = 1 + (faults % step); call <= calls; call += step, faults += 1)
      oneFault({ setup, source, start }, { ...fault, call, about }, { wanted, before });
  return { calls, faults };
}

function oneFault(
  { setup, source, start }: Scenario,
  fault: Fault,
  files: { readonly wanted: Map<string, string>; readonly before: Map<string, string> },
): void {
  const text = `${setup.image} ${setup.options.fs} ${JSON.stringify(fault)}`;
  const below = start.clone();
  const store = new FaultStore(below, fault);
  const { summary, error } = runBackup(store, source, setup);
  expect(store.fired, text).toBe(true);
  if (summary) {
    expect(summary, text).toMatchObject({ problems: [], interrupted: false });
    expect(liveFiles(below, setup.image, text), text).toEqual(files.wanted);
    return;
  }
  expect(error, text).toMatchObject({ code: 'ENOSPC' });
  expect(fault.code, text).toBe('ENOSPC');
  if (below.kind(setup.image) !== null) {
    const left = liveFiles(below, setup.image, text);
    for (const [path, content] of left)
      expect([files.wanted.get(path), files.before.get(path)], `${path} ${text}`).toContain(content);
  } else expect(files.before.size, text).toBe(0);
  expect(runBackup(below, source, setup).summary, text).toMatchObject({ problems: [] });
  expect(liveFiles(below, setup.image, text), text).toEqual(files.wanted);
}

function expectSwept({ calls, faults }: { readonly calls: number; readonly faults: number }): void {
  expect(calls).toBeGreaterThan(100);
  expect(faults).toBeGreaterThanOrEqual((FULL ? calls : SAMPLES - 1) * FAULTS.length);
}

for (const container of ['sparsebundle', 'sparseimage', 'udrw'] as const)
  for (const fs of ['hfs+', 'apfs']) {
    const setup = setupOf(container, fs);
    test(`each call of a first backup to ${fs} in a ${container} may fail`, { timeout: 3_600_000 }, () => {
      withFolder((source) => {
        makeTree(source);
        const done = sweep({ setup, source, start: new MemoryStore() });
        expectSwept(done);
      });
    });
    test(`each call of a second backup to ${fs} in a ${container} may fail`, { timeout: 3_600_000 }, () => {
      withFolder((source) => {
        makeTree(source);
        const start = new MemoryStore();
        runBackup(start, source, setup);
        for (let i = 0; i < 4; i += 1) writeFileSync(join(source, `folder-${i}`, 'file-1'), `changed ${i}`);
        const done = sweep({ setup, source, start });
        expectSwept(done);
      });
    });
  }
