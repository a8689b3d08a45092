// Files that macOS compressed transparently (decmpfs): read as what they stand for.

import { type DecompressedFile, openDecmpfs, readDecmpfsHeader } from '@tintype/codec';
import { CorruptError } from '@tintype/core';
import type { DataForks } from './data-fork.js';
import type { Attributes } from './records/attributes.js';
import type { Place } from './records/catalog.js';
import { BsdInfo, CatalogFile, RECORD_FLAGS, RECORD_TYPE } from './structs/catalog.js';

export const DECMPFS = 'com.apple.decmpfs';
const UF_COMPRESSED = 0x20;
const PIECE = 1 << 20;

export class CompressedFiles {
  readonly #attributes: Attributes;
  readonly #forks: DataForks;
  #open: { readonly id: number; readonly file: DecompressedFile } | null = null;

  constructor(attributes: Attributes, forks: DataForks) {
    this.#attributes = attributes;
    this.#forks = forks;
  }

  /** By the flag and the record's word that it has attributes; the attribute itself is looked at by `size` and `read`. */
  isCompressed({ node, at, type }: Place): boolean {
    if (type !== RECORD_TYPE.file) return false;
    const flags = node.view.getUint8(at + CatalogFile.at.bsdInfo + BsdInfo.at.ownerFlags);
    if (
      (flags & UF_COMPRESSED) === 0 ||
      (node.view.getUint16(at + CatalogFile.at.flags) & RECORD_FLAGS.hasAttributes) === 0
    )
      return false;
    const id = node.view.getUint32(at + CatalogFile.at.fileID);
    return this.size(id) !== null;
  }

  /** Bytes of the clear content, or null if there is no valid header. */
  size(id: number): number | null {
    const attribute = this.#attributes.get(id, DECMPFS);
    return attribute && (readDecmpfsHeader(attribute)?.size ?? null);
  }

  read(id: number, position: number, target: Uint8Array): number {
    return this.#file(id).read(position, target);
  }

  /** The clear content becomes the file's own data: before it is changed. What made it compressed is the caller's. */
  expand(id: number): void {
    const piece = new Uint8Array(PIECE);
    try {
      for (let at = 0; ; ) {
        const length = this.read(id, at, piece);
        if (length === 0) break;
        this.#forks.write(id, 'data', at, piece.subarray(0, length));
        at += length;
      }
    } catch (error) {
      this.#forks.truncate(id, 'data', 0);
      throw error;
    }
  }

  forget(id: number): void {
    if (this.#open?.id === id) this.#open = null;
  }

  #file(id: number): DecompressedFile {
    if (this.#open?.id === id) return this.#open.file;
    const attribute = this.#attributes.get(id, DECMPFS);
    if (!attribute) throw new CorruptError(DECMPFS, 'magic', id, 'the file has no such attribute');
    const file = openDecmpfs({
      attribute,
      forkSize: this.#forks.size(id, 'resource'),
      readFork: (position, target) => this.#forks.read(id, 'resource', position, target),
    });
    this.#open = { id, file };
    return file;
  }
}
