// A backup on a host that loses power: whatever arrived, the image opens at a commit, is sound, and holds that commit's files.

import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type FileStore, Progress, TintypeError, WindowDevice } from '@tintype/core';
import type { Holder } from '@tintype/image';
import { type CrashState, CrashStore, count, MemoryStore, sha256Of, withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import type { RunContext } from '../operation.js';
import { openStack, type Stack } from '../stack.js';
import { backup } from './backup.js';

const passphrase = Buffer.from('of every one');
const random = (target: Uint8Array): void => {
  target.fill(7);
};
const holder: Holder = { host: 'test', pid: 1, boot: 'b', alive: () => false, clock: () => 0, random, heartbeat: 0 };

function context(store: FileStore): RunContext {
  return { store, holder, progress: new Progress(), emit: () => {}, now: () => 1_800_000_000, random };
}

/** Five folders, so that a commit after each gives at least five. */
function makeSource(folder: string): void {
  for (let i = 0; i < 5; i += 1) {
    mkdirSync(join(folder, `folder-${i}`));
    for (let j = 0; j < 6; j += 1) {
      const path = join(folder, `folder-${i}`, `file-${j}`);
      writeFileSync(path, Buffer.alloc(i * 3000 + j * 700, i * 16 + j));
      utimesSync(path, 1_000_000_000 + j, 1_000_000_000 + j);
    }
  }
}

function open(store: FileStore, image: string): Stack {
  return openStack(image, { store, holder, now: () => 0, random, writable: false, passphrase });
}

/** Path and content of every live file. */
function liveFiles(stack: Stack): Map<string, string> {
  const { volume } = stack;
  const files = new Map<string, string>();
  for (const folder of volume.list(volume.root.id)) {
    if (folder.name === '_SafetyNet') continue;
    files.set(`/${folder.name}`, 'folder');
    for (const item of volume.list(folder.id))
      files.set(`/${folder.name}/${item.name}`, item.kind === 'file' ? sha256Of(volume, item.id) : item.kind);
  }
  return files;
}

interface Record {
  readonly commits: number;
  /** Paths created up to the last commit. */
  readonly created: Set<string>;
}

/** What the run's record says, up to commit `until`. */
function readRecord(stack: Stack, until = Number.POSITIVE_INFINITY): Record {
  const { volume } = stack;
  let item = volume.root;
  for (const name of ['_SafetyNet', '.tintype', 'runs']) {
    const next = volume.lookup(item.id, name);
    if (!next) return { commits: 0, created: new Set() };
    item = next;
  }
  const [file] = volume.list(item.id);
  if (!file) return { commits: 0, created: new Set() };
  const bytes = new Uint8Array(file.size);
  volume.read(file.id, 0, bytes);
  const created = new Set<string>();
  let pending: string[] = [];
  let commits = 0;
  for (const line of Buffer.from(bytes).toString('utf8').split('\n').filter(Boolean)) {
    const entry = JSON.parse(line) as { created?: string; commit?: number };
    if (entry.created !== undefined) pending.push(entry.created);
    if (entry.commit === undefined || entry.commit > until) continue;
    for (const path of pending) created.add(path);
    pending = [];
    commits = entry.commit;
  }
  return { commits, created };
}

function expectCommit(state: CrashState, final: Map<string, string>, whole: Stack): number {
  let stack: Stack;
  try {
    stack = open(state.store, whole.path);
  } catch (error) {
    // Before the first barrier there may be no image yet; afterwards there always is one.
    expect(error, state.description).toBeInstanceOf(TintypeError);
    return -1;
  }
  const findings = [
    ...stack.driver.check(new WindowDevice(stack.image.device, stack.partition.start, stack.partition.size), {}),
  ];
  expect(findings, state.description).toEqual([]);
  const { commits } = readRecord(stack);
  const expected = readRecord(whole, commits).created;
  const live = liveFiles(stack);
  expect([...live.keys()].sort(), state.description).toEqual([...expected].sort());
  for (const [path, content] of live) expect(content, `${path} ${state.description}`).toBe(final.get(path));
  stack.abandon();
  return commits;
}

const CONTAINERS = [
  { destination: '/b.sparsebundle' },
  { destination: '/b.sparseimage' },
  { destination: '/b.asif' },
  { destination: '/b.dmg', format: 'udrw' },
  { destination: '/s.sparsebundle', encryption: 'aes-256' },
  { destination: '/s.sparseimage', encryption: 'aes-256' },
  { destination: '/s.dmg', format: 'udrw', encryption: 'aes-128' },
] as const;
const CASES = CONTAINERS.flatMap((container) => (['hfs+', 'apfs'] as const).map((fs) => ({ ...container, fs })));

/** All of the first, some of the others. */
const share = (destination: string): number => (destination === '/b.sparsebundle' ? 1 : 8);

test.each(CASES)(
  'a cut at any moment of a backup to $destination, $fs, leaves a commit, with exactly its files',
  (to) => {
    withFolder((source) => {
      makeSource(source);
      const crash = new CrashStore(new MemoryStore());
      const secret = 'encryption' in to ? { passphrase, kdfRounds: 1 } : {};
      const summary = backup(
        { source, ...to, ...secret, size: 16 << 20, bandSize: 1 << 20, commitEvery: 0 },
        context(crash),
      );
      expect(summary.commits).toBeGreaterThanOrEqual(5);
      const whole = open(crash, to.destination);
      const final = liveFiles(whole);
      expect(final.size).toBe(35);
      const seen = new Set<number>();
      const part = share(to.destination);
      const every = count(Math.ceil(crash.calls.length / (60 / part)), 1);
      let opened = false;
      for (const state of crash.prefixes()) {
        if (state.calls % every !== 0 && state.calls !== crash.calls.length) continue;
        const commits = expectCommit(state, final, whole);
        expect(opened && commits < 0, `an image that was there is gone ${state.description}`).toBe(false);
        opened ||= commits >= 0;
        seen.add(commits);
      }
      if (part === 1) expect(seen.size).toBeGreaterThan(5);
      for (const state of crash.randomStates({ seed: 11, count: count(Math.ceil(80 / part), 1000) }))
        seen.add(expectCommit(state, final, whole));
      whole.abandon();
      expect(seen.size).toBeGreaterThan(2);
    });
  },
);
