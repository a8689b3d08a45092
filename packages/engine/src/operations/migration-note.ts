// A note beside what a migration makes: from which volume, so that a run that was cut is known again and goes on, and
// nothing else that lies there is ever taken for its work. It goes when both sides were found equal.

import { basename, dirname, join } from 'node:path';
import type { FileStore } from '@tintype/core';

/** Bytes; a longer file is none of ours. */
const LIMIT = 4096;

export interface MigrationNote {
  /** UUID of the volume that is copied. */
  readonly source: string;
  /** The last comparison found contents that differ: times are not trusted any more. */
  readonly differed: boolean;
}

function placeOf(out: string): string {
  return join(dirname(out), `.${basename(out)}.tintype.migration`);
}

/** Null if there is none, or none that can be understood. */
export function readNote(store: FileStore, out: string): MigrationNote | null {
  if (store.kind(placeOf(out)) !== 'file') return null;
  const file = store.open(placeOf(out), 'read');
  try {
    const bytes = new Uint8Array(Math.min(file.size(), LIMIT));
    const length = file.read(0, bytes);
    return parse(Buffer.from(bytes.subarray(0, length)).toString('utf8'));
  } finally {
    file.close();
  }
}

function parse(text: string): MigrationNote | null {
  try {
    const { source, differed } = JSON.parse(text) as Record<string, unknown>;
    return typeof source === 'string' ? { source, differed: differed === true } : null;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return null;
    throw error;
  }
}

/** Durable when it returns. After a cut there is the old note, this one, or one that cannot be understood. */
export function writeNote(store: FileStore, out: string, note: MigrationNote): void {
  removeNote(store, out);
  const file = store.open(placeOf(out), 'create');
  try {
    file.write(0, Buffer.from(`${JSON.stringify(note)}\n`));
    file.sync();
  } finally {
    file.close();
  }
  store.syncFolder(dirname(out));
}

export function removeNote(store: FileStore, out: string): void {
  if (store.kind(placeOf(out)) === null) return;
  store.remove(placeOf(out));
  store.syncFolder(dirname(out));
}
