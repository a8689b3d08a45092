// Older archives: as `NAME.1.dmg` (the newest) to `NAME.N.dmg`. Nothing is removed before the new one is proved, and
// the archive stands under its own name at every moment.

import { basename, dirname, extname, join } from 'node:path';
import type { FileStore } from '@tintype/core';

/** Path of an older archive; 1 is the newest. */
export function keptPath(path: string, number: number): string {
  const extension = extname(path);
  return join(dirname(path), `${basename(path, extension)}.${number}${extension}`);
}

/**
 * Gives the archive at `path` the name of the newest older one too; the one beyond `count` falls off. Durable when this
 * returns. A cut leaves a gap in the numbers, which the next run fills. False if the host knows no second names: then
 * nothing was done.
 */
export function keepArchive(store: FileStore, path: string, count: number): boolean {
  let last = 1;
  while (last < count && store.kind(keptPath(path, last)) !== null) last += 1;
  const aside = join(dirname(path), `.${basename(path)}.tintype.kept`);
  if (store.kind(aside) !== null) store.remove(aside);
  if (!store.link(path, aside)) return false;
  for (let number = last; number > 1; number -= 1) store.rename(keptPath(path, number - 1), keptPath(path, number));
  store.rename(aside, keptPath(path, 1));
  // Two names of one file, after a cut: then a rename does nothing.
  if (store.kind(aside) !== null) store.remove(aside);
  store.syncFolder(dirname(path));
  return true;
}
