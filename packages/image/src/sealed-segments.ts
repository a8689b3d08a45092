// The further files of a new encrypted image: each is encrypted by itself, with keys of its own, by the passphrase of the
// first.

import { assert, type FileStore, type StoreFile } from '@tintype/core';
import { encryptedFile } from './create.js';
import type { ArchiveForm } from './disk-image.js';
import { NEW_CHUNK, NEW_DATA_OFFSET } from './encryption/create.js';
import { openEncryptedFile } from './encryption/open.js';
import { ImageKeys } from './encryption/unlock.js';
import type { SegmentPlace } from './udif/segment-writer.js';
import { segmentPath } from './udif/segments.js';

export class SealedSegments implements SegmentPlace {
  readonly room: number;
  readonly #store: FileStore;
  readonly #path: string;
  readonly #form: ArchiveForm;
  /** By the number of the file, so that none is derived twice. */
  readonly #keys = new Map<number, ImageKeys>();
  /** Forgets what the file that was opened last has; before it, all others are closed. */
  #wipeLast = (): void => {};

  /** `path`: of the first file; `size`: bytes of a file as it is stored, at the most. */
  constructor(store: FileStore, path: string, { form, size }: { readonly form: ArchiveForm; readonly size: number }) {
    this.#store = store;
    this.#path = path;
    this.#form = form;
    // The last chunk is stored in full.
    this.room = Math.floor((size - NEW_DATA_OFFSET) / NEW_CHUNK) * NEW_CHUNK;
  }

  open(number: number, mode: 'create' | 'write'): StoreFile {
    const path = segmentPath(this.#path, number);
    this.#wipeLast();
    const file = this.#store.open(path, mode);
    try {
      return mode === 'create' ? this.#created(number, path, file) : this.#reopened(number, path, file);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** Forgets the keys of all files. */
  wipe(): void {
    this.#wipeLast();
    for (const keys of this.#keys.values()) keys.wipe();
  }

  #created(number: number, path: string, file: StoreFile): StoreFile {
    const clear = encryptedFile(this.#store, path, file, { ...this.#form, format: 'sparseimage', size: 0 });
    this.#wipeLast = clear.wipe;
    this.#keys.set(number, copyOf(clear.keys));
    return clear.file;
  }

  #reopened(number: number, path: string, file: StoreFile): StoreFile {
    const known = this.#keys.get(number);
    assert(known !== undefined, 'a segment that is opened again was made here');
    const keys = copyOf(known);
    const clear = openEncryptedFile(file, { store: this.#store, path, writable: true, passphrase: undefined, keys });
    this.#wipeLast = () => clear.cipher.wipe();
    return clear.file;
  }
}

/** A cipher wipes the keys that it was given. */
function copyOf({ cipher, hmac }: ImageKeys): ImageKeys {
  return new ImageKeys(Buffer.from(cipher), Buffer.from(hmac));
}
