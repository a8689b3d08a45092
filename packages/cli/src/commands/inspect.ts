import { hostContext, inspect } from '@tintype/engine';
import { text } from '../arguments.js';
import type { CommandBody } from '../command.js';
import { EXIT } from '../exit-status.js';
import { withPassphrase } from '../image-volume.js';
import { LineWriter } from '../terminal.js';

export const run: CommandBody = async (parsed) => {
  const [image = '', place] = parsed.operands;
  const out = new LineWriter();
  await withPassphrase(parsed, image, (passphrase) => {
    const choice = { volume: text(parsed, 'volume'), passphrase };
    for (const row of inspect(image, place ?? null, choice, hostContext())) out.line(row);
  });
  out.flush();
  return EXIT.done;
};
