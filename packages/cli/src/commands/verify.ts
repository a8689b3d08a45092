import { type Finding, UnsupportedError } from '@tintype/core';
import type { SummaryEvent } from '@tintype/engine';
import { flag } from '../arguments.js';
import type { CommandBody } from '../command.js';
import { requireNoPassphrase } from '../image-volume.js';
import { printable } from '../output/printable.js';
import { runOperation } from '../run-operation.js';

export const run: CommandBody = (parsed, io) => {
  requireNoPassphrase(parsed);
  if (flag(parsed, 'data')) throw new UnsupportedError('--data: contents have no stored checksums yet');
  const [image = ''] = parsed.operands;
  return runOperation('verify', { image, level: flag(parsed, 'quick') ? 'quick' : 'structure' }, io, {
    result: (value) => {
      const { kind, place, message, severity } = value as Finding;
      return `${severity}: ${kind}: ${printable(place)}: ${printable(message)}`;
    },
    summary: (summary: SummaryEvent) =>
      summary.findings === 0
        ? `${printable(image)} appears to be sound`
        : `${printable(image)}: ${summary.findings} findings`,
    hasProblems: (summary) => Number(summary.findings) > 0,
  });
};
