// Exit statuses, as the contract lists them.

import { TintypeError } from '@tintype/core';

export const EXIT = { done: 0, failed: 1, usage: 2, problems: 3, passphrase: 4, inUse: 5, interrupted: 130 } as const;

export function exitStatusOf(error: unknown): number {
  if (!(error instanceof TintypeError)) return EXIT.failed;
  if (error.code === 'usage') return EXIT.usage;
  if (error.code.startsWith('passphrase-')) return EXIT.passphrase;
  if (error.code === 'locked' || error.code === 'lease-lost') return EXIT.inUse;
  return error.code === 'cancelled' ? EXIT.interrupted : EXIT.failed;
}
