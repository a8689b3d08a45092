// SafetyNet on a volume with snapshots: one that is made before a run keeps all that the run overwrites or removes. They are
// known by their names, `SafetyNet YYYY-MM-DD HH-MM-SS` in UTC, and have a retention of their own.

import type { FileSystem, SnapshotEntry, WritableVolume } from '@tintype/core';
import { safetyNetName } from './safetynet-name.js';

const NAME = /^SafetyNet \d{4}-\d\d-\d\d \d\d-\d\d-\d\d( \d+)?$/;
const BILLION = 1_000_000_000n;

export function isSafetyNetSnapshot({ name }: Pick<SnapshotEntry, 'name'>): boolean {
  return NAME.test(name);
}

/** Seconds since 1970. */
export function createdSeconds({ created }: Pick<SnapshotEntry, 'created'>): number {
  return Number(created / BILLION);
}

/** Which snapshot keeps what a run changed; in the run's record. */
export interface NetSnapshot {
  readonly name: string;
  readonly xid: number;
}

/** Keeps the volume as it is now. Commits. `seconds` since 1970. @throws VolumeFullError */
export function makeNetSnapshot(fileSystem: FileSystem, live: WritableVolume, seconds: number): NetSnapshot {
  const taken = new Set(live.snapshots?.map(({ name }) => name));
  const wanted = `SafetyNet ${safetyNetName(seconds)}`;
  let name = wanted;
  for (let i = 2; taken.has(name); i += 1) name = `${wanted} ${i}`;
  return { name, xid: fileSystem.createSnapshot(live, name) };
}

/** SafetyNet snapshots older than `keep` seconds, oldest first; never the newest of them, and none that is pinned. */
export function expiredNetSnapshots(
  all: readonly SnapshotEntry[],
  { keep, now, pinned }: { readonly keep: number; readonly now: number; readonly pinned: ReadonlySet<number> },
): SnapshotEntry[] {
  const ours = all.filter(isSafetyNetSnapshot).sort((a, b) => a.xid - b.xid);
  return ours.slice(0, -1).filter((entry) => !pinned.has(entry.xid) && now - createdSeconds(entry) >= keep);
}
