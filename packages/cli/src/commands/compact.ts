import type { SummaryEvent } from '@tintype/engine/run';
import { flag } from '../arguments.js';
import type { CommandBody } from '../command.js';
import { followed } from '../followed.js';
import { locking } from '../locking.js';
import { printable } from '../output/printable.js';
import { showDuration, showSize } from '../quantities.js';
import { runUnlocked } from '../unlocked.js';

export const run: CommandBody = (parsed, io) => {
  const options = {
    images: parsed.operands.map(followed),
    dryRun: flag(parsed, 'dry-run'),
    allowBattery: flag(parsed, 'allow-battery'),
    allowTimeMachine: flag(parsed, 'allow-time-machine'),
    ...locking(parsed),
  };
  return runUnlocked('compact', options, { parsed, io }, { summary: summaryText });
};

function summaryText(summary: SummaryEvent): string {
  const { images, dryRun, seconds, rate } = summary as SummaryEvent & {
    images: readonly { image: string; before: number; after: number; givenBack: number }[];
    dryRun: boolean;
    seconds: number;
    rate: number;
  };
  const verb = dryRun ? 'would be given back' : 'given back';
  const rows = images.map(
    ({ image, before, after, givenBack }) =>
      `${printable(image)}: ${showSize(givenBack)} ${verb}: ${showSize(before)} before, ${showSize(after)} after`,
  );
  if (!dryRun && rate > 0) rows.push(`in ${showDuration(seconds)}, ${showSize(rate)}/s`);
  return rows.join('\n');
}
