// Whether a run to an APFS image keeps snapshots (B28, B30 to B32): pure functions of a task's settings.

/** Days that SafetyNet snapshots are kept unless somebody says otherwise. */
export const SAFETYNET_SNAPSHOT_DAYS = 7;

/** Of `--snapshots`: whether SafetyNet is a snapshot. */
export type SnapshotSetting = 'auto' | 'always' | 'never';
export const SNAPSHOT_SETTINGS: readonly SnapshotSetting[] = ['auto', 'always', 'never'];

/** What a run may ask for that only a volume with snapshots can do. */
export interface SnapshotWishes {
  readonly makeSnapshot?: string | undefined;
  readonly snapshots?: SnapshotSetting | undefined;
  readonly keepRules?: object | undefined;
}

/** True if a run asks for what only a volume with snapshots can do. */
export function needsSnapshots({ makeSnapshot, snapshots, keepRules }: SnapshotWishes): boolean {
  return makeSnapshot !== undefined || snapshots === 'always' || keepRules !== undefined;
}

/** What a task has; a run without a task has none of it. */
export interface TaskSnapshots {
  /** The task was first made with a new image; remembered for good. */
  readonly createdAsNew: boolean;
  readonly snapshotsOn: boolean;
  readonly safetyNetRetentionDays: number;
}

export interface SnapshotVerdict {
  readonly rule: 'B30';
  /** `turn-off`: they are off from this run on; what `task` says is to be stored. */
  readonly verdict: 'on' | 'off' | 'turn-off';
  readonly inputs: TaskSnapshots & { readonly snapshots: SnapshotSetting };
  /** The settings after the run, to be stored in one transaction. */
  readonly task: TaskSnapshots;
}

/** Snapshots are off unless they were turned on (B28). */
export const NO_TASK: TaskSnapshots = {
  createdAsNew: false,
  snapshotsOn: false,
  safetyNetRetentionDays: SAFETYNET_SNAPSHOT_DAYS,
};

/** Snapshots that exist stay, whatever the verdict. */
export function snapshotPolicy(setting: SnapshotSetting, task: TaskSnapshots): SnapshotVerdict {
  const inputs = { snapshots: setting, ...task };
  if (setting !== 'auto') return { rule: 'B30', verdict: setting === 'always' ? 'on' : 'off', inputs, task };
  const isTurnedOff = task.createdAsNew && task.snapshotsOn && task.safetyNetRetentionDays === SAFETYNET_SNAPSHOT_DAYS;
  if (!isTurnedOff) return { rule: 'B30', verdict: task.snapshotsOn ? 'on' : 'off', inputs, task };
  // With a retention of 0 (B31) the three do not hold a second time, so turning them on again sticks.
  return { rule: 'B30', verdict: 'turn-off', inputs, task: { ...task, snapshotsOn: false, safetyNetRetentionDays: 0 } };
}

/** For the history: the three values that decided. */
export function snapshotsTurnedOff({ createdAsNew, safetyNetRetentionDays, snapshotsOn }: TaskSnapshots): string {
  return `snapshots were turned off (B30): made with a new image: ${createdAsNew}; snapshots on: ${snapshotsOn}; SafetyNet snapshots kept for ${safetyNetRetentionDays} days. Snapshots that exist stay`;
}

/** What to say when a retention is entered that makes the next run turn snapshots off (B32); else null. */
export function retentionNotice(setting: SnapshotSetting, days: number): string | null {
  if (setting !== 'auto' || days !== SAFETYNET_SNAPSHOT_DAYS) return null;
  return `${SAFETYNET_SNAPSHOT_DAYS} days is the default: a task that was made with a new image turns its snapshots off at the next run. Any other number keeps them, and so does --snapshots always`;
}
