// A call that makes no sense whatever the state of the world: exit status 2.

import { TintypeError } from '@tintype/core';

export class UsageError extends TintypeError {
  constructor(message: string) {
    super('usage', message);
  }
}
