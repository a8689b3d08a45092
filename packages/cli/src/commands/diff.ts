import type { SummaryEvent } from '@tintype/engine/run';
import { flag, text } from '../arguments.js';
import type { CommandBody } from '../command.js';
import { requireNoPassphrase } from '../image-volume.js';
import { printable } from '../output/printable.js';
import { runOperation } from '../run-operation.js';

export const run: CommandBody = (parsed, io) => {
  requireNoPassphrase(parsed);
  const [a = '', b = ''] = parsed.operands;
  return runOperation('diff', { a, b, path: text(parsed, 'path'), checksum: flag(parsed, 'checksum') }, io, {
    result: (value) => {
      const { path, difference } = value as { path: string; difference: string };
      return `${difference}: ${printable(path)}`;
    },
    summary: (summary: SummaryEvent) =>
      summary.differences === 0 ? 'no differences' : `${summary.differences} differences`,
    hasProblems: (summary) => Number(summary.differences) > 0,
  });
};
