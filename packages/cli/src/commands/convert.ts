import { type SummaryEvent, UsageError } from '@tintype/engine/run';
import { flag, text } from '../arguments.js';
import type { CommandBody, Parsed } from '../command.js';
import { requireFitting } from '../fitting-options.js';
import { locking } from '../locking.js';
import { printable } from '../output/printable.js';
import type { Passphrases } from '../passphrase.js';
import { showSize } from '../quantities.js';
import { runUnlocked } from '../unlocked.js';
import { makingOptions, sizeOption } from './create.js';

export const run: CommandBody = async (parsed, io) => {
  const [image = '', out = ''] = parsed.operands;
  const { format, encryption, kdfRounds, bandSize } = makingOptions(parsed);
  const options = {
    image,
    out,
    format,
    encryption,
    kdfRounds,
    bandSize,
    level: compressionLevel(parsed),
    segmentSize: sizeOption(parsed, 'segment-size'),
    overwrite: flag(parsed, 'overwrite'),
    ignoreChecksums: flag(parsed, 'ignore-checksums'),
    ...locking(parsed),
  };
  await requireFitting(parsed, { path: out, dmg: 'udzo' });
  const needs = { passphrases: encryption === 'none' ? 'one' : 'second', out } as const;
  return runUnlocked('convert', meant(options), { parsed, io, needs }, { summary: summaryText });
};

/** An option that names a passphrase means the copy's, too. */
export function meant<O extends object>(options: O): (passphrases: Passphrases) => O & { mustEncrypt: boolean } {
  return ({ isExplicit }) => ({ ...options, mustEncrypt: isExplicit });
}

export function compressionLevel(parsed: Parsed): number | undefined {
  const value = text(parsed, 'level');
  if (value === undefined) return undefined;
  if (!/^[1-9]$/.test(value)) throw new UsageError(`--level ${value}: give 1 (fast) to 9 (small)`);
  return Number(value);
}

function summaryText(summary: SummaryEvent): string {
  const files = Number(summary.segments);
  const segments = files > 1 ? `, ${files} segments` : '';
  return `${printable(String(summary.out))}: ${String(summary.format)}, ${showSize(Number(summary.size))}${segments}`;
}
