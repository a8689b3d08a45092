import type { Finding } from '@tintype/core';
import { type SummaryEvent, UsageError } from '@tintype/engine/run';
import { flag } from '../arguments.js';
import type { CommandBody } from '../command.js';
import { waiting } from '../locking.js';
import { printable } from '../output/printable.js';
import { showCount } from '../quantities.js';
import { runUnlocked } from '../unlocked.js';

export const run: CommandBody = (parsed, io) => {
  const [quick, data] = [flag(parsed, 'quick'), flag(parsed, 'data')];
  if (quick && data) throw new UsageError('--quick and --data exclude each other');
  const [image = ''] = parsed.operands;
  return runUnlocked(
    'verify',
    { image, level: quick ? 'quick' : data ? 'data' : 'structure', ...waiting(parsed) },
    { parsed, io },
    {
      result: (value) => {
        const { kind, place, message, severity } = value as Finding;
        return `${severity}: ${kind}: ${printable(place)}: ${printable(message)}`;
      },
      summary: (summary) => `${printable(image)}${outcome(summary)}${advice(image, summary)}`,
      hasProblems: (summary) => Number(summary.findings) > 0,
    },
  );
};

function advice(image: string, { repairable }: SummaryEvent): string {
  return Number(repairable) > 0 ? `\nRun 'tintype repair ${printable(image)} --dry-run' to see what can be mended` : '';
}

function outcome({ findings, filesRead, filesChecked }: SummaryEvent): string {
  const sound = findings === 0 ? ' appears to be sound' : `: ${showCount(Number(findings), 'finding')}`;
  if (filesRead === undefined) return sound;
  return `${sound}; ${filesChecked} of ${showCount(Number(filesRead), 'file')} checked by their SHA-256, the others only read`;
}
