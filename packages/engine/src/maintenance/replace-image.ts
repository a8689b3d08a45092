// A new image takes the place of an old one.
//
// Invariant: at every moment there is a whole image under the name, or the old one beside it as `.NAME.tintype.old`, and
// whoever makes an image of that name next puts it back first. A file over a file is one rename; of a bundle, a folder,
// no host replaces the name in one step, nor one in several files (`segment-swap`).

import { basename, dirname, join } from 'node:path';
import { type FileStore, LinkLostError, LockedError, PassphraseError, RefusedError, TintypeError } from '@tintype/core';
import { claimImage, namedSegments, openImage, removeGivenUpLeases } from '@tintype/image';
import type { Locking } from '../locking.js';
import { settleAside } from './kept-archives.js';
import { moveParts, type Rows, readNote, removeNote, removeParts, rowsOf, writeNote } from './segment-swap.js';

/** Where a new image is made until it is whole. */
function draftOf(path: string): string {
  return join(dirname(path), `.${basename(path)}.tintype.new`);
}

function oldOf(path: string): string {
  return join(dirname(path), `.${basename(path)}.tintype.old`);
}

/** Puts the draft in the place of the image at `path`, if there is one. @throws LockedError if someone uses that */
export function replaceImage(store: FileStore, path: string, locking: Locking): void {
  requireUnused(store, path, locking);
  const rows = rowsOf(store, path, draftOf(path));
  if (rows.old.length + rows.next.length > 0) {
    writeNote(store, path, rows);
    exchange(store, path, rows);
    finishReplacement(store, path);
  } else if (exchange(store, path, rows)) removeTree(store, oldOf(path));
}

/** True if the old image is beside the new one now. */
function exchange(store: FileStore, path: string, { old, next }: Rows): boolean {
  const folder = dirname(path);
  const draft = draftOf(path);
  const kind = store.kind(path);
  const isInTheWay = kind === 'directory' || (kind !== null && store.kind(draft) === 'directory');
  const isAside = isInTheWay || (kind !== null && old.length > 0 && next.length > 0);
  if (isAside) {
    store.rename(path, oldOf(path));
    store.syncFolder(folder);
  }
  if (next.length > 0) moveParts(store, old, { from: path, to: oldOf(path) });
  moveParts(store, next, { from: draft, to: path });
  store.rename(draft, path);
  store.syncFolder(folder);
  return isAside;
}

/** Finishes what a cut replacement left: to be called before it is looked at what is there. */
export function finishReplacement(store: FileStore, path: string): void {
  const rows = readNote(store, path);
  const old = oldOf(path);
  // The draft's rename is what decides; unless the new image was removed since.
  const isReplaced = store.kind(draftOf(path)) === null && (store.kind(path) !== null || store.kind(old) === null);
  if (rows && !isReplaced) takeBack(store, path, rows);
  settleOld(store, path);
  if (rows && isReplaced) {
    if (rows.next.length === 0) removeParts(store, path, rows.old);
    removeParts(store, old, rows.old);
  }
  removeNote(store, path);
}

/** The old image's first file or bundle goes before its other files do: as long as it is there, they are. */
function settleOld(store: FileStore, path: string): void {
  const old = oldOf(path);
  if (store.kind(old) === null) return;
  if (store.kind(path) !== null) removeTree(store, old);
  else store.rename(old, path);
  store.syncFolder(dirname(path));
}

/** Every file of a row is where it was before, but for the first, which comes last. */
function takeBack(store: FileStore, path: string, { old, next }: Rows): void {
  removeParts(
    store,
    path,
    next.filter((number) => !old.includes(number)),
  );
  moveParts(store, old, { from: oldOf(path), to: path });
}

/**
 * Makes room for a draft; an hour of work shall not end at what can be told before it. Finishes what a cut left of an old
 * archive that is kept, with `keep` of them in all.
 * @throws LockedError if the image at `path` is in use, RefusedError if it is no file or bundle
 */
export function prepareDraft(store: FileStore, path: string, locking: Locking, keep?: number): string {
  const kind = store.kind(path);
  if (kind === 'device' || kind === 'other')
    throw new RefusedError('not-a-file', `${path} is neither a file nor a bundle, and is not replaced`, { path });
  requireUnused(store, path, locking);
  const draft = draftOf(path);
  requireUnused(store, draft, locking);
  const isReplaced = store.kind(draft) === null;
  settleAside(store, path, { isReplaced, ...(keep ? { count: keep } : {}) });
  removeImage(store, draft);
  return draft;
}

/** To take an image away nobody needs to know its passphrase, nor must it be sound; but nobody else may use it. */
function requireUnused(store: FileStore, path: string, locking: Locking): void {
  if (store.kind(path) === null) return;
  try {
    openImage(store, path, { ...locking, writable: true, allowTimeMachine: false }).close();
  } catch (error) {
    if (isKept(error) || !(error instanceof TintypeError)) throw error;
    if (error instanceof PassphraseError || store.kind(path) === 'file') requireUnclaimed(store, path, locking);
  }
}

/** Of what cannot be opened for writing: a read-only image, one of which no more than a part is there. */
function requireUnclaimed(store: FileStore, path: string, locking: Locking): void {
  try {
    claimImage(store, path, locking).release();
  } catch (error) {
    if (isKept(error) || !(error instanceof TintypeError)) throw error;
  }
}

function isKept(error: unknown): boolean {
  return (
    error instanceof LockedError ||
    error instanceof LinkLostError ||
    (error instanceof RefusedError && error.code === 'time-machine')
  );
}

/** Removes the draft at `draft`, after what was set aside for it: what stays aside without a draft was replaced. */
export function removeDraft(store: FileStore, draft: string, path: string): void {
  if (store.kind(draft) === null) return;
  finishReplacement(store, path);
  settleAside(store, path, { isReplaced: false });
  removeImage(store, draft);
}

/**
 * A file with what are its segments by their names, or a bundle with what is in it; and the lease that was given up by
 * whoever made it and failed.
 */
export function removeImage(store: FileStore, path: string): void {
  removeParts(store, path, namedSegments(store, path));
  removeTree(store, path);
  removeGivenUpLeases(store, path);
}

function removeTree(store: FileStore, path: string): void {
  const kind = store.kind(path);
  if (kind === 'directory') for (const { name } of store.list(path)) removeTree(store, `${path}/${name}`);
  if (kind !== null) store.remove(path);
}
