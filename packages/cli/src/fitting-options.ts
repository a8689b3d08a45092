// Options that mean something to some formats only: to others they would be ignored without a word.

import { existsSync } from 'node:fs';
import { hostPath } from '@tintype/core';
import { UsageError } from '@tintype/engine/run';
import { text } from './arguments.js';
import type { Parsed } from './command.js';

/** Which formats of a new image an option is for. */
const FOR: Readonly<Record<string, readonly string[]>> = {
  'band-size': ['sparsebundle'],
  level: ['udzo', 'udbz', 'ulfo', 'ulmo'],
};

interface NewImage {
  readonly path: string;
  /** What a `.dmg` means to the command. */
  readonly dmg: 'udrw' | 'udzo';
  /** What is there is brought up to date, and keeps its own. */
  readonly mayExist?: boolean;
}

/** @throws UsageError */
export async function requireFitting(parsed: Parsed, { path, dmg, mayExist }: NewImage): Promise<void> {
  const given = Object.keys(FOR).filter((name) => text(parsed, name) !== undefined);
  if (given.length === 0 || (mayExist && existsSync(hostPath(path)))) return;
  const { formatFor } = await import('@tintype/engine');
  const format = formatFor(path, text(parsed, 'format'), dmg);
  for (const name of given)
    if (!FOR[name]?.includes(format ?? ''))
      throw new UsageError(
        `--${name} is for ${FOR[name]?.join(', ')}: ${path} would be ${format === null ? 'a folder' : `of the format ${format}`}`,
      );
}
