import { content } from '@tintype/engine';
import type { CommandBody } from '../command.js';
import { EXIT } from '../exit-status.js';
import { withStack } from '../image-volume.js';
import { writeOut } from '../terminal.js';

export const run: CommandBody = (parsed) =>
  withStack(parsed, ({ volume }) => {
    for (const piece of content(volume, parsed.operands[1] ?? '/')) writeOut(piece);
    return EXIT.done;
  });
