// Which item of this host lies at a path, whatever its name.

import { lstatSync } from 'node:fs';
import { hostPath } from '@tintype/core';
import { attempt } from './errno.js';

/** `DEVICE:INODE`; null if nothing is there. A link is not followed. @throws StoreError */
export function identityAt(path: string): string | null {
  const stats = attempt('stat', path, () => lstatSync(hostPath(path), { throwIfNoEntry: false }));
  return stats ? `${stats.dev}:${stats.ino}` : null;
}
