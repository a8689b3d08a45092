import { content } from '@tintype/engine';
import type { CommandBody } from '../command.js';
import { EXIT } from '../exit-status.js';
import { withStack } from '../image-volume.js';
import { jsonText } from '../output/json-text.js';
import { writeOut } from '../terminal.js';

export const run: CommandBody = (parsed, io) =>
  withStack(parsed, ({ volume }, image) => {
    const path = parsed.operands[1] ?? '/';
    const pieces = content(volume, path);
    if (io.json) writeDocument(jsonText({ image, path }), pieces);
    else for (const piece of pieces) writeOut(piece);
    return EXIT.done;
  });

/** With `content` in base64 as its last field. */
function writeDocument(fields: string, pieces: Iterable<Uint8Array>): void {
  // Written with the first piece: what cannot be read at all is an error instead.
  let begun = `${fields.slice(0, -1)},"content":"`;
  let rest = Buffer.alloc(0);
  for (const piece of pieces) {
    const bytes = Buffer.concat([rest, piece]);
    const whole = bytes.length - (bytes.length % 3);
    writeOut(begun + bytes.toString('base64', 0, whole));
    begun = '';
    rest = bytes.subarray(whole);
  }
  writeOut(`${begun}${rest.toString('base64')}"}\n`);
}
