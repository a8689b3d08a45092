import { type SummaryEvent, UsageError } from '@tintype/engine/run';
import { flag, text } from '../arguments.js';
import type { CommandBody } from '../command.js';
import { waiting } from '../locking.js';
import { showCount, showDuration, showSize } from '../quantities.js';
import { runUnlocked } from '../unlocked.js';

export const run: CommandBody = (parsed, io) => {
  const [image = '', target = ''] = parsed.operands;
  const overwrite = text(parsed, 'overwrite') ?? 'never';
  if (overwrite !== 'always' && overwrite !== 'newer' && overwrite !== 'never')
    throw new UsageError(`--overwrite ${overwrite}: known are always, newer, never`);
  const options = {
    image,
    target,
    overwrite,
    path: text(parsed, 'path'),
    volume: text(parsed, 'volume'),
    snapshot: text(parsed, 'snapshot'),
    trust: flag(parsed, 'trust'),
    dryRun: flag(parsed, 'dry-run'),
    verify: flag(parsed, 'verify'),
    ignoreChecksums: flag(parsed, 'ignore-checksums'),
    allowTimeMachine: true,
    ...waiting(parsed),
  } as const;
  return runUnlocked('restore', options, { parsed, io }, { summary: summaryText });
};

function summaryText(summary: SummaryEvent): string {
  const { items, bytes, seconds } = summary as SummaryEvent & {
    items: Record<string, number>;
    bytes: Record<string, number>;
    seconds: number;
  };
  const verb = summary.dryRun ? 'would be restored' : 'restored';
  const rest = ['replaced', 'updated', 'unchanged', 'failed']
    .filter((name) => (items[name] ?? 0) > 0)
    .map((name) => `, ${items[name]} ${name}`);
  return `${showCount(items.created ?? 0, 'item')} ${verb}${rest.join('')}; ${showSize(bytes.copied ?? 0)} in ${showDuration(seconds)}`;
}
