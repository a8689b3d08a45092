import type { SummaryEvent } from '@tintype/engine/run';
import { flag, text } from '../arguments.js';
import type { CommandBody } from '../command.js';
import { waiting } from '../locking.js';
import { printable } from '../output/printable.js';
import { showSize } from '../quantities.js';
import { runUnlocked } from '../unlocked.js';

export const run: CommandBody = (parsed, io) => {
  const [image = '', out = ''] = parsed.operands;
  const options = {
    image,
    out,
    volume: text(parsed, 'volume'),
    asIs: flag(parsed, 'as-is'),
    overwrite: flag(parsed, 'overwrite'),
    ignoreChecksums: flag(parsed, 'ignore-checksums'),
    ...waiting(parsed),
  };
  return runUnlocked(
    'raw',
    options,
    { parsed, io },
    {
      summary: (summary: SummaryEvent) => `${printable(out)}: ${showSize(Number(summary.size))}`,
    },
  );
};
