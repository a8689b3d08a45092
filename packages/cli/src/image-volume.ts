// Opens a volume of an image to be read in this thread, for commands that only look.

import { UnsupportedError } from '@tintype/core';
import { hostContext, openStack, type Stack } from '@tintype/engine';
import { text } from './arguments.js';
import type { Parsed } from './command.js';

export function withStack<T>(parsed: Parsed, look: (stack: Stack, image: string) => T): T {
  requireNoPassphrase(parsed);
  const image = parsed.operands[0] as string;
  const { store, holder, now, random } = hostContext();
  const stack = openStack(image, {
    store,
    holder,
    now,
    random,
    writable: false,
    allowTimeMachine: true,
    volume: text(parsed, 'volume'),
    snapshot: text(parsed, 'snapshot'),
  });
  try {
    return look(stack, image);
  } finally {
    stack.abandon();
  }
}

/** Encrypted images cannot be opened yet, so a passphrase would be asked for in vain. */
export function requireNoPassphrase(parsed: Parsed): void {
  for (const name of ['passphrase-file', 'passphrase-fd', 'stdinpass', 'new-passphrase-file', 'new-passphrase-fd'])
    if (parsed.values[name] !== undefined)
      throw new UnsupportedError(`--${name}: encrypted images cannot be opened yet`);
}
