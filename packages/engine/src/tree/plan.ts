// What must be done in one folder: values only, so that a dry run shows exactly what a run does.

import type { Item, VolumeTraits } from '@tintype/core';
import { compareItems } from './compare.js';
import type { Pair } from './pair.js';

export interface Change {
  readonly source: Item;
  readonly target: Item;
}

export interface FolderPlan {
  /** Items that the target lacks. */
  readonly create: Item[];
  /** The target's item must go, and the source's come: content or kind differ. */
  readonly replace: Change[];
  /** Contents must be compared, as the times of the target's item are not trusted. */
  readonly look: Change[];
  /** Only attributes may differ. */
  readonly update: Change[];
  /** Nothing differs. */
  readonly keep: Change[];
  /** Items that the source lacks. */
  readonly remove: Item[];
  /** Folders that both have. */
  readonly folders: Change[];
}

export interface PlanOptions {
  readonly traits: VolumeTraits;
  /** Compare contents of all files, whatever their times say. */
  readonly checksum: boolean;
}

export function planFolder(pairs: readonly Pair[], options: PlanOptions): FolderPlan {
  const plan: FolderPlan = { create: [], replace: [], look: [], update: [], keep: [], remove: [], folders: [] };
  for (const { source, target } of pairs) {
    if (!source) {
      if (target) plan.remove.push(target);
    } else if (!target) plan.create.push(source);
    else place(plan, { source, target }, options);
  }
  return plan;
}

function place(plan: FolderPlan, change: Change, { traits, checksum }: PlanOptions): void {
  const { source, target } = change;
  const renamed = source.name !== target.name;
  const difference = renamed ? 'kind' : compareItems(source, target, traits);
  if (difference === 'kind' || difference === 'content') {
    plan.replace.push(change);
    return;
  }
  if (source.kind === 'directory') plan.folders.push(change);
  if (source.kind === 'file' && (difference === 'look' || checksum)) plan.look.push(change);
  else if (difference === 'attributes') plan.update.push(change);
  else plan.keep.push(change);
}
