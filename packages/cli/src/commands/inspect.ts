import { hostContext, inspect } from '@tintype/engine';
import { text } from '../arguments.js';
import type { CommandBody } from '../command.js';
import { EXIT } from '../exit-status.js';
import { withPassphrase } from '../image-volume.js';
import { jsonText } from '../output/json-text.js';
import { printable } from '../output/printable.js';
import { LineWriter, line } from '../terminal.js';

export const run: CommandBody = async (parsed, io) => {
  const [image = '', place] = parsed.operands;
  const choice = { volume: text(parsed, 'volume') };
  if (io.json) {
    const lines = await withPassphrase(parsed, image, (passphrase) =>
      [...inspect(image, place ?? null, { ...choice, passphrase }, hostContext())].flatMap((row) => row.split('\n')),
    );
    line(jsonText({ image, place: place ?? null, lines }));
    return EXIT.done;
  }
  const out = new LineWriter();
  await withPassphrase(parsed, image, (passphrase) => {
    for (const row of inspect(image, place ?? null, { ...choice, passphrase }, hostContext()))
      for (const each of row.split('\n')) out.line(shown(each));
  });
  out.flush();
  return EXIT.done;
};

/** Property lists are indented by tabs. */
function shown(row: string): string {
  return printable(row.replace(/^\t+/, (tabs) => '  '.repeat(tabs.length)));
}
