// Handles of items that are no folders. The file read last stays open, so that a walk opens each file once. What is
// opened must show the device, inode and kind of the listing; nothing is followed, and nothing blocks on a pipe.

import { readSync } from 'node:fs';
import { type FileExtent, StoreError } from '@tintype/core';
import { type Entry, pathOf } from './entry.js';
import { storeError } from './errno.js';
import type { FolderHandles } from './folder-handles.js';
import { maxExtents } from './limits.js';
import { openFlags, seekData, seekHole } from './linux.js';
import type { NativeLibrary } from './native.js';

const guards = openFlags.noFollow | openFlags.closeOnExec | openFlags.nonBlocking;

export class ItemHandles {
  readonly #native: NativeLibrary;
  readonly #folders: FolderHandles;
  #entry: Entry | null = null;
  #handle = -1;
  /** Of the open file, when it was opened. */
  #size = 0;

  constructor(native: NativeLibrary, folders: FolderHandles) {
    this.#native = native;
    this.#folders = folders;
  }

  /** The file's handle for reading, good until another file is opened. @throws StoreError `changed`, … */
  forReading(entry: Entry): number {
    if (this.#entry === entry) return this.#handle;
    this.close();
    let handle: number;
    try {
      handle = this.open(entry, openFlags.read | openFlags.noAccessTime);
    } catch (error) {
      // Only the owner may ask that access times stay.
      if (!(error instanceof StoreError) || error.code !== 'EPERM') throw error;
      handle = this.open(entry, openFlags.read);
    }
    this.#entry = entry;
    this.#handle = handle;
    this.#size = this.#folders.stat.size;
    return handle;
  }

  /** Fills `stat` from the handle of the file that is open, which costs half of asking by name; false if it is not this one. */
  statOpen(entry: Entry): boolean {
    if (this.#entry !== entry) return false;
    this.#folders.statHandle(this.#handle, entry.place.name);
    return true;
  }

  /** A handle of its own, checked against the listing; the caller closes it. */
  open(entry: Entry, flags: number): number {
    const native = this.#native;
    const { folder, name } = entry.place;
    const parent = this.#folders.of(folder);
    const handle = native.calls.openat(parent, native.name(name), flags | guards, 0);
    if (handle < 0) {
      // ELOOP: a link took its place. ENXIO: a socket, or a pipe for writing.
      const isOther = ['ELOOP', 'ENXIO'].includes(native.errno());
      throw isOther
        ? new StoreError('changed', 'open', pathOf(entry.place))
        : native.error('open', pathOf(entry.place));
    }
    try {
      this.#folders.statHandle(handle, name);
      const { stat } = this.#folders;
      if (stat.inode !== entry.inode || stat.device !== entry.device || stat.kind !== entry.kind) {
        throw new StoreError('changed', 'open', pathOf(entry.place));
      }
      return handle;
    } catch (error) {
      native.calls.close(handle);
      throw error;
    }
  }

  /** Runs `use` with a handle that names the item without opening it (O_PATH): for links and special files. */
  withPath<T>(entry: Entry, use: (handle: number) => T): T {
    const handle = this.open(entry, openFlags.path);
    try {
      return use(handle);
    } finally {
      this.#native.calls.close(handle);
    }
  }

  /** Bytes read; a short read at the size that the open handle showed is the end, and saves a call. */
  read(entry: Entry, position: number, target: Uint8Array): number {
    const handle = this.forReading(entry);
    let count = 0;
    try {
      while (count < target.length) {
        const got = readSync(handle, target, count, target.length - count, position + count);
        count += got;
        if (got === 0 || position + count === this.#size) break;
      }
    } catch (cause) {
      throw storeError(cause, 'read', pathOf(entry.place));
    }
    return count;
  }

  extents(entry: Entry): FileExtent[] {
    const handle = this.forReading(entry);
    return fileExtents(this.#native, handle, this.#size, pathOf(entry.place));
  }

  /** Gives up the file that is open, or only if it is this one. */
  close(entry: Entry | null = this.#entry): void {
    if (this.#entry === null || this.#entry !== entry) return;
    this.#native.calls.close(this.#handle);
    this.#entry = null;
    this.#handle = -1;
  }
}

/** Data and holes of an open file, as SEEK_DATA and SEEK_HOLE tell them. */
export function fileExtents(native: NativeLibrary, handle: number, size: number, path: string): FileExtent[] {
  const extents: FileExtent[] = [];
  const push = (position: number, end: number, kind: FileExtent['kind']): void => {
    if (end > position) extents.push({ position, length: end - position, kind });
  };
  for (let at = 0; at < size; ) {
    if (extents.length >= maxExtents) {
      push(at, size, 'data');
      break;
    }
    const data = seek(native, handle, at, seekData, size, path);
    const hole = data < size ? seek(native, handle, data, seekHole, size, path) : size;
    push(at, data, 'hole');
    push(data, hole, 'data');
    at = hole;
  }
  return extents;
}

function seek(native: NativeLibrary, handle: number, at: number, whence: number, size: number, path: string): number {
  const found = native.calls.lseek(handle, at, whence);
  if (found >= 0) return Math.min(found, size);
  if (native.errno() === 'ENXIO') return size;
  // A file system that does not know the question: all is data.
  if (native.errno() === 'EINVAL') return whence === seekData ? at : size;
  throw native.error('seek', path);
}
