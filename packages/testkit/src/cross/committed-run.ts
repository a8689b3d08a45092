// A run with commits, to be cut: changes a volume at random, and knows what each commit must hold.

import type { FileSystem } from '@tintype/core';
import { firstVolume } from '../contracts/volume.js';
import { MemoryVolume } from '../memory-volume.js';
import { RandomChanges, type RandomChangesOptions } from '../random-changes.js';
import { Random } from '../seeds.js';
import { snapshotOf, type TreeSnapshot } from '../snapshot-of.js';
import { changeVolume } from '../tree-change.js';

export interface Commit {
  readonly tree: TreeSnapshot;
  /** Calls made when `commit` returned. */
  readonly calls: number;
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
}

/** The commits of the run, the state before it first. */
export function committedRun(fileSystem: FileSystem, run: CommittedRun): Commit[] {
  const volume = firstVolume(fileSystem);
  const commits: Commit[] = [{ tree: snapshotOf(volume), calls: run.calls() }];
  const model = MemoryVolume.like(volume);
  model.setAttributes(model.root.id, volume.root);
  const changes = new RandomChanges(model, new Random(run.seed), run.changes);
  for (let commit = 0; commit < run.commits; commit += 1) {
    for (let i = 0; i < run.changesEach; i += 1) changeVolume(volume, changes.next());
    fileSystem.commit();
    commits.push({ tree: snapshotOf(volume), calls: run.calls() });
  }
  if (run.end === 'close') fileSystem.close();
  else fileSystem.abandon();
  return commits;
}

/** What may be found after a cut behind this many calls: the last commit that had ended, or the one being made. */
export function possibleTrees(commits: readonly Commit[], calls: number): TreeSnapshot[] {
  const next = commits.findIndex((commit) => commit.calls > calls);
  if (next < 0) return commits.slice(-1).map((commit) => commit.tree);
  return commits.slice(Math.max(0, next - 1), next + 1).map((commit) => commit.tree);
}
