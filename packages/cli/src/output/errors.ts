// Errors as sentences: what, where, and what to do next.

import { TintypeError } from '@tintype/core';
import { COMMANDS } from '../command-table.js';
import type { Call } from '../terminal.js';
import { printable } from './printable.js';

const UNKNOWN_CALL: Call = { command: null, image: null };

const HINTS: Readonly<Record<string, string>> = {
  'startup-disk': 'Make room on it, put the image on another disk, or count only what is selected: --selection-size',
  'volume-full': "Make room in it, or make it larger: 'tintype resize', or --size for a new image",
  'too-small': '--size min makes it as small as it can be',
  'no-space': 'Make room on the host volume, or give a smaller --size',
  'file-size-limit':
    "Use a .sparsebundle, which lies in many small files; 'tintype compact' makes a sparse image shorter",
  'read-only-image':
    "It is never changed: 'tintype convert' makes one that can be, 'tintype rescue' copies out of a damaged one",
  ENOSPC: 'The host volume is full: make room on it, then run the same command again',
  EFBIG: 'The host volume, or a limit of this process (ulimit -f), allows no file that long: choose another place',
  EACCES: 'Check the permissions of the path, or run the command as its owner',
  EPERM: 'Check the permissions of the path, or run the command as its owner',
  EROFS: 'The volume is read-only there: choose another place',
  EIO: 'The disk or the connection failed: check it, then run the same command again',
  ENOENT: 'Check the path',
  EDQUOT: 'Your quota on the host volume is used up: make room there, then run the same command again',
  'link-lost': 'Run the same command again when it is back; --wait 1h waits longer',
  checksum: "Run 'tintype verify' to see what is wrong; --ignore-checksums goes on all the same",
  'no-parent': 'Make the folder first',
  'no-source': 'Check the path',
  'segment-missing': 'Put it beside the others under that name',
  'passphrase-missing': 'Give it with --passphrase-file F, --stdinpass, or TINTYPE_PASSPHRASE',
  'passphrase-wrong': 'Check it: case, spaces, and which image it is for',
  'passphrase-differs': 'Try again',
  'old-encryption': "It can be read: copy it with 'tintype convert', then change the copy",
  'lease-lost': 'What was committed until then stays; run the same command again when it is free',
  'no-snapshot': "See what there is with 'tintype snapshot list'",
  'passphrase-missing-new': 'Give it with --new-passphrase-file F, or TINTYPE_NEW_PASSPHRASE',
  missing: 'Check the path, or leave out --must-exist',
  'no-item': "See what is there with 'tintype ls'",
};

/** One line without control characters: what happened, to which thing, what now. */
export function errorText(error: unknown, call: Call = UNKNOWN_CALL): string {
  if (!(error instanceof TintypeError)) {
    const message = error instanceof Error ? error.message : String(error);
    return `tintype: internal error: ${printable(message)}. Run the command again with --verbose and report what it says`;
  }
  const hint = hintOf(error.code, call);
  return `tintype: ${what(error, call)}${printable(error.message)}${hint === null ? '' : `. ${hint}`}`;
}

/** Damage is told by structure and place; which image it is in, only the caller knows. */
function what({ code, message }: TintypeError, { image }: Call): string {
  if (code !== 'corrupt' || image === null || message.includes(image)) return '';
  return `cannot read ${printable(image)}: `;
}

function hintOf(code: string, { command, image }: Call): string | null {
  switch (code) {
    case 'corrupt':
      return `Run 'tintype verify ${printable(image ?? 'IMAGE')}' to see all that is wrong with it`;
    case 'locked':
      return `Try again when it is free${hasOption(command, 'wait-lock') ? ', or wait for it with --wait-lock 5m' : ''}`;
    case 'exists':
      return `Choose another name${hasOption(command, 'overwrite') ? ', or give --overwrite' : ''}`;
    case 'usage':
      return command === null ? "See 'tintype --help'" : `See 'tintype ${command} --help'`;
    case 'file-size-limit':
      // A raw copy is one file.
      return HINTS[command === 'raw' ? 'EFBIG' : code] ?? null;
    default:
      return HINTS[code] ?? null;
  }
}

const hasOption = (command: string | null, wanted: string): boolean =>
  COMMANDS.some(({ name, options }) => name === command && options.some((option) => option.name === wanted));

/** The events with which a failed operation ends under `--json`: the error, and a summary that lists it. */
export function failureEvents(error: unknown): readonly object[] {
  if (!(error instanceof TintypeError))
    return failure(null, 'internal', error instanceof Error ? error.message : String(error), {});
  const { code, message, values } = error.toJSON();
  return failure(typeof values.path === 'string' ? values.path : null, code, message, values);
}

function failure(path: string | null, code: string, message: string, values: object): readonly object[] {
  return [
    { type: 'error', code, message, values },
    { type: 'summary', failed: true, problems: [{ path, code, message }] },
  ];
}
