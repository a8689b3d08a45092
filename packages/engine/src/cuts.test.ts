// The life of an image on a host that loses power: backups, a new passphrase, packing, growing, shrinking, cut anywhere. Every
// writable container, both file systems, plain and encrypted. Whatever arrived, the image opens at a commit, with exactly the
// files that its own records name.

import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type FileStore, PassphraseError, WindowDevice } from '@tintype/core';
import { type CrashState, CrashStore, contentOf, count, MemoryStore, sha256Of, withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import type { SummaryEvent } from './events.js';
import { compact } from './maintenance/compact.js';
import { passwd } from './maintenance/passwd.js';
import { resize } from './maintenance/resize.js';
import { memoryContext, spoilFreeSpace } from './maintenance/waste.testing.js';
import type { BackupOptions, RunContext } from './operation.js';
import { backup } from './operations/backup.js';
import { list } from './operations/browse.js';
import { openStack, type Stack } from './stack.js';

declare module 'vitest' {
  interface TaskMeta {
    /** Simulated cuts that a test looked at, for the line at the end of a run. */
    cuts?: number;
  }
}

/** The number, over all tests here. */
const PROMISED = 10_000;
const CUTS = count(4, 132);
const MIB = 1 << 20;
const START = 1_800_000_000;

interface Container extends Pick<BackupOptions, 'destination' | 'format' | 'encryption'> {
  readonly destination: string;
}
const CONTAINERS: readonly Container[] = [
  { destination: '/a.sparsebundle' },
  { destination: '/a.sparseimage' },
  { destination: '/a.asif' },
  { destination: '/a.dmg', format: 'udrw' },
  { destination: '/s.sparsebundle', encryption: 'aes-256' },
  { destination: '/s.sparseimage', encryption: 'aes-128' },
  { destination: '/s.dmg', format: 'udrw', encryption: 'aes-256' },
];

const PLAIN_STAGES = ['first backup', 'second backup', 'compact', 'grow', 'shrink'] as const;
const STAGES = ['first backup', 'second backup', 'passwd', 'compact', 'grow', 'shrink'] as const;
type Stage = (typeof STAGES)[number];

const stagesOf = ({ encryption }: Container): readonly Stage[] => (encryption === undefined ? PLAIN_STAGES : STAGES);

const CASES = CONTAINERS.flatMap((container) =>
  (['hfs+', 'apfs'] as const).map((fs) => ({ container, fs, cuts: stagesOf(container).length * CUTS })),
);

/** Path to hash of content; of folders: to `folder`. */
type Tree = ReadonlyMap<string, string>;

const OLD = 'of every one';
const NEW = 'and another';

/** Operations wipe what they are given. */
const secret = (text: string): Uint8Array => Buffer.from(text);

function put(path: string, content: Uint8Array): void {
  writeFileSync(path, content);
  utimesSync(path, 1_000_000_000, 1_000_000_000 + content.length);
}

/** Five folders, so that a commit after each gives at least five; one file goes over several bands. */
function makeSource(source: string): void {
  for (let i = 0; i < 5; i += 1) {
    const folder = join(source, `folder-${i}`);
    mkdirSync(folder);
    for (let j = 0; j < 6; j += 1) put(join(folder, `file-${j}`), Buffer.alloc(i * 3000 + j * 700, i * 16 + j));
  }
  put(join(source, 'folder-2', 'large'), Buffer.alloc(2.5 * MIB, 'large'));
}

/** All that a second run can find: changed, new and gone, files and folders. */
function changeSource(source: string): void {
  for (let i = 0; i < 4; i += 1) {
    const folder = join(source, `folder-${i}`);
    put(join(folder, 'file-1'), Buffer.alloc(20_000 + i, `changed ${i}`));
    put(join(folder, 'new'), Buffer.alloc(5000 * i, `new ${i}`));
    rmSync(join(folder, 'file-2'));
  }
  put(join(source, 'folder-2', 'large'), Buffer.alloc(1.5 * MIB, 'smaller'));
  rmSync(join(source, 'folder-4'), { recursive: true });
  mkdirSync(join(source, 'folder-5'));
  put(join(source, 'folder-5', 'file'), Buffer.alloc(9000, 'late'));
}

function treeOfFolder(source: string): Tree {
  const tree = new Map<string, string>();
  for (const entry of readdirSync(source, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const content = entry.isDirectory() ? 'folder' : createHash('sha256').update(readFileSync(path)).digest('hex');
    tree.set(path.slice(source.length), content);
  }
  return tree;
}

interface RunLine {
  /** Of the first line. */
  readonly started?: string;
  readonly created?: string;
  readonly replaced?: string;
  readonly moved?: string;
  readonly removed?: string;
  readonly commit?: number;
}

interface Recorded {
  /** What the live tree must be, by the records alone. */
  readonly tree: Tree;
  /** Commits of each run. */
  readonly commits: readonly number[];
}

/** `sources`: what was there when the runs of each 1,000 seconds began. */
function readRecords({ volume }: Stack, sources: readonly Tree[]): Recorded {
  const tree = new Map<string, string>();
  const commits: number[] = [];
  const runs = [...list(volume, '/', true)].filter(({ path }) => /^\/_SafetyNet\/\.tintype\/runs\/./.test(path));
  for (const { item } of runs.sort((a, b) => (a.path < b.path ? -1 : 1))) {
    const lines = Buffer.from(contentOf(volume, item.id)).toString('utf8').split('\n').filter(Boolean);
    const entries = lines.map((line) => JSON.parse(line) as RunLine);
    const source = sources[Math.floor((Date.parse(entries[0]?.started ?? '') / 1000 - START) / 1000)];
    const end = entries.findLastIndex(({ commit }) => commit !== undefined);
    commits.push(entries[end]?.commit ?? 0);
    for (const { created, replaced, moved, removed } of entries.slice(0, end + 1)) {
      const gone = moved ?? removed;
      if (gone !== undefined)
        for (const path of tree.keys()) if (path === gone || path.startsWith(`${gone}/`)) tree.delete(path);
      const made = created ?? replaced;
      if (made !== undefined) tree.set(made, source?.get(made) ?? 'in no source');
    }
  }
  return { tree, commits };
}

function liveTree({ volume }: Stack): Tree {
  const tree = new Map<string, string>();
  for (const { path, item } of list(volume, '/', true))
    if (!path.startsWith('/_SafetyNet')) tree.set(path, item.kind === 'file' ? sha256Of(volume, item.id) : 'folder');
  return tree;
}

const sorted = (tree: Tree): string[] => [...tree].map(([path, content]) => `${path} ${content}`).sort();

/** One image, from its making on. */
class Life {
  readonly #container: Container;
  readonly #fs: string;
  readonly #source: string;
  readonly #trees: Tree[] = [];
  /** Commits of the runs that have ended. */
  readonly #commits: number[] = [];
  #store = new MemoryStore();
  #passphrases: readonly string[] = [OLD];
  cuts = 0;

  constructor(container: Container, fs: string, source: string) {
    this.#container = container;
    this.#fs = fs;
    this.#source = source;
  }

  /** One operation, cut at random moments; the life goes on with what it left when it was not. `over`: between it and the host. */
  live(stage: Stage, seed: number, { cuts = CUTS, over = (store: FileStore) => store } = {}): void {
    this.#prepare(stage);
    const crash = new CrashStore(this.#store);
    let from = 0;
    const emitted = (name: string): void => {
      // Before there is an image there is none to open: that it then is whole or absent, backup.crash.test shows.
      if (stage === 'first backup' && name === 'copy') from = crash.calls.length;
    };
    const summary = this.#perform(stage, over(crash), emitted);
    for (const state of crash.randomStates({ seed, count: cuts, from })) this.#judge(stage, state);
    const [end] = [...crash.prefixes({ from: crash.calls.length })];
    if (!end) throw new Error('the last prefix is all calls');
    this.#store = end.store.clone();
    if (stage.endsWith('backup')) this.#commits.push(Number(summary.commits));
    if (stage === 'passwd') this.#passphrases = [NEW];
    this.#expectSound(end, 'all');
  }

  #prepare(stage: Stage): void {
    if (stage === 'first backup') makeSource(this.#source);
    if (stage === 'second backup') changeSource(this.#source);
    if (stage.endsWith('backup')) this.#trees.push(treeOfFolder(this.#source));
    if (stage === 'passwd') this.#passphrases = [OLD, NEW];
    if (stage === 'compact') spoilFreeSpace(this.#store, this.#container.destination, this.#secret());
  }

  #secret(): Uint8Array {
    return secret(this.#passphrases[0] ?? '');
  }

  #perform(stage: Stage, store: FileStore, emitted: (phase: string) => void, again?: string): SummaryEvent {
    const { destination: image, encryption } = this.#container;
    const passphrase = again === undefined ? this.#secret() : secret(again);
    const context: RunContext = {
      ...memoryContext(store),
      now: () => START + 1000 * (this.#trees.length - 1) + (again === undefined ? 0 : 500),
      emit: (event) => event.type === 'phase' && emitted(event.name),
    };
    switch (stage) {
      case 'first backup': {
        const making = { ...this.#container, fs: this.#fs, size: 24 * MIB, bandSize: MIB };
        const locked = encryption === undefined ? {} : { passphrase, kdfRounds: 1 };
        return backup({ source: this.#source, ...making, ...locked, commitEvery: 0 }, context);
      }
      case 'second backup':
        return backup({ source: this.#source, destination: image, passphrase, commitEvery: 0 }, context);
      case 'passwd':
        return passwd({ image, passphrase, newPassphrase: secret(NEW), kdfRounds: 1 }, context);
      case 'compact':
        return compact({ images: [image], passphrase, allowBattery: true }, context);
      case 'grow':
        return resize({ image, size: 40 * MIB, passphrase }, context);
      case 'shrink':
        return resize({ image, size: 17 * MIB, passphrase }, context);
    }
  }

  #judge(stage: Stage, state: CrashState): void {
    this.cuts += 1;
    const { store, description } = state;
    // Between two sizes only the tree counts: the same command finishes what the map and the volume say of their ends.
    const isResize = stage === 'grow' || stage === 'shrink';
    const passphrase = this.#expectSound(state, isResize ? 'tree' : 'file system');
    if (this.cuts % 4 !== 0 && !isResize) return;
    if (stage !== 'passwd' || passphrase === OLD) this.#perform(stage, store, () => {}, passphrase);
    this.#expectSound({ ...state, description: `${description}; then ${stage} again` }, 'all');
  }

  /** With the first passphrase that opens it, which is the answer. */
  #open(store: FileStore): { readonly stack: Stack; readonly passphrase: string } {
    for (const passphrase of this.#passphrases)
      try {
        const { holder, now, random } = memoryContext(store);
        const unlocked = { writable: false, passphrase: secret(passphrase) };
        return {
          stack: openStack(this.#container.destination, { store, holder, now, random, ...unlocked }),
          passphrase,
        };
      } catch (error) {
        if (!(error instanceof PassphraseError)) throw error;
      }
    throw new Error('no passphrase opens it');
  }

  #expectSound({ store, description }: Omit<CrashState, 'calls'>, care: 'tree' | 'file system' | 'all'): string {
    const { stack, passphrase } = this.#open(store);
    try {
      const { image, partition, driver, map } = stack;
      const findings = [...driver.check(new WindowDevice(image.device, partition.start, partition.size), {})];
      if (care === 'all') findings.push(...map.findings, ...image.verify());
      if (care !== 'tree') expect(findings, description).toEqual([]);
      const { tree, commits } = readRecords(stack, this.#trees);
      expect(sorted(liveTree(stack)), description).toEqual(sorted(tree));
      for (const [run, least] of this.#commits.entries()) expect(commits[run], description).toBe(least);
      if (care === 'all') expect(sorted(tree), description).toEqual(sorted(this.#trees.at(-1) ?? new Map()));
    } finally {
      stack.abandon();
    }
    return passphrase;
  }
}

test.for(CASES)('B4 $cuts cuts in the life of $container.destination with $fs', ({ container, fs, cuts }, { task }) => {
  withFolder((source) => {
    const life = new Life(container, fs, source);
    for (const [i, stage] of stagesOf(container).entries()) life.live(stage, i + 1);
    expect(life.cuts).toBe(cuts);
    task.meta.cuts = life.cuts;
  });
});

/** Syncing a file does nothing on this host. */
function withoutSync(store: FileStore): FileStore {
  const replacing = <T extends object>(target: T, own: Partial<T>): T =>
    new Proxy(target, {
      get: (from, name) => {
        const value: unknown = Reflect.get(own, name) ?? Reflect.get(from, name, from);
        return typeof value === 'function' ? value.bind(from) : value;
      },
    });
  return replacing(store, { open: (path, mode) => replacing(store.open(path, mode), { sync: () => {} }) });
}

test.each(['hfs+', 'apfs'])('a host that does not sync would be caught, with %s', (fs) => {
  withFolder((source) => {
    const life = new Life({ destination: '/a.sparsebundle' }, fs, source);
    life.live('first backup', 1);
    expect(() => life.live('second backup', 2, { cuts: 40, over: withoutSync })).toThrow();
  });
});

test('in full these are the cuts that were promised', () => {
  const stages = CASES.reduce((sum, { container }) => sum + stagesOf(container).length, 0);
  expect(CASES.reduce((sum, { cuts }) => sum + cuts, 0)).toBe(stages * CUTS);
  expect(stages * 132).toBeGreaterThanOrEqual(PROMISED);
});
