import type { SummaryEvent } from '@tintype/engine/run';
import { flag, text, texts } from '../arguments.js';
import type { CommandBody } from '../command.js';
import { followed } from '../followed.js';
import { waiting } from '../locking.js';
import { printable } from '../output/printable.js';
import { showCount } from '../quantities.js';
import { runUnlocked } from '../unlocked.js';

export const run: CommandBody = (parsed, io) => {
  const [a = '', b = ''] = parsed.operands.map(followed);
  const options = {
    a,
    b,
    path: text(parsed, 'path'),
    checksum: flag(parsed, 'checksum'),
    volumes: texts(parsed, 'volume'),
    snapshots: texts(parsed, 'snapshot'),
    ignoreChecksums: flag(parsed, 'ignore-checksums'),
    ...waiting(parsed),
  };
  return runUnlocked(
    'diff',
    options,
    { parsed, io },
    {
      result: (value) => {
        const { path, difference } = value as { path: string; difference: string };
        return `${difference}: ${printable(path)}`;
      },
      summary: (summary: SummaryEvent) =>
        summary.differences === 0 ? 'no differences' : showCount(Number(summary.differences), 'difference'),
      hasProblems: (summary) => Number(summary.differences) > 0,
    },
  );
};
