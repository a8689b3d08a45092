import { pathItem } from '@tintype/engine';
import type { CommandBody } from '../command.js';
import { EXIT } from '../exit-status.js';
import { withStack } from '../image-volume.js';
import { jsonText } from '../output/json-text.js';
import { printable } from '../output/printable.js';
import { line } from '../terminal.js';

/** Bytes of a value that are shown as text. */
const SHOWN = 64;

export const run: CommandBody = (parsed, io) =>
  withStack(parsed, ({ volume }) => {
    const { path, item } = pathItem(volume, parsed.operands[1] ?? '/');
    const attributes = volume
      .xattrs(item.id)
      .map(({ name, size }) => ({ name, size, value: Buffer.from(volume.xattr(item.id, name) ?? []) }));
    attributes.sort((a, b) => (a.name < b.name ? -1 : 1));
    if (io.json)
      line(
        jsonText({
          path,
          xattrs: attributes.map(({ name, size, value }) => ({ name, size, value: value.toString('base64') })),
        }),
      );
    else
      for (const { name, size, value } of attributes) line(`${printable(name)}: ${size} bytes: ${shownValue(value)}`);
    return EXIT.done;
  });

function shownValue(value: Buffer): string {
  const part = value.subarray(0, SHOWN);
  const text = part.toString('utf8');
  const shown = /^[ -~]*$/.test(text) ? text : part.toString('hex');
  return value.length > SHOWN ? `${shown} …` : shown;
}
