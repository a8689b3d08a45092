// A file whose first bytes are others, in memory. Only read.

import { CorruptError, type StoreFile } from '@tintype/core';

export class PatchedFile implements StoreFile {
  readonly path: string;
  readonly #file: StoreFile;
  readonly #head: Uint8Array;

  constructor(file: StoreFile, head: Uint8Array) {
    this.path = file.path;
    this.#file = file;
    this.#head = head;
  }
  size(): number {
    return this.#file.size();
  }
  allocated(position: number, length: number): number {
    return this.#file.allocated(position, length);
  }
  read(position: number, target: Uint8Array): number {
    const got = this.#file.read(position, target);
    if (position < this.#head.length) {
      const part = this.#head.subarray(position, position + got);
      target.set(part);
    }
    return got;
  }
  write(): void {
    throw new CorruptError('image header', 'signature', 0, 'is damaged: the image is only read');
  }
  allocate(): void {
    this.write();
  }
  truncate(): void {
    this.write();
  }
  punch(): boolean {
    return false;
  }
  lock(): boolean {
    return true;
  }
  sync(): void {}
  close(): void {
    this.#file.close();
  }
}
