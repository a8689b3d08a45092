// Backups over stores that fail, for tests: a small tree, the run that is made of it, and what must hold afterwards.

import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type FileStore, WindowDevice } from '@tintype/core';
import type { MemoryStore } from '@tintype/testkit';
import { sha256Of } from '@tintype/testkit';
import { expect } from 'vitest';
import type { EngineEvent, SummaryEvent } from '../events.js';
import { memoryContext } from '../maintenance/waste.testing.js';
import type { BackupOptions, RunContext, Timer } from '../operation.js';
import { openStack, type Stack } from '../stack.js';
import { backup } from './backup.js';

/** Four folders of five files; with a commit after each folder that is at least five commits. */
export function makeTree(folder: string): void {
  for (let i = 0; i < 4; i += 1) {
    mkdirSync(join(folder, `folder-${i}`));
    for (let j = 0; j < 5; j += 1) {
      const path = join(folder, `folder-${i}`, `file-${j}`);
      writeFileSync(path, Buffer.alloc(i * 3000 + j * 700, i * 16 + j));
      utimesSync(path, 1_000_000_000 + j, 1_000_000_000 + j);
    }
  }
}

/** Time that passes only while somebody sleeps. */
export class StoppedClock implements Timer {
  #now = 0;
  /** Told of each sleep. */
  onSleep: (now: number) => void = () => {};

  now(): number {
    return this.#now;
  }
  sleep(milliseconds: number): void {
    this.#now += milliseconds;
    this.onSleep(this.#now);
  }
}

export interface Setup {
  readonly image: string;
  readonly options: Pick<BackupOptions, 'fs' | 'size' | 'bandSize' | 'format'>;
}

/** Each kind of container that takes a backup, small. */
export function setupOf(container: 'sparsebundle' | 'sparseimage' | 'udrw', fs: string): Setup {
  const size = fs === 'apfs' ? 8 << 20 : 4 << 20;
  const image = { sparsebundle: '/b.sparsebundle', sparseimage: '/b.sparseimage', udrw: '/b.dmg' }[container];
  return { image, options: { fs, size, bandSize: 1 << 20, format: container } };
}

export interface Outcome {
  readonly summary: SummaryEvent | null;
  readonly error: unknown;
  readonly events: EngineEvent[];
  readonly timer: StoppedClock;
  readonly context: RunContext;
}

let wall = 1_800_000_000;

/** Runs and attempts begin one after the other. */
function passing(): number {
  wall += 0.01;
  return wall;
}

export function runBackup(
  store: FileStore,
  source: string,
  setup: Setup,
  more: Partial<BackupOptions> = {},
  onSleep: (now: number, context: RunContext) => void = () => {},
): Outcome {
  const events: EngineEvent[] = [];
  const timer = new StoppedClock();
  const context: RunContext = { ...memoryContext(store, events), timer, now: passing };
  timer.onSleep = (now) => onSleep(now, context);
  const options = { source, destination: setup.image, commitEvery: 0, ...setup.options, ...more };
  try {
    return { summary: backup(options, context), error: null, events, timer, context };
  } catch (error) {
    return { summary: null, error, events, timer, context };
  }
}

/** The image as it is now, under another name. */
export function copyImage(store: MemoryStore, from: string, to: string): void {
  if (store.kind(from) === 'directory') {
    store.makeFolder(to);
    for (const { name } of store.list(from)) copyImage(store, `${from}/${name}`, `${to}/${name}`);
    return;
  }
  const source = store.open(from, 'read');
  const bytes = new Uint8Array(source.size());
  source.read(0, bytes);
  source.close();
  const target = store.open(to, 'create');
  target.write(0, bytes);
  target.close();
}

function open(store: FileStore, image: string): Stack {
  const { holder, now, random } = memoryContext(store);
  return openStack(image, { store, holder, now, random, writable: false });
}

/** Path and content of every live item; the image must open, and its file system be sound. */
export function liveFiles(store: FileStore, image: string, description: string): Map<string, string> {
  const stack = open(store, image);
  const { volume } = stack;
  const window = new WindowDevice(stack.image.device, stack.partition.start, stack.partition.size);
  const findings = [...stack.driver.check(window, {})];
  expect(findings, description).toEqual([]);
  const files = new Map<string, string>();
  for (const folder of volume.list(volume.root.id)) {
    if (folder.name === '_SafetyNet') continue;
    files.set(`/${folder.name}`, 'folder');
    for (const item of volume.list(folder.id))
      files.set(`/${folder.name}/${item.name}`, item.kind === 'file' ? sha256Of(volume, item.id) : item.kind);
  }
  stack.abandon();
  return files;
}
