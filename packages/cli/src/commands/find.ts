import { find, listed, UsageError } from '@tintype/engine';
import { text } from '../arguments.js';
import type { CommandBody, Parsed } from '../command.js';
import { EXIT } from '../exit-status.js';
import { withStack } from '../image-volume.js';
import { printable } from '../output/printable.js';
import { parseSize } from '../quantities.js';
import { LineWriter } from '../terminal.js';

export const run: CommandBody = (parsed, io) =>
  withStack(parsed, ({ volume }, image) => {
    const out = new LineWriter();
    let separator = `{"image":${JSON.stringify(image)},"items":[\n `;
    for (const entry of find(volume, parsed.operands[1] ?? '/', {
      name: text(parsed, 'name'),
      newer: newer(parsed),
      size: size(parsed),
    })) {
      if (io.json) {
        out.add(separator + JSON.stringify(listed(volume, entry)));
        separator = ',\n ';
      } else out.line(printable(entry.path));
    }
    if (io.json) out.add(`${separator.startsWith('{') ? separator.trim() : ''}]}\n`);
    out.flush();
    return EXIT.done;
  });

function newer(parsed: Parsed): number | undefined {
  const value = text(parsed, 'newer');
  if (value === undefined) return undefined;
  const time = Date.parse(value);
  if (Number.isNaN(time)) throw new UsageError(`--newer ${value}: give a date such as 2026-01-31 or 2026-01-31T12:00Z`);
  return time / 1000;
}

function size(parsed: Parsed) {
  const value = text(parsed, 'size');
  if (value === undefined) return undefined;
  const sign = value.startsWith('+') ? '+' : value.startsWith('-') ? '-' : '';
  return { sign, bytes: parseSize(value.slice(sign.length)) } as const;
}
