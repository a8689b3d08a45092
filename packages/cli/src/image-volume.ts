// Opens a volume of an image to be read in this thread, for commands that only look.

import { type Finding, PassphraseError } from '@tintype/core';
import { hostContext, openStack, type Stack } from '@tintype/engine';
import { flag, text } from './arguments.js';
import type { Parsed } from './command.js';
import { leaveSignals } from './early-signals.js';
import { waiting } from './locking.js';
import { printable } from './output/printable.js';
import { Passphrases } from './passphrase.js';
import { note } from './terminal.js';

export async function withStack<T>(parsed: Parsed, look: (stack: Stack, image: string) => T): Promise<T> {
  const image = parsed.operands[0] as string;
  const { store, holder, now, random } = hostContext();
  const stack = await withPassphrase(parsed, image, (passphrase) =>
    openStack(image, {
      store,
      holder,
      now,
      random,
      writable: false,
      allowTimeMachine: true,
      ...waiting(parsed),
      volume: text(parsed, 'volume'),
      snapshot: text(parsed, 'snapshot'),
      ignoreChecksums: flag(parsed, 'ignore-checksums'),
      passphrase,
      report: openingNotes(parsed, image),
    }),
  );
  try {
    return look(stack, image);
  } finally {
    stack.abandon();
  }
}

/** What opening an image told is a line on stderr. */
export function openingNotes(parsed: Parsed, image: string): (finding: Finding) => void {
  return ({ message }) => {
    if (!flag(parsed, 'quiet')) note(`tintype: ${printable(`${image}: ${message}`)}`);
  };
}

/** Calls `open` with the passphrase that was given; without one, and if it is needed, asks and calls again. */
export async function withPassphrase<T>(
  parsed: Parsed,
  path: string,
  open: (passphrase: Uint8Array | undefined) => T,
): Promise<T> {
  leaveSignals();
  const passphrases = new Passphrases(parsed);
  try {
    try {
      return open(passphrases.first);
    } catch (error) {
      const isMissing = error instanceof PassphraseError && error.code === 'passphrase-missing';
      if (!isMissing || !(await passphrases.obtain(path))) throw error;
      return open(passphrases.first);
    }
  } finally {
    passphrases.wipe();
  }
}
