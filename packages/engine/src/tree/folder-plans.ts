// The walk's first half: lists one folder on both sides, leaves out what the filter says, and plans what must be done.

import type { Item, ItemId, Volume } from '@tintype/core';
import { sharedTraits } from './compare.js';
import type { Filter } from './filter.js';
import { isNeverTouched } from './filter.js';
import { pairItems } from './pair.js';
import { type FolderPlan, planFolder } from './plan.js';
import type { Report } from './report.js';
import { type GuardedSource, SourceError } from './source-guard.js';

/** One folder of the walk. `path` is absolute without a slash at the end: empty for the root. */
export interface Frame {
  readonly source: Item;
  /** Null if the target does not have this folder (a dry run), or if it was just made. */
  readonly target: ItemId | null;
  readonly path: string;
  /** Its attributes could not be read, and that was reported: it is one failure if its items cannot be, either. */
  readonly isReported?: boolean;
}

export interface SidesOptions {
  readonly source: GuardedSource;
  readonly target: Volume;
  readonly filter: Filter;
  readonly report: Report;
  readonly checksum: boolean;
}

export interface PlannedFolder {
  readonly plan: FolderPlan;
  /** How many items the target has here. */
  readonly targetItems: number;
}

/**
 * Null if the folder could not be listed (reported) or is to stay as it is. The source's folder counts as entered: the
 * caller leaves it when all below it is done.
 */
export function planOf(frame: Frame, options: SidesOptions): PlannedFolder | null {
  const { target, path } = frame;
  const { filter, report } = options;
  const listed = listSource(frame, options);
  if (!listed) return null;
  const wanted = filter.withoutCaches(
    options.source,
    listed.filter((item) => !filter.excludes(path, item)),
  );
  for (const item of wanted) report.scanned(item.kind === 'file' ? item.size : 0);
  const existing = target === null ? [] : options.target.list(target);
  const targets = path === '' ? existing.filter((item) => !isNeverTouched(item.name, options.target.traits)) : existing;
  const pairs = pairItems(wanted, targets, (name) => options.target.nameKey(name));
  const traits = sharedTraits(options.source.traits, options.target.traits);
  const plan = planFolder(pairs, { traits, checksum: options.checksum });
  return { plan: protectExcluded(plan, listed, wanted), targetItems: targets.length };
}

function listSource(frame: Frame, { source, filter, report }: SidesOptions): readonly Item[] | null {
  const { source: folder, path, isReported } = frame;
  try {
    source.enter(folder.id, path);
    if (path !== '' && filter.keepsEmpty(folder)) return null;
    return source.list(folder.id);
  } catch (error) {
    if (path === '' || !(error instanceof SourceError)) throw error;
    if (!isReported) report.failed(path, error);
    return null;
  }
}

/** What the source has, but the filter left out, is not "missing": the target's item of that name stays. */
function protectExcluded(plan: FolderPlan, listed: readonly Item[], wanted: readonly Item[]): FolderPlan {
  if (listed.length === wanted.length || plan.remove.length === 0) return plan;
  const included = new Set(wanted);
  const excluded = new Set(listed.filter((item) => !included.has(item)).map((item) => item.name));
  return { ...plan, remove: plan.remove.filter((item) => !excluded.has(item.name)) };
}
