import type { Finding } from '@tintype/core';
import type { SummaryEvent } from '@tintype/engine/run';
import { flag } from '../arguments.js';
import type { CommandBody } from '../command.js';
import { locking } from '../locking.js';
import { printable } from '../output/printable.js';
import { showCount } from '../quantities.js';
import { runUnlocked } from '../unlocked.js';

export const run: CommandBody = (parsed, io) => {
  const [image = ''] = parsed.operands;
  const dryRun = flag(parsed, 'dry-run') ?? false;
  const options = { image, dryRun, allowTimeMachine: flag(parsed, 'allow-time-machine'), ...locking(parsed) };
  return runUnlocked(
    'repair',
    options,
    { parsed, io },
    {
      result: (value) => line(value as Finding | Mended, dryRun),
      summary: (summary) => `${printable(image)}${outcome(summary)}`,
      hasProblems: (summary) => Number(summary.left) > 0,
    },
  );
};

interface Mended {
  readonly mended: string;
  readonly place: string;
}

function line(value: Finding | Mended, dryRun: boolean): string {
  if ('mended' in value)
    return `${dryRun ? 'would be mended' : 'mended'}: ${printable(value.place)}: ${printable(value.mended)}`;
  return `${value.severity}: ${value.kind}: ${printable(value.place)}: ${printable(value.message)}`;
}

function outcome({ mended, left, dryRun, undo }: SummaryEvent): string {
  if (mended === 0 && left === 0) return ' appears to be sound: there is nothing to mend';
  const rest = left === 0 ? 'nothing is left to mend' : `${showCount(Number(left), 'finding')} cannot be mended`;
  const kept = typeof undo === 'string' ? `\nWhat was overwritten is kept in ${printable(undo)}` : '';
  return `: ${showCount(Number(mended), 'thing')} ${dryRun ? 'can be mended' : 'mended'}; ${rest}${kept}`;
}
