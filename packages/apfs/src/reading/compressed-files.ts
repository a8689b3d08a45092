// Files that macOS compressed transparently (decmpfs): read as what they stand for. The codecs are shared with HFS+; where the
// header and the compressed bytes lie is each file system's own.

import { type DecompressedFile, openDecmpfs, readDecmpfsHeader } from '@tintype/codec';
import { CorruptError } from '@tintype/core';
import { type Inode, UF_COMPRESSED } from '../records/inodes.js';
import type { Xattrs } from '../records/xattrs.js';

export const DECMPFS = 'com.apple.decmpfs';
export const RESOURCE_FORK = 'com.apple.ResourceFork';

export class CompressedFiles {
  readonly #xattrs: Xattrs;
  #open: { readonly id: number; readonly file: DecompressedFile } | null = null;

  constructor(xattrs: Xattrs) {
    this.#xattrs = xattrs;
  }

  /** By the flag, and a header that macOS would look at. */
  isCompressed(inode: Inode): boolean {
    return this.size(inode) !== null;
  }

  /** Bytes of the clear content, or null if the file is not compressed. */
  size(inode: Inode): number | null {
    if (inode.kind !== 'file' || (inode.flags & UF_COMPRESSED) === 0) return null;
    const place = this.#xattrs.find(inode.id, DECMPFS);
    const header = place && readDecmpfsHeader(this.#xattrs.value(place));
    return header ? (inode.uncompressedSize ?? header.size) : null;
  }

  read(id: number, position: number, target: Uint8Array): number {
    return this.#file(id).read(position, target);
  }

  forget(id: number): void {
    if (this.#open?.id === id) this.#open = null;
  }

  #file(id: number): DecompressedFile {
    if (this.#open?.id === id) return this.#open.file;
    const header = this.#xattrs.find(id, DECMPFS);
    if (!header) throw new CorruptError(DECMPFS, 'magic', id, 'the file has no such attribute');
    const fork = this.#xattrs.find(id, RESOURCE_FORK);
    const file = openDecmpfs({
      attribute: this.#xattrs.value(header),
      forkSize: fork?.size ?? 0,
      readFork: (position, target) => (fork ? this.#xattrs.read(fork, position, target) : 0),
    });
    this.#open = { id, file };
    return file;
  }
}
