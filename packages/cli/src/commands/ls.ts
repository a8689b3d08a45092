import { type ListedItem, list, listed, type PathItem } from '@tintype/engine';
import { flag } from '../arguments.js';
import type { CommandBody } from '../command.js';
import { EXIT } from '../exit-status.js';
import { withStack } from '../image-volume.js';
import { jsonText } from '../output/json-text.js';
import { printable } from '../output/printable.js';
import { LineWriter } from '../terminal.js';

const TYPE_LETTERS: Readonly<Record<string, string>> = {
  file: '-',
  directory: 'd',
  symlink: 'l',
  fifo: 'p',
  socket: 's',
  char: 'c',
  block: 'b',
};

export const run: CommandBody = (parsed, io) =>
  withStack(parsed, ({ volume }, image) => {
    const path = parsed.operands[1] ?? '/';
    const deep = flag(parsed, 'recursive') ?? false;
    const out = new LineWriter();
    if (io.json) {
      out.add(`{"image":${jsonText(image)},"volume":${jsonText(volume.name)},"items":[`);
      let separator = '\n ';
      for (const entry of list(volume, path, deep)) {
        out.add(separator + jsonText(listed(volume, entry)));
        separator = ',\n ';
      }
      out.add(']}\n');
    } else {
      const base = path === '/' ? '/' : `${path.replace(/\/+$/, '')}/`;
      const long = flag(parsed, 'long') ?? false;
      for (const entry of list(volume, path, deep)) {
        const name = shownName(entry, deep, base);
        out.line(long ? longLine(listed(volume, entry), name) : name);
      }
    }
    out.flush();
    return EXIT.done;
  });

/** Relative to the folder that was named; folders end with a slash. */
function shownName({ path, item }: PathItem, deep: boolean, base: string): string {
  const name = deep && path.startsWith(base) ? path.slice(base.length) : item.name || path;
  return `${printable(name)}${item.kind === 'directory' ? '/' : ''}`;
}

export function permissions(type: string, mode: number): string {
  const bits = [...'rwxrwxrwx'].map((letter, i) => ((mode & (0o400 >> i)) !== 0 ? letter : '-'));
  const special = [
    [0o4000, 2, 's', 'S'],
    [0o2000, 5, 's', 'S'],
    [0o1000, 8, 't', 'T'],
  ] as const;
  for (const [bit, at, set, bare] of special) if ((mode & bit) !== 0) bits[at] = bits[at] === 'x' ? set : bare;
  return `${TYPE_LETTERS[type] ?? '?'}${bits.join('')}`;
}

function longLine(item: ListedItem, name: string): string {
  const { type, mode, uid, gid, size, mtime, nlink, target, xattrs, rdev } = item;
  const sizeText = rdev ? rdev.join(', ') : String(size);
  const head = `${permissions(type, Number.parseInt(mode, 8))}${xattrs.length > 0 ? '@' : ' '} ${String(nlink).padStart(3)} ${String(uid).padStart(5)} ${String(gid).padStart(5)}`;
  return `${head} ${sizeText.padStart(12)} ${mtime.slice(0, 19).replace('T', ' ')} ${name}${target === null ? '' : ` -> ${printable(target)}`}`;
}
