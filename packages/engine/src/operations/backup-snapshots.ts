// What a backup does with snapshots: the rule that decides about them, SafetyNet as one of them, and retention at the end.

import { type SnapshotEntry, UnsupportedError } from '@tintype/core';
import { readPins } from '../history/pins.js';
import { readRunHeads } from '../history/run-log.js';
import { expiredNetSnapshots, makeNetSnapshot, type NetSnapshot } from '../history/snapshot-net.js';
import type { BackupOptions, RunContext } from '../operation.js';
import {
  NO_TASK,
  needsSnapshots,
  retentionNotice,
  SAFETYNET_SNAPSHOT_DAYS,
  type SnapshotVerdict,
  snapshotPolicy,
  snapshotsTurnedOff,
} from '../rules/snapshot-policy.js';
import type { Stack } from '../stack.js';
import type { Destination } from './backup-destination.js';
import { deleteSnapshots, type RetentionPlace, retain } from './retention.js';

const DAY = 86_400;

export class RunSnapshots {
  readonly #options: BackupOptions;
  readonly #context: RunContext;
  readonly #stack: Stack | null;
  readonly #isNew: boolean;
  /** Null where the destination has no snapshots. */
  readonly verdict: SnapshotVerdict | null;
  readonly deleted: SnapshotEntry[] = [];
  /** The retention at the end was cancelled: some that were to go are there still. */
  wasCut = false;

  /** @throws UnsupportedError if the run asks for snapshots where there are none */
  constructor(options: BackupOptions, { path, stack, isNew }: Destination, context: RunContext) {
    this.#options = options;
    this.#context = context;
    this.#stack = stack?.live.snapshots ? stack : null;
    this.#isNew = isNew;
    if (!this.#stack && needsSnapshots(options))
      throw new UnsupportedError(`${path} cannot have snapshots: only APFS volumes can`, { path });
    this.verdict = this.#stack && this.#judge();
  }

  #judge(): SnapshotVerdict {
    const { snapshots = 'auto', snapshotTask = NO_TASK, safetyNetKeep } = this.#options;
    const { emit } = this.#context;
    emit({ type: 'phase', name: 'snapshot-rule' });
    const verdict = snapshotPolicy(snapshots, snapshotTask);
    if (verdict.verdict === 'turn-off')
      emit({ type: 'warning', code: 'snapshots-turned-off', message: snapshotsTurnedOff(snapshotTask) });
    const notice = safetyNetKeep === undefined ? null : retentionNotice(snapshots, safetyNetKeep / DAY);
    if (notice) emit({ type: 'warning', code: 'snapshot-retention-7', message: notice });
    return verdict;
  }

  /** True if SafetyNet is a snapshot in this run. */
  get keepsBySnapshot(): boolean {
    return this.verdict?.verdict === 'on' && (this.#options.safetyNet ?? true);
  }

  /** SafetyNet snapshots that were kept long enough go; those of a volume whose snapshots are off stay. */
  prune(now: number): void {
    const { safetyNetKeep, snapshotTask } = this.#options;
    if (!this.#stack || !this.keepsBySnapshot) return;
    const days = snapshotTask?.safetyNetRetentionDays ?? SAFETYNET_SNAPSHOT_DAYS;
    const { pinned, live } = this.#place(this.#stack);
    const expired = expiredNetSnapshots(live.snapshots ?? [], { keep: safetyNetKeep ?? days * DAY, now, pinned });
    this.deleted.push(...deleteSnapshots(this.#stack, expired, this.#context));
  }

  /** Keeps the volume as it is before the run, if SafetyNet is to be a snapshot. Commits. */
  keepBefore(seconds: number): NetSnapshot | null {
    if (!this.#stack || !this.keepsBySnapshot || this.#isNew) return null;
    return this.#keptByAttempt(this.#stack) ?? makeNetSnapshot(this.#stack.fileSystem, this.#stack.live, seconds);
  }

  /** The snapshot of an attempt that this run goes on with. Records have whole milliseconds. */
  #keptByAttempt({ volume }: Stack): NetSnapshot | null {
    const { continues } = this.#options;
    const last = continues === undefined ? undefined : readRunHeads(volume).at(-1);
    const isOfThisRun = last && Date.parse(last.started) >= Math.floor((continues ?? 0) * 1000);
    return (isOfThisRun && last.snapshot) || null;
  }

  /** At the end of a run that was whole, with its snapshot made. */
  retain(): void {
    const { keepRules } = this.#options;
    if (!this.#stack || !keepRules) return;
    this.#context.emit({ type: 'phase', name: 'retention' });
    this.deleted.push(...retain(this.#place(this.#stack), keepRules, this.#context));
    this.wasCut = this.#context.progress.cancelled;
  }

  #place({ fileSystem, live, volume }: Stack): RetentionPlace {
    return { fileSystem, live, pinned: readPins(volume, live.uuid) };
  }

  /** For the summary: rules and what was deleted, where there is any. */
  get summary(): { readonly rules?: readonly SnapshotVerdict[]; readonly snapshotsDeleted?: readonly string[] } {
    return {
      ...(this.verdict ? { rules: [this.verdict] } : {}),
      ...(this.deleted.length > 0 ? { snapshotsDeleted: this.deleted.map(({ name }) => name) } : {}),
    };
  }
}
