import { existsSync, readFileSync } from 'node:fs';
import { hostPath, StoreError } from '@tintype/core';
import { type BackupEstimate, type SummaryEvent, UsageError } from '@tintype/engine/run';
import { flag, text } from '../arguments.js';
import type { CommandBody, Parsed } from '../command.js';
import { requireFitting } from '../fitting-options.js';
import { followed } from '../followed.js';
import { keepRules, snapshotSetting } from '../keeping.js';
import { locking } from '../locking.js';
import { parseDuration, showCount, showDuration, showSize } from '../quantities.js';
import { runUnlocked } from '../unlocked.js';
import { compressionLevel, meant } from './convert.js';
import { makingOptions } from './create.js';

export const run: CommandBody = async (parsed, io) => {
  const wait = text(parsed, 'wait');
  const [source = '', destination = ''] = parsed.operands;
  const keep = text(parsed, 'safetynet-keep');
  const options = {
    source: followed(source),
    destination,
    ...makingOptions(parsed),
    volume: text(parsed, 'volume'),
    safetyNet: flag(parsed, 'safetynet'),
    safetyNetKeep: keep === undefined ? undefined : parseDuration(keep),
    filters: filterRules(parsed),
    excludeCaches: flag(parsed, 'exclude-caches'),
    oneFileSystem: flag(parsed, 'one-file-system'),
    checksum: flag(parsed, 'checksum'),
    ignoreChecksums: flag(parsed, 'ignore-checksums'),
    verify: flag(parsed, 'verify'),
    dryRun: flag(parsed, 'dry-run'),
    delete: flag(parsed, 'delete'),
    maxDelete: maxDelete(parsed),
    allowEmpty: flag(parsed, 'allow-empty'),
    mustExist: flag(parsed, 'must-exist'),
    replace: flag(parsed, 'replace'),
    keep: keptCount(parsed),
    level: compressionLevel(parsed),
    grow: growth(parsed),
    wait: wait === undefined ? undefined : parseDuration(wait) * 1000,
    allowBattery: flag(parsed, 'allow-battery'),
    scheduled: flag(parsed, 'scheduled'),
    selectionSize: flag(parsed, 'selection-size'),
    makeSnapshot: text(parsed, 'snapshot'),
    snapshots: snapshotSetting(parsed),
    keepRules: keepRules(parsed),
    allowTimeMachine: flag(parsed, 'allow-time-machine'),
    ...locking(parsed),
  };
  await requireFitting(parsed, { path: destination, dmg: 'udzo', mayExist: true });
  const isEncrypted = options.encryption !== undefined && options.encryption !== 'none';
  // An image that is there is asked for its own passphrase, once.
  const needs = { making: isEncrypted && !existsSync(hostPath(destination)) ? destination : undefined };
  return runUnlocked('backup', meant(options), { parsed, io, needs }, { summary: summaryText });
};

/** Rules in gitignore form: an included name is a rule that takes it back. */
function filterRules({ filters }: Parsed): string[] {
  return filters.flatMap(({ option, value }) => {
    if (option === 'exclude') return [literalStart(value)];
    if (option === 'include') return [`!${value}`];
    try {
      return readFileSync(hostPath(value), 'utf8').split(/\r?\n/);
    } catch (error) {
      throw new StoreError((error as NodeJS.ErrnoException).code ?? 'EIO', 'read', value);
    }
  });
}

/** A glob is no negation and no comment, whatever it begins with; and its spaces at the end are meant. */
function literalStart(glob: string): string {
  return glob.replace(/^[!#]/, '\\$&').replace(/ +$/, (spaces) => '\\ '.repeat(spaces.length));
}

function keptCount(parsed: Parsed): number | undefined {
  const value = text(parsed, 'keep');
  if (value === undefined) return undefined;
  if (!/^\d{1,4}$/.test(value)) throw new UsageError(`--keep ${value}: give a number of old archives, such as 3`);
  return Number(value);
}

function growth(parsed: Parsed): 'auto' | 'never' | undefined {
  const grow = text(parsed, 'grow');
  if (grow !== undefined && grow !== 'auto' && grow !== 'never')
    throw new UsageError(`--grow ${grow}: known are auto, never`);
  return grow;
}

function maxDelete(parsed: Parsed): number | undefined {
  const value = text(parsed, 'max-delete');
  if (value === undefined) return undefined;
  const match = /^(\d+(?:\.\d+)?)%?$/.exec(value);
  const percent = match ? Number(match[1]) : Number.NaN;
  if (!(percent <= 100)) throw new UsageError(`--max-delete ${value}: give a percentage, such as 80%`);
  return percent;
}

function summaryText(summary: SummaryEvent): string {
  const { items, bytes, seconds, commits, estimate } = summary as SummaryEvent & {
    items: Record<string, number>;
    bytes: Record<string, number>;
    seconds: number;
    commits: number;
    estimate?: BackupEstimate;
  };
  const counts = ['created', 'replaced', 'updated', 'removed', 'unchanged', 'failed']
    .filter((name) => (items[name] ?? 0) > 0)
    .map((name) => `${items[name]} ${name}`);
  if (summary.dryRun) {
    const rows = [
      `${showCount(items.scanned ?? 0, 'item')}, ${showSize(bytes.scanned ?? 0)}; would be: ${counts.join(', ') || 'nothing'}`,
    ];
    if (estimate)
      rows.push(
        `the image takes about ${showSize(estimate.imageSize)} (peak ${showSize(estimate.peakSpace)}) of ${showSize(estimate.freeSpace)} free; opens on macOS ${estimate.oldestMacOS} and later`,
      );
    return rows.join('\n');
  }
  return `${showCount(items.scanned ?? 0, 'item')} in ${showDuration(seconds)}: ${counts.join(', ') || 'nothing to do'}; ${showSize(bytes.copied ?? 0)} copied, ${showCount(commits, 'commit')}${deletedText(summary)}`;
}

function deletedText({ snapshotsDeleted }: SummaryEvent): string {
  const { length } = (snapshotsDeleted ?? []) as readonly string[];
  return length > 0 ? `; ${showCount(length, 'snapshot')} deleted` : '';
}
