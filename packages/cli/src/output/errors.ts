// Errors as sentences: what, where, and what to do next.

import { TintypeError } from '@tintype/core';
import { printable } from './printable.js';

const HINTS: Readonly<Record<string, string>> = {
  corrupt: "Run 'tintype verify IMAGE' to see all that is wrong with it.",
  locked: 'Try again when it is free, or give --wait-lock 5m.',
  'volume-full': 'Make room, or back up to a larger image.',
  ENOSPC: 'The host volume is full: make room on it, then run the same command again.',
  EFBIG: 'The host volume cannot hold a file that long: use a .sparsebundle.',
  EACCES: 'Check the permissions of the path.',
  EPERM: 'Check the permissions of the path.',
  ENOENT: 'Check the path.',
  exists: 'Choose another name, or give --overwrite.',
  'no-parent': 'Make the folder first.',
  'no-source': 'Check the path.',
  usage: "See 'tintype COMMAND --help'.",
};

export function errorText(error: unknown): string {
  if (!(error instanceof TintypeError))
    return `tintype: internal error: ${printable(error instanceof Error ? error.message : String(error))}`;
  const hint = HINTS[error.code];
  return `tintype: ${printable(error.message)}${hint ? `. ${hint}` : ''}`;
}
