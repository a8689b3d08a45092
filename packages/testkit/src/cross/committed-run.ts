// A run with commits, to be cut: changes a volume at random, and knows what each commit must hold.

import { assert, type FileSystem } from '@tintype/core';
import { firstVolume } from '../contracts/volume.js';
import { MemoryVolume } from '../memory-volume.js';
import { RandomChanges, type RandomChangesOptions } from '../random-changes.js';
import { Random } from '../seeds.js';
import { snapshotOf, type TreeSnapshot } from '../snapshot-of.js';
import { changeVolume } from '../tree-change.js';

export interface Commit {
  readonly tree: TreeSnapshot;
  /** Of a run with snapshots: oldest first. */
  readonly snapshots: readonly KeptTree[];
  /** Calls made when `commit` returned. */
  readonly calls: number;
}

export interface KeptTree {
  readonly name: string;
  readonly tree: TreeSnapshot;
}

export interface CommittedRun {
  readonly commits: number;
  readonly changesEach: number;
  readonly seed: number;
  readonly changes?: RandomChangesOptions;
  /** Calls of the store or disk below, so far. */
  readonly calls: () => number;
  /** What the last commit is: `close` counts as one that changes no tree. */
  readonly end: 'close' | 'abandon';
  /** After each commit of changes a snapshot is made, renamed, deleted or reverted to. */
  readonly snapshots?: 'none' | 'changed';
}

/** The commits of the run, the state before it first. */
export function committedRun(fileSystem: FileSystem, run: CommittedRun): Commit[] {
  if (run.snapshots === 'changed') return runWithSnapshots(fileSystem, run);
  const volume = firstVolume(fileSystem);
  const commits: Commit[] = [{ tree: snapshotOf(volume), snapshots: [], calls: run.calls() }];
  const changes = treeChanges(fileSystem, new Random(run.seed), run.changes);
  for (let commit = 0; commit < run.commits; commit += 1) {
    for (let i = 0; i < run.changesEach; i += 1) changeVolume(volume, changes.next());
    fileSystem.commit();
    commits.push({ tree: snapshotOf(volume), snapshots: [], calls: run.calls() });
  }
  if (run.end === 'close') fileSystem.close();
  else fileSystem.abandon();
  return commits;
}

/** Each commit changes either the tree or the list of snapshots; a revert is the last of them. */
function runWithSnapshots(fileSystem: FileSystem, run: CommittedRun): Commit[] {
  const random = new Random(run.seed);
  const changes = treeChanges(fileSystem, random.fork(), run.changes);
  const commits: Commit[] = [];
  const kept: (KeptTree & { readonly xid: number })[] = [];
  const note = (): void => {
    const snapshots = kept.map(({ name, tree }) => ({ name, tree }));
    commits.push({ tree: snapshotOf(firstVolume(fileSystem)), snapshots, calls: run.calls() });
  };
  const create = (name: string): void => {
    const xid = fileSystem.createSnapshot(firstVolume(fileSystem), name);
    kept.push({ xid, name, tree: snapshotOf(firstVolume(fileSystem)) });
  };
  const remove = (index: number): void => {
    const [gone] = kept.splice(index, 1);
    if (gone) fileSystem.deleteSnapshot(firstVolume(fileSystem), gone.xid);
  };
  note();
  for (let commit = 0; commit < run.commits; commit += 1) {
    for (let i = 0; i < run.changesEach; i += 1) changeVolume(firstVolume(fileSystem), changes.next());
    fileSystem.commit();
    note();
    const index = random.below(kept.length);
    const known = kept[index];
    const wanted = random.pick(['create', 'create', 'remove', 'rename'] as const);
    if (!known || kept.length < 2 || wanted === 'create') create(`snapshot ${commit}`);
    else if (wanted === 'remove') remove(index);
    else {
      kept[index] = { ...known, name: `renamed ${commit}` };
      fileSystem.renameSnapshot(firstVolume(fileSystem), known.xid, `renamed ${commit}`);
    }
    note();
  }
  while (kept.length > 1) {
    remove(kept.length - 1);
    note();
  }
  const [oldest] = kept;
  assert(oldest !== undefined, 'a snapshot is left to revert to');
  fileSystem.revertToSnapshot(firstVolume(fileSystem), oldest.xid);
  note();
  if (run.end === 'close') fileSystem.close();
  else fileSystem.abandon();
  return commits;
}

function treeChanges(fileSystem: FileSystem, random: Random, options?: RandomChangesOptions): RandomChanges {
  const volume = firstVolume(fileSystem);
  const model = MemoryVolume.like(volume);
  model.setAttributes(model.root.id, volume.root);
  return new RandomChanges(model, random, options);
}

/** What may be found after a cut behind this many calls: the last commit that had ended, or the one being made. */
export function possibleCommits(commits: readonly Commit[], calls: number): Commit[] {
  const next = commits.findIndex((commit) => commit.calls > calls);
  if (next < 0) return commits.slice(-1);
  return commits.slice(Math.max(0, next - 1), next + 1);
}
/** Their trees. */
export function possibleTrees(commits: readonly Commit[], calls: number): TreeSnapshot[] {
  return possibleCommits(commits, calls).map((commit) => commit.tree);
}
