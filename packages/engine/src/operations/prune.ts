// Deletes the snapshots that retention does not keep, or says which it would.

import type { SnapshotEntry, SnapshotSpace } from '@tintype/core';
import type { SummaryEvent } from '../events.js';
import { readPins } from '../history/pins.js';
import { goesForRoom, type Judged, judgeSnapshots } from '../history/retention.js';
import type { Operation, PruneOptions, RunContext } from '../operation.js';
import type { Stack } from '../stack.js';
import { UsageError } from '../usage-error.js';
import { retain } from './retention.js';
import { imageSide } from './sides.js';
import { snapshotsOf } from './snapshot.js';

/** One line of the result. */
export interface PrunedSnapshot {
  readonly snapshot: string;
  readonly xid: number;
  readonly action: 'keep' | 'delete';
  /** Names of the rules that keep it; `no room`: it goes although one would. */
  readonly reasons: readonly string[];
}

export const prune: Operation<'prune'> = (options, context): SummaryEvent => {
  const { image, keepRules, dryRun = false } = options;
  if (Object.values(keepRules).every((value) => value === undefined))
    throw new UsageError('nothing says which snapshots stay: give --keep-daily N or the like');
  context.emit({ type: 'phase', name: 'open' });
  // `snapshot` of the choice would open an old state.
  const side = imageSide(image, !dryRun, { ...options, snapshot: undefined }, context);
  let isDone = false;
  try {
    const all = snapshotsOf(side);
    context.emit({ type: 'phase', name: 'retention' });
    const stack = side.stack as Stack;
    const place = { fileSystem: stack.fileSystem, live: stack.live, pinned: readPins(stack.volume, stack.live.uuid) };
    const space = stack.driver.snapshotSpace(stack.device, stack.live.uuid);
    const judged = judgeSnapshots(all, keepRules, place.pinned);
    const gone = dryRun ? wouldGo(judged, { space, wanted: keepRules.free ?? 0 }) : retain(place, keepRules, context);
    const summary = tell(options, context, judged, gone);
    isDone = true;
    return { ...summary, bytes: space?.heldBy(new Set(gone.map(({ xid }) => xid))) ?? 0 };
  } finally {
    if (isDone) side.close();
    else side.abandon();
  }
};

interface Room {
  readonly space: SnapshotSpace | null;
  readonly wanted: number;
}

/** What a run would delete; how much room that gives is known from the metadata. */
function wouldGo(judged: readonly Judged[], { space, wanted }: Room): SnapshotEntry[] {
  const gone = judged.filter(({ reasons }) => reasons.length === 0).map(({ entry }) => entry);
  for (const entry of goesForRoom(judged)) {
    const held = space?.heldBy(new Set(gone.map(({ xid }) => xid))) ?? 0;
    if ((space?.free ?? 0) + held >= wanted) break;
    gone.push(entry);
  }
  return gone;
}

function tell(
  { image, dryRun = false }: PruneOptions,
  { emit, progress }: RunContext,
  judged: readonly Judged[],
  gone: readonly SnapshotEntry[],
): SummaryEvent {
  const xids = new Set(gone.map(({ xid }) => xid));
  for (const { entry, reasons } of judged) {
    const isGone = xids.has(entry.xid);
    const value: PrunedSnapshot = {
      snapshot: entry.name,
      xid: entry.xid,
      action: isGone ? 'delete' : 'keep',
      reasons: isGone && reasons.length > 0 ? ['no room'] : reasons,
    };
    emit({ type: 'result', value });
  }
  const counts = { deleted: gone.length, kept: judged.length - gone.length };
  return { type: 'summary', image, dryRun, ...counts, interrupted: progress.cancelled, problems: [] };
}
