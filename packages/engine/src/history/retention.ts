// Which snapshots stay, by age and by hours, days, weeks and months (B27): pure, in the manner of restic's `forget`. Each of the
// counting rules looks from the newest to the oldest and keeps the newest of each hour, day, ISO week or month in UTC in which
// there is one, until it has as many as it was told. What any rule keeps, stays.

import type { SnapshotEntry } from '@tintype/core';
import { createdSeconds, isSafetyNetSnapshot } from './snapshot-net.js';

/** Which snapshots stay, as the `--keep-…` options say. */
export interface KeepRules {
  readonly last?: number | undefined;
  readonly hourly?: number | undefined;
  readonly daily?: number | undefined;
  readonly weekly?: number | undefined;
  readonly monthly?: number | undefined;
  readonly yearly?: number | undefined;
  /** Seconds before the newest snapshot: if no backups are made, nothing grows old. */
  readonly within?: number | undefined;
  /** Bytes that are to be free: oldest snapshots go until they are, whatever the other rules say. */
  readonly free?: number | undefined;
}

export interface Judged {
  readonly entry: SnapshotEntry;
  /** Why it stays: names of rules, `pinned`, `newest`, `safetynet`, `foreign`; empty: it goes. */
  readonly reasons: readonly string[];
}

type Counting = 'last' | 'hourly' | 'daily' | 'weekly' | 'monthly' | 'yearly';

const DAY = 86_400;

/** By rule: what all snapshots of one hour, day … have in common. Days of 1970 began on a Thursday, weeks on a Monday. */
const PERIOD: Readonly<Record<Counting, (seconds: number, xid: number) => number | string>> = {
  last: (_, xid) => xid,
  hourly: (seconds) => Math.floor(seconds / 3600),
  daily: (seconds) => Math.floor(seconds / DAY),
  weekly: (seconds) => Math.floor((seconds / DAY + 3) / 7),
  monthly: (seconds) => new Date(seconds * 1000).toISOString().slice(0, -17),
  yearly: (seconds) => new Date(seconds * 1000).getUTCFullYear(),
};
const COUNTING = Object.keys(PERIOD) as readonly Counting[];

/** True if the rules say which snapshots go by their age; else all stay, but for room. */
export function hasAgeRules(rules: KeepRules): boolean {
  return rules.within !== undefined || COUNTING.some((rule) => rules[rule] !== undefined);
}

/**
 * Newest first, each with what keeps it. Pinned ones, the newest, those that other programs made (`com.apple.…`), and
 * SafetyNet's, which have a retention of their own, are no rule's affair.
 */
export function judgeSnapshots(
  all: readonly SnapshotEntry[],
  rules: KeepRules,
  pinned: ReadonlySet<number>,
): readonly Judged[] {
  const sorted = [...all].sort((a, b) => b.xid - a.xid);
  const subject = sorted.filter((entry) => !isSafetyNetSnapshot(entry) && !isForeign(entry));
  const reasons = new Map(sorted.map((entry) => [entry.xid, fixedReasons(entry, pinned)]));
  const [newest] = subject;
  if (newest) reasons.get(newest.xid)?.push('newest');
  for (const rule of COUNTING) keepCounted(subject, rule, rules[rule] ?? 0, reasons);
  for (const { xid, created } of newest && rules.within !== undefined ? subject : []) {
    const age = createdSeconds(newest as SnapshotEntry) - createdSeconds({ created });
    if (age <= (rules.within as number)) reasons.get(xid)?.push('within');
  }
  if (!hasAgeRules(rules)) for (const { xid } of subject) reasons.get(xid)?.push('no rule');
  return sorted.map((entry) => ({ entry, reasons: reasons.get(entry.xid) ?? [] }));
}

function keepCounted(
  subject: readonly SnapshotEntry[],
  rule: Counting,
  count: number,
  reasons: ReadonlyMap<number, string[]>,
): void {
  let left = count;
  let last: number | string | null = null;
  for (const entry of subject) {
    if (left <= 0) return;
    const period = PERIOD[rule](createdSeconds(entry), entry.xid);
    if (period === last) continue;
    last = period;
    left -= 1;
    reasons.get(entry.xid)?.push(rule);
  }
}

function isForeign({ name }: SnapshotEntry): boolean {
  return name.startsWith('com.apple.');
}

function fixedReasons(entry: SnapshotEntry, pinned: ReadonlySet<number>): string[] {
  return [
    ...(pinned.has(entry.xid) ? ['pinned'] : []),
    ...(isSafetyNetSnapshot(entry) ? ['safetynet'] : []),
    ...(isForeign(entry) ? ['foreign'] : []),
  ];
}

/**
 * Of what the rules left: those that may go for room, oldest first. Never a pinned one, never one of another program, and of
 * SafetyNet's and of all others never the newest: what the last run took away can still be brought back.
 */
export function goesForRoom(judged: readonly Judged[]): SnapshotEntry[] {
  const newestNet = judged.find(({ reasons }) => reasons.includes('safetynet'));
  const mayGo = (each: Judged): boolean =>
    each.reasons.length > 0 &&
    each !== newestNet &&
    !['pinned', 'newest', 'foreign'].some((why) => each.reasons.includes(why));
  return judged
    .filter(mayGo)
    .map(({ entry }) => entry)
    .reverse();
}
