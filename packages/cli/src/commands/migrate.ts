import type { LeftBehind, SummaryEvent } from '@tintype/engine/run';
import { flag, text } from '../arguments.js';
import type { CommandBody } from '../command.js';
import { requireFitting } from '../fitting-options.js';
import { locking } from '../locking.js';
import { printable } from '../output/printable.js';
import { showCount } from '../quantities.js';
import { runUnlocked } from '../unlocked.js';
import { meant } from './convert.js';
import { makingOptions } from './create.js';

export const run: CommandBody = async (parsed, io) => {
  const [image = '', out = ''] = parsed.operands;
  const options = {
    image,
    out,
    ...makingOptions(parsed),
    trust: flag(parsed, 'trust'),
    ignoreChecksums: flag(parsed, 'ignore-checksums'),
    volume: text(parsed, 'volume'),
    ...locking(parsed),
  };
  await requireFitting(parsed, { path: out, dmg: 'udzo', mayExist: true });
  const needs = { passphrases: options.encryption === 'none' ? 'one' : 'second', out } as const;
  return runUnlocked('migrate', meant(options), { parsed, io, needs }, { summary: summaryText });
};

function summaryText(summary: SummaryEvent): string {
  const { image, out, proved, interrupted, differences } = summary;
  const [from, to] = [printable(String(image)), printable(String(out))];
  if (interrupted) return `${to} is not finished: the same command goes on; ${from} must stay`;
  if (!proved) {
    const found = Number(differences) > 0 ? showCount(Number(differences), 'difference') : 'problems';
    return `${to}: compared with ${from} both ways: ${found}; ${from} must stay`;
  }
  const rest = leftText(summary.onlyInImage as LeftBehind);
  const lost = rest === '' ? '' : `, and with it what is nowhere else: ${rest}`;
  return `${to}: compared with ${from} both ways: equal; ${from} can be removed now${lost}`;
}

function leftText({ snapshots, safetyNets, otherVolumes }: LeftBehind): string {
  const parts = [
    [snapshots, 'snapshot'],
    [safetyNets, 'SafetyNet folder'],
    [otherVolumes, 'other volume'],
  ] as const;
  return parts
    .filter(([count]) => count > 0)
    .map(([count, what]) => showCount(count, what))
    .join(', ');
}
