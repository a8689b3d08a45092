import { type SummaryEvent, UsageError } from '@tintype/engine/run';
import { flag, text } from '../arguments.js';
import type { CommandBody } from '../command.js';
import { locking } from '../locking.js';
import { printable } from '../output/printable.js';
import { parseSize, showSize } from '../quantities.js';
import { runUnlocked } from '../unlocked.js';

export const run: CommandBody = (parsed, io) => {
  const [image = ''] = parsed.operands;
  const size = text(parsed, 'size');
  if (size === undefined) throw new UsageError('say how large: --size S, min or max');
  const options = {
    image,
    size: size === 'min' || size === 'max' ? size : parseSize(size),
    force: flag(parsed, 'force'),
    volume: text(parsed, 'volume'),
    allowTimeMachine: flag(parsed, 'allow-time-machine'),
    ...locking(parsed),
  } as const;
  return runUnlocked('resize', options, { parsed, io }, { summary: summaryText });
};

function summaryText({ image, before, after }: SummaryEvent): string {
  return `${printable(String(image))}: ${showSize(Number(after))} instead of ${showSize(Number(before))}`;
}
