import type { SummaryEvent } from '@tintype/engine/run';
import { flag, text } from '../arguments.js';
import type { CommandBody } from '../command.js';
import { locking } from '../locking.js';
import { showCount, showDuration } from '../quantities.js';
import { runUnlocked } from '../unlocked.js';

export const run: CommandBody = (parsed, io) => {
  const [image = ''] = parsed.operands;
  const options = {
    image,
    volume: text(parsed, 'volume'),
    allowTimeMachine: flag(parsed, 'allow-time-machine'),
    ...locking(parsed),
  };
  return runUnlocked('undo', options, { parsed, io }, { summary: summaryText });
};

function summaryText(summary: SummaryEvent): string {
  const { items, seconds, run } = summary as SummaryEvent & {
    items: Record<string, number>;
    seconds: number;
    run: string;
  };
  return `run ${run} taken back: ${showCount(items.removed ?? 0, 'item')} put aside, ${(items.created ?? 0) + (items.replaced ?? 0)} brought back, attributes of ${items.updated} as they were, in ${showDuration(seconds)}`;
}
