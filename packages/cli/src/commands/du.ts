import { usage } from '@tintype/engine';
import type { CommandBody } from '../command.js';
import { EXIT } from '../exit-status.js';
import { withStack } from '../image-volume.js';
import { jsonText } from '../output/json-text.js';
import { printable } from '../output/printable.js';
import { showCount, showSize } from '../quantities.js';
import { line } from '../terminal.js';

export const run: CommandBody = (parsed, io) =>
  withStack(parsed, ({ volume }) => {
    const sum = usage(volume, parsed.operands[1] ?? '/');
    if (io.json) line(jsonText(sum));
    else
      line(
        `${showSize(sum.bytes)} in ${showCount(sum.items, 'item')}, ${showSize(sum.allocated)} allocated: ${printable(sum.path)}`,
      );
    return EXIT.done;
  });
