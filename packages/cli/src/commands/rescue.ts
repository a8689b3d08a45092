import type { Finding } from '@tintype/core';
import type { SummaryEvent } from '@tintype/engine/run';
import { flag, text } from '../arguments.js';
import type { CommandBody } from '../command.js';
import { printable } from '../output/printable.js';
import { showCount, showDuration, showSize } from '../quantities.js';
import { runUnlocked } from '../unlocked.js';

export const run: CommandBody = (parsed, io) => {
  const [image = '', target = ''] = parsed.operands;
  const options = { image, target, volume: text(parsed, 'volume'), trust: flag(parsed, 'trust') };
  const hasProblems = ({ findings }: SummaryEvent) =>
    (findings as readonly Finding[]).some(({ severity }) => severity === 'error');
  return runUnlocked('rescue', options, { parsed, io }, { summary: summaryText, hasProblems });
};

function summaryText(summary: SummaryEvent): string {
  const { files, findings, bytes, seconds, report } = summary as SummaryEvent & {
    files: Record<'whole' | 'partial' | 'lost', number>;
    findings: readonly Finding[];
    bytes: { copied: number };
    seconds: number;
    report: string;
  };
  const seen = findings.map(({ place, message }) => `${printable(place)}: ${printable(message)}\n`).join('');
  const counts = `${showCount(Number(files.whole), 'file')} whole, ${files.partial} in part, ${files.lost} only by name`;
  return `${seen}${counts}; ${showSize(bytes.copied)} in ${showDuration(seconds)}; see ${printable(report)}`;
}
