// The further files of an image in segments, while a new image takes its place: `photos.002.dmgpart` and so on.
//
// Invariant: a row of files cannot be exchanged as one. So what is to move is first written down beside the image, durable,
// as `.NAME.tintype.parts`; the rename of the new first file over NAME decides; and whoever finds the note either takes
// all back (the draft is still there) or finishes (it is not).

import { basename, dirname, join } from 'node:path';
import { CorruptError, type FileStore } from '@tintype/core';
import { namedSegments, segmentPath, segmentsBeside } from '@tintype/image';

/** Numbers of the files, 2 and up, that the old image and the new one have beside their first. */
export interface Rows {
  readonly old: readonly number[];
  readonly next: readonly number[];
}

const NOTE_LIMIT = 64 << 10;

function notePath(path: string): string {
  return join(dirname(path), `.${basename(path)}.tintype.parts`);
}

/** What both images have, before anything moves. Where the new one has parts, all of that name are taken for the old one's. */
export function rowsOf(store: FileStore, path: string, draft: string): Rows {
  const next = namedSegments(store, draft);
  if (next.length > 0) return { old: namedSegments(store, path), next };
  const own = segmentsBeside(store, path);
  return { old: namedSegments(store, path).filter((number) => own.includes(segmentPath(path, number))), next };
}

/** Durable when this returns. */
export function writeNote(store: FileStore, path: string, rows: Rows): void {
  const note = notePath(path);
  if (store.kind(note) !== null) store.remove(note);
  const file = store.open(note, 'create');
  try {
    file.write(0, Buffer.from(JSON.stringify(rows)));
    file.sync();
  } finally {
    file.close();
  }
  store.syncFolder(dirname(path));
}

/** Null if no exchange was begun: a note of which only a part is there was never acted on. */
export function readNote(store: FileStore, path: string): Rows | null {
  const note = notePath(path);
  if (store.kind(note) === null) return null;
  const file = store.open(note, 'read');
  try {
    const bytes = Buffer.alloc(Math.min(file.size(), NOTE_LIMIT));
    file.read(0, bytes);
    return parseNote(bytes.toString('utf8'), note);
  } finally {
    file.close();
  }
}

/** @throws CorruptError for a whole note that says something else */
function parseNote(text: string, note: string): Rows | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  const numbers = (key: keyof Rows): readonly number[] => {
    const list: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
    if (Array.isArray(list) && list.every((number) => Number.isSafeInteger(number) && number > 1)) return list;
    throw new CorruptError('note of an exchange', key, 0, `${note} does not list numbers of files`);
  };
  return { old: numbers('old'), next: numbers('next') };
}

export function removeNote(store: FileStore, path: string): void {
  if (store.kind(notePath(path)) === null) return;
  store.remove(notePath(path));
  store.syncFolder(dirname(path));
}

/** Gives the files of a row the names of another. Durable when this returns. */
export function moveParts(
  store: FileStore,
  numbers: readonly number[],
  { from, to }: { readonly from: string; readonly to: string },
): void {
  for (const number of numbers) {
    const part = segmentPath(from, number);
    if (store.kind(part) !== null) store.rename(part, segmentPath(to, number));
  }
  if (numbers.length > 0) store.syncFolder(dirname(to));
}

/** Durable when this returns. */
export function removeParts(store: FileStore, path: string, numbers: readonly number[]): void {
  for (const number of numbers) {
    const part = segmentPath(path, number);
    if (store.kind(part) !== null) store.remove(part);
  }
  if (numbers.length > 0) store.syncFolder(dirname(path));
}
