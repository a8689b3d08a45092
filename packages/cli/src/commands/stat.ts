import { listed, pathItem, timeText } from '@tintype/engine';
import type { CommandBody } from '../command.js';
import { EXIT } from '../exit-status.js';
import { withStack } from '../image-volume.js';
import { jsonText } from '../output/json-text.js';
import { printable } from '../output/printable.js';
import { line } from '../terminal.js';
import { permissions } from './ls.js';

export const run: CommandBody = (parsed, io) =>
  withStack(parsed, ({ volume }) => {
    const entry = pathItem(volume, parsed.operands[1] ?? '/');
    const { timeUnit } = volume.traits;
    const { ctime, ctimeNanos, btime, btimeNanos, allocated } = entry.item;
    const item = {
      ...listed(volume, entry),
      allocated,
      ctime: timeText(ctime, ctimeNanos, timeUnit),
      btime: timeText(btime, btimeNanos, timeUnit),
    };
    if (io.json) line(jsonText(item));
    else {
      const rows: [string, string][] = [
        ['path', printable(item.path)],
        ['type', item.type],
        ['mode', `${item.mode} (${permissions(item.type, Number.parseInt(item.mode, 8))})`],
        ['owner', `${item.uid}:${item.gid}`],
        ['size', `${item.size} (${allocated} allocated)`],
        ['links', String(item.nlink)],
        ['inode', String(item.inode)],
        ['modified', item.mtime],
        ['changed', item.ctime],
        ['created', item.btime],
        ['flags', item.flags.join(', ') || 'none'],
        ['attributes', item.xattrs.map(printable).join(', ') || 'none'],
      ];
      if (item.target !== null) rows.push(['target', printable(item.target)]);
      if (item.stored !== undefined) rows.push(['stored as', printable(item.stored)]);
      for (const [name, value] of rows) line(`${`${name}:`.padEnd(12)}${value}`);
    }
    return EXIT.done;
  });
