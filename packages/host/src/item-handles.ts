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
  /** Of the open file, when it was looked at last. */
  #size = 0;
  /** The open file was shown to be the one that was listed. */
  #isChecked = false;
  /** Number of the answer that shows the open file as it was after all of it was read. */
  #readAnswer = -1;

  constructor(native: NativeLibrary, folders: FolderHandles) {
    this.#native = native;
    this.#folders = folders;
  }

  /** The file's handle for reading, good until another file is opened. @throws StoreError `changed`, … */
  forReading(entry: Entry): number {
    this.#openUnchecked(entry);
    if (!this.#isChecked) this.#checkOpen(entry);
    return this.#handle;
  }

  #openUnchecked(entry: Entry): void {
    if (this.#entry === entry) return;
    this.close();
    try {
      this.#handle = this.#openAt(entry, openFlags.read | openFlags.noAccessTime);
    } catch (error) {
      // Only the owner may ask that access times stay.
      if (!(error instanceof StoreError) || error.code !== 'EPERM') throw error;
      this.#handle = this.#openAt(entry, openFlags.read);
    }
    this.#entry = entry;
    this.#isChecked = false;
    this.#readAnswer = -1;
  }

  #checkOpen(entry: Entry): void {
    try {
      this.#check(entry, this.#handle);
    } catch (error) {
      this.close();
      throw error;
    }
    this.#isChecked = true;
    this.#size = this.#folders.stat.size;
  }

  /** Fills `stat` from the handle of the file that is open, which costs half of asking by name; false if it is not this one. */
  statOpen(entry: Entry): boolean {
    if (this.#entry !== entry) return false;
    // Asked already, after the last byte was read.
    if (this.#readAnswer !== this.#folders.answers) this.#folders.statHandle(this.#handle, entry.place.name);
    this.#readAnswer = -1;
    return true;
  }

  /** A handle of its own, checked against the listing; the caller closes it. */
  open(entry: Entry, flags: number): number {
    const handle = this.#openAt(entry, flags);
    try {
      this.#check(entry, handle);
      return handle;
    } catch (error) {
      this.#native.calls.close(handle);
      throw error;
    }
  }

  /** Fills `stat`. @throws StoreError `changed` */
  #check(entry: Entry, handle: number): void {
    this.#folders.statHandle(handle, entry.place.name);
    const { stat } = this.#folders;
    if (stat.inode !== entry.inode || stat.device !== entry.device || stat.kind !== entry.kind)
      throw new StoreError('changed', 'open', pathOf(entry.place));
  }

  #openAt(entry: Entry, flags: number): number {
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
    return handle;
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

  /**
   * Bytes read; a short read at the size that the open handle showed is the end, and saves a call. A file that is read
   * from its start is looked at after the first piece, before anyone has seen it: that look tells also whether a short
   * file changed while it was read.
   */
  read(entry: Entry, position: number, target: Uint8Array): number {
    this.#openUnchecked(entry);
    if (position > 0 || target.length === 0) this.forReading(entry);
    let count = 0;
    while (count < target.length) {
      const got = this.#readPiece(entry, position + count, count === 0 ? target : target.subarray(count));
      count += got;
      if (!this.#isChecked) {
        this.#checkOpen(entry);
        if (count === this.#size) this.#readAnswer = this.#folders.answers;
      }
      if (got === 0 || position + count === this.#size) break;
    }
    return count;
  }

  #readPiece(entry: Entry, position: number, target: Uint8Array): number {
    try {
      return readSync(this.#handle, target, 0, target.length, position);
    } catch (cause) {
      // Something else may have come to stand there, such as a folder.
      if (!this.#isChecked) this.#checkOpen(entry);
      throw storeError(cause, 'read', pathOf(entry.place));
    }
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
