import { hostContext, inspect } from '@tintype/engine';
import { text } from '../arguments.js';
import type { CommandBody } from '../command.js';
import { EXIT } from '../exit-status.js';
import { LineWriter } from '../terminal.js';

export const run: CommandBody = (parsed) => {
  const [image = '', place] = parsed.operands;
  const out = new LineWriter();
  for (const row of inspect(image, place ?? null, text(parsed, 'volume'), hostContext())) out.line(row);
  out.flush();
  return EXIT.done;
};
