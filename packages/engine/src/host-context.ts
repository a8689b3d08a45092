// What synchronous calls from the main thread are given: this host's files and clock.

import { randomFillSync } from 'node:crypto';
import { hostHolder, nodeFileStore } from '@tintype/host';
import type { InfoContext } from './maintenance/info.js';

export { exitNow, missingCalls, type PathProbe, probePath } from '@tintype/host';

/** The host as operations are given it: its files, its clock, its randomness. */
export function hostContext(): InfoContext {
  return {
    store: nodeFileStore(),
    holder: hostHolder(),
    now: () => Date.now() / 1000,
    random: (target) => {
      randomFillSync(target);
    },
  };
}
