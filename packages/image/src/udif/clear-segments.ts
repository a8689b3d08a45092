// The further files of an encrypted image, read: each is encrypted by itself, with keys of its own, by the passphrase of the
// first.

import { CorruptError, type StoreFile } from '@tintype/core';
import { detectFile } from '../detect.js';
import type { ChunkCipher } from '../encryption/chunk-cipher.js';
import { type Access, openEncryptedFile } from '../encryption/open.js';
import { SEGMENT_VECTOR_PAGES } from '../limits.js';

export class ClearSegments {
  readonly #access: Pick<Access, 'store' | 'passphrase'>;
  readonly #ciphers: ChunkCipher[] = [];

  constructor(access: Pick<Access, 'store' | 'passphrase'>) {
    this.#access = access;
  }

  /** What is behind a segment's file, which it then closes. @throws CorruptError, PassphraseError */
  open(file: StoreFile): StoreFile {
    if (detectFile(file)?.kind !== 'encrypted')
      throw new CorruptError('encrypted data', 'signature', 0, `${file.path} is not encrypted as the first segment is`);
    const access = { ...this.#access, path: file.path, writable: false, vectorPages: SEGMENT_VECTOR_PAGES };
    const clear = openEncryptedFile(file, access);
    this.#ciphers.push(clear.cipher);
    const [cut] = clear.findings;
    if (cut) throw new CorruptError('encrypted data', 'size', clear.readable.size(), `${file.path}: ${cut.message}`);
    return clear.file;
  }

  /** Forgets the keys of all that were opened. */
  wipe(): void {
    for (const cipher of this.#ciphers) cipher.wipe();
  }
}
