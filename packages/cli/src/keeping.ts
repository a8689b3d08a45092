// The options that say which snapshots stay.

import { type KeepRules, type SnapshotSetting, UsageError } from '@tintype/engine/run';
import { text } from './arguments.js';
import type { Parsed } from './command.js';
import { parseDuration, parseSize } from './quantities.js';

const COUNTS = ['last', 'hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const;
const SETTINGS: readonly SnapshotSetting[] = ['auto', 'always', 'never'];

/** Undefined if none was given. @throws UsageError */
export function keepRules(parsed: Parsed): KeepRules | undefined {
  const rules: { -readonly [R in keyof KeepRules]: KeepRules[R] } = {};
  for (const rule of COUNTS) {
    const value = text(parsed, `keep-${rule}`);
    if (value !== undefined) rules[rule] = countOf(`--keep-${rule}`, value);
  }
  const within = text(parsed, 'keep-within');
  if (within !== undefined) rules.within = parseDuration(within);
  const free = text(parsed, 'keep-free');
  if (free !== undefined) rules.free = parseSize(free);
  return Object.keys(rules).length > 0 ? rules : undefined;
}

function countOf(option: string, value: string): number {
  if (!/^\d{1,9}$/.test(value)) throw new UsageError(`${option} ${value}: give a number of snapshots`);
  return Number(value);
}

/** @throws UsageError */
export function snapshotSetting(parsed: Parsed): SnapshotSetting | undefined {
  const value = text(parsed, 'snapshots');
  const known = SETTINGS.find((setting) => setting === value);
  if (value !== undefined && !known) throw new UsageError(`--snapshots ${value}: known are ${SETTINGS.join(', ')}`);
  if (known === 'never' && text(parsed, 'snapshot') !== undefined)
    throw new UsageError('--snapshot makes one, which --snapshots never forbids');
  return known;
}
