// What the tests of repair ask: which findings are left, what Apple's checker says, and which items have changed.

import { MemoryDevice } from '@tintype/core';
import { snapshotOf, type TreeSnapshot } from '@tintype/testkit';
import { check } from '../check/check.js';
import { KINDS, type Kind } from '../check/kinds.js';
import { fsckAccepts, oracle } from '../check/sample.testing.js';
import { openFileSystem } from '../file-system.js';
import { repair } from './repair.js';

export const NOW = 1_700_000_000;

export interface Repaired {
  readonly acts: readonly string[];
  /** Kinds of findings that are left, sorted, each once. */
  readonly left: readonly string[];
  /** Null where it was not asked. */
  readonly fsck: boolean | null;
}

/** Repairs the volume in `bytes`; a second repair must have nothing to do. */
export function repaired(bytes: Uint8Array): Repaired {
  const device = new MemoryDevice(bytes);
  const acts = repair(device, { now: NOW });
  const left = [...new Set([...check(device, {})].map(({ kind }) => kind))].sort();
  const fsck = left.length === 0 && oracle('fsck.hfsplus') ? fsckAccepts(bytes) : null;
  return { acts, left, fsck };
}

export function isRepairable(kind: string): boolean {
  return KINDS[kind as Kind].repairable;
}

/** The tree as readers see it. */
export function treeIn(bytes: Uint8Array): TreeSnapshot {
  const options = { writable: false, now: () => NOW, random: () => {} };
  return snapshotOf(openFileSystem(new MemoryDevice(bytes), options).volume);
}

/** Paths of which anything differs, the second tree's additions included; of a folder that moved, the folder only. */
export function changedPaths(before: TreeSnapshot, after: TreeSnapshot): string[] {
  const paths = new Set([...Object.keys(before), ...Object.keys(after)]);
  const changed = [...paths].filter((path) => JSON.stringify(before[path]) !== JSON.stringify(after[path])).sort();
  const moved = changed.filter((path) => path !== '' && (before[path] === undefined) !== (after[path] === undefined));
  return changed.filter((path) => !moved.some((folder) => path.startsWith(`${folder}/`)));
}
