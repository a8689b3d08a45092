import { statSync } from 'node:fs';
import { hostPath } from '@tintype/core';
import { find, listed, UsageError } from '@tintype/engine';
import { text } from '../arguments.js';
import type { CommandBody, Parsed } from '../command.js';
import { EXIT } from '../exit-status.js';
import { withStack } from '../image-volume.js';
import { jsonText } from '../output/json-text.js';
import { printable } from '../output/printable.js';
import { parseDuration, parseSize } from '../quantities.js';
import { LineWriter } from '../terminal.js';

const DATE = /^\d{4}-\d{2}(-\d{2}(T[\d:.]+(Z|[+-]\d{2}:?\d{2})?)?)?$/;

export const run: CommandBody = (parsed, io) =>
  withStack(parsed, ({ volume }, image) => {
    const out = new LineWriter();
    let separator = `{"image":${jsonText(image)},"items":[\n `;
    for (const entry of find(volume, parsed.operands[1] ?? '/', {
      name: text(parsed, 'name'),
      newer: newer(parsed),
      size: size(parsed),
    })) {
      if (io.json) {
        out.add(separator + jsonText(listed(volume, entry)));
        separator = ',\n ';
      } else out.line(printable(entry.path));
    }
    if (io.json) out.add(`${separator.startsWith('{') ? separator.trim() : ''}]}\n`);
    out.flush();
    return EXIT.done;
  });

/** A date, an age, or a file of the host whose time counts, as in find(1). */
function newer(parsed: Parsed): number | undefined {
  const value = text(parsed, 'newer');
  if (value === undefined) return undefined;
  const date = DATE.test(value) ? Date.parse(value) / 1000 : Number.NaN;
  if (!Number.isNaN(date)) return date;
  if (/^\d+[smhdw]$/.test(value)) return Date.now() / 1000 - parseDuration(value);
  const file = statSync(hostPath(value), { throwIfNoEntry: false });
  if (file) return file.mtimeMs / 1000;
  throw new UsageError(`--newer ${value}: give a date such as 2026-01-31, an age such as 7d, or a file`);
}

function size(parsed: Parsed) {
  const value = text(parsed, 'size');
  if (value === undefined) return undefined;
  const sign = value.startsWith('+') ? '+' : value.startsWith('-') ? '-' : '';
  return { sign, bytes: parseSize(value.slice(sign.length)) } as const;
}
