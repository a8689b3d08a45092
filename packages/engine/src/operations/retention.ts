// Deletes the snapshots that retention lets go, each in a commit of its own, oldest first.

import { type FileSystem, type SnapshotEntry, showSize, VolumeFullError, type WritableVolume } from '@tintype/core';
import { goesForRoom, judgeSnapshots, type KeepRules } from '../history/retention.js';
import type { RunContext } from '../operation.js';

export interface RetentionPlace {
  readonly fileSystem: FileSystem;
  /** As the driver shows it. */
  readonly live: WritableVolume;
  readonly pinned: ReadonlySet<number>;
}

/** First by age, then for room. Answers the snapshots that are gone. */
export function retain(place: RetentionPlace, rules: KeepRules, context: RunContext): SnapshotEntry[] {
  const judged = judgeSnapshots(place.live.snapshots ?? [], rules, place.pinned);
  const byAge = judged.filter(({ reasons }) => reasons.length === 0).map(({ entry }) => entry);
  const deleted = deleteSnapshots(place, byAge.reverse(), context);
  if (rules.free === undefined) return deleted;
  for (const entry of goesForRoom(judged)) {
    if (place.fileSystem.free >= rules.free) break;
    deleted.push(...deleteSnapshots(place, [entry], context));
  }
  if (place.fileSystem.free < rules.free)
    context.emit({
      type: 'warning',
      code: 'keep-free',
      message: `only ${showSize(place.fileSystem.free)} are free, not ${showSize(rules.free)}: no more snapshots may be deleted`,
    });
  return deleted;
}

/** Answers those that are gone. A cancel ends it early; one for whose removal there is no room stays, and that is told. */
export function deleteSnapshots(
  { fileSystem, live }: Pick<RetentionPlace, 'fileSystem' | 'live'>,
  entries: readonly SnapshotEntry[],
  { emit, progress }: Pick<RunContext, 'emit' | 'progress'>,
): SnapshotEntry[] {
  return entries.filter(({ xid, name }) => {
    if (progress.cancelled) return false;
    try {
      fileSystem.deleteSnapshot(live, xid);
      return true;
    } catch (error) {
      if (!(error instanceof VolumeFullError)) throw error;
      const message = `snapshot ${name} stays: there is no room to delete it (${error.message})`;
      emit({ type: 'warning', code: 'snapshot-stays', message });
      return false;
    }
  });
}
