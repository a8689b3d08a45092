// Older archives: as `NAME.1.dmg` (the newest) to `NAME.N.dmg`. Nothing is removed before the new one is proved, and
// the archive stands under its own name at every moment.

import { basename, dirname, extname, join } from 'node:path';
import type { FileStore } from '@tintype/core';

/** Path of an older archive; 1 is the newest. */
export function keptPath(path: string, number: number): string {
  const extension = extname(path);
  return join(dirname(path), `${basename(path, extension)}.${number}${extension}`);
}

/** The old archive's second name, from before the swap until it has its number. */
export function asidePath(path: string): string {
  return join(dirname(path), `.${basename(path)}.tintype.kept`);
}

/**
 * Before the swap: gives the archive at `path` a second name, which it keeps when a new one takes the first. Durable when
 * this returns. False if the host knows no second names: then nothing was done.
 */
export function setAside(store: FileStore, path: string): boolean {
  if (!store.link(path, asidePath(path))) return false;
  store.syncFolder(dirname(path));
  return true;
}

/**
 * After the swap, or after a cut, before the draft is removed: what was set aside becomes the newest older archive if it
 * was replaced, and the one beyond `count` falls off; else it loses its second name. A cut leaves a gap in the numbers,
 * which this fills when it is called again. Without a count nothing falls off. Durable when this returns.
 */
export function settleAside(
  store: FileStore,
  path: string,
  { isReplaced, count = Number.POSITIVE_INFINITY }: { readonly isReplaced: boolean; readonly count?: number },
): void {
  const aside = asidePath(path);
  if (store.kind(aside) === null) return;
  if (isReplaced) number(store, path, count);
  // Two names of one file, after a cut: then a rename does nothing.
  if (store.kind(aside) !== null) store.remove(aside);
  store.syncFolder(dirname(path));
}

function number(store: FileStore, path: string, count: number): void {
  let last = 1;
  while (last < count && store.kind(keptPath(path, last)) !== null) last += 1;
  for (let at = last; at > 1; at -= 1) store.rename(keptPath(path, at - 1), keptPath(path, at));
  store.rename(asidePath(path), keptPath(path, 1));
}
