// A call that makes no sense whatever the state of the world: exit status 2.

import { TintypeError } from '@tintype/core';

/** The caller asked for what cannot be: wrong words, not a wrong disk. Exit status 2. */
export class UsageError extends TintypeError {
  constructor(message: string) {
    super('usage', message);
  }
}
