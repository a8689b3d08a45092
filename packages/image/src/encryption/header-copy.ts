// A header that cannot be renamed into place is replaced so that a torn write loses nothing: the new one first into a
// file of its own, durable; then in place, durable, read back; then the copy is removed. Whoever opens the image
// finishes that, or drops a copy that is not whole. Only a reader leaves it, and reads by the copy.

import { createHash } from 'node:crypto';
import { assert, CorruptError, type FileStore, type StoreFile } from '@tintype/core';
import { HEADER_LIMIT } from '../limits.js';
import { ENCRCDSA, Encrcdsa } from './structs.js';

/** Behind the header: its SHA-256. */
const SUM_SIZE = 32;

/** Where the copy lies, and in which folder. */
export function headerCopyPlace(path: string, isBundle: boolean): { readonly folder: string; readonly path: string } {
  if (isBundle) return { folder: path, path: `${path}/tintype.header` };
  const slash = path.lastIndexOf('/');
  const folder = slash < 0 ? '.' : path.slice(0, slash) || '/';
  return { folder, path: `${folder}/.${path.slice(slash + 1)}.tintype.header` };
}

/** `file` is the one that begins with the header: the image, or a bundle's token; open for writing, and locked. */
export function replaceHeader(
  store: FileStore,
  place: { readonly folder: string; readonly path: string },
  file: StoreFile,
  header: Uint8Array,
): void {
  if (store.kind(place.path) !== null) store.remove(place.path);
  const copy = store.open(place.path, 'create');
  try {
    copy.write(0, Buffer.concat([header, sumOf(header)]));
    copy.sync();
  } finally {
    copy.close();
  }
  store.syncFolder(place.folder);
  putInPlace(store, place, file, header);
}

/**
 * Looks for a copy that a cut left. With a writable `file` it is finished or dropped; else a whole one is answered, to
 * be read instead of what is in place.
 */
export function settleHeader(
  store: FileStore,
  place: { readonly folder: string; readonly path: string },
  file: StoreFile,
  access: 'read' | 'write',
): Uint8Array | null {
  if (store.kind(place.path) !== 'file') return null;
  const header = wholeCopy(store, place.path, file);
  if (access === 'read') return header;
  if (header) putInPlace(store, place, file, header);
  else remove(store, place);
  return null;
}

function putInPlace(
  store: FileStore,
  place: { readonly folder: string; readonly path: string },
  file: StoreFile,
  header: Uint8Array,
): void {
  // The image may have grown since the copy was made.
  const sizeAt = Encrcdsa.at.clearSize;
  const bytes = header.slice();
  file.read(sizeAt, bytes.subarray(sizeAt, sizeAt + 8));
  file.write(0, bytes);
  file.sync();
  const seen = new Uint8Array(bytes.length);
  file.read(0, seen);
  if (Buffer.compare(seen, bytes) !== 0)
    throw new CorruptError('encrcdsa header', 'keys', 0, `does not read as it was written; the copy is ${place.path}`);
  remove(store, place);
}

function remove(store: FileStore, place: { readonly folder: string; readonly path: string }): void {
  store.remove(place.path);
  store.syncFolder(place.folder);
}

/** Null unless it is whole, and of this image. */
function wholeCopy(store: FileStore, path: string, image: StoreFile): Uint8Array | null {
  const file = store.open(path, 'read');
  try {
    const size = file.size();
    if (size < Encrcdsa.size + SUM_SIZE || size > HEADER_LIMIT + SUM_SIZE) return null;
    const bytes = new Uint8Array(size);
    file.read(0, bytes);
    const header = bytes.subarray(0, size - SUM_SIZE);
    if (Buffer.compare(sumOf(header), bytes.subarray(size - SUM_SIZE)) !== 0) return null;
    return isOf(image, header) ? header : null;
  } finally {
    file.close();
  }
}

/** The id of an image stands in its first sector and never changes. */
function isOf(image: StoreFile, header: Uint8Array): boolean {
  const { uuid } = Encrcdsa.at;
  const head = new Uint8Array(Encrcdsa.size);
  image.read(0, head);
  const same = (from: number, to: number) => Buffer.compare(head.subarray(from, to), header.subarray(from, to)) === 0;
  return same(0, ENCRCDSA.length) && same(uuid, uuid + 16);
}

function sumOf(header: Uint8Array): Uint8Array {
  assert(header.length <= HEADER_LIMIT, 'a header is short');
  return createHash('sha256').update(header).digest();
}
