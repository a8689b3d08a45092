// A new passphrase: the keys are wrapped anew, no byte of data changes.

import { type FileStore, PassphraseError, type StoreFile } from '@tintype/core';
import { DEFAULT_KDF_ROUNDS } from '../limits.js';
import { headerCopyPlace, replaceHeader } from './header-copy.js';
import { oldVersion, settledHeader } from './open.js';
import { openEntry, wrapKeys } from './unlock.js';

export interface NewPassphrase {
  readonly current: Uint8Array;
  readonly next: Uint8Array;
  readonly rounds?: number | undefined;
  readonly random: (target: Uint8Array) => void;
}

/**
 * `file` is the image, or the token of a bundle, open for writing; the image is locked. Answers how many other keys still
 * open it. @throws PassphraseError, RefusedError for version 1
 */
export function changePassphrase(
  store: FileStore,
  path: string,
  file: StoreFile,
  { current, next, rounds, random }: NewPassphrase,
): number {
  const place = headerCopyPlace(path, store.kind(path) === 'directory');
  const header = settledHeader(file, place, { store, writable: true });
  if (header.version === 1) throw oldVersion(path);
  const entry = openEntry(header, current);
  if (!entry) throw new PassphraseError('wrong', path);
  const bytes = header.bytes.slice();
  const at = header.keys[entry.index]?.offset ?? 0;
  try {
    bytes.set(wrapKeys(entry.keys, next, { iterations: rounds ?? DEFAULT_KDF_ROUNDS, random }), at);
  } finally {
    entry.keys.wipe();
  }
  replaceHeader(store, place, file, bytes);
  return header.keys.length - 1;
}
