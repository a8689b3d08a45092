// Files of a volume against the checksums that were kept when they were copied.

import { CorruptError, type Item, type Volume } from '@tintype/core';
import type { ContentHasher } from './hasher.js';
import type { ChecksumTable } from './table.js';

const PIECE = 1 << 20;

/** `unchecked`: there is no checksum for the file as it is now, which says nothing against it. */
export type Verdict = 'same' | 'differs' | 'unchecked';

export class ContentVerifier {
  readonly #volume: Volume;
  readonly #table: ChecksumTable;
  readonly #hasher: ContentHasher;
  readonly #buffer = new Uint8Array(PIECE);

  constructor(volume: Volume, table: ChecksumTable, hasher: ContentHasher) {
    this.#volume = volume;
    this.#table = table;
    this.#hasher = hasher;
  }

  /**
   * Reads all of a file. `told` hears the verdict, now or before the hasher's `drain` returns.
   * @throws CorruptError, StoreError for what cannot be read
   */
  file(item: Item, told: (verdict: Verdict) => void): void {
    const digest = item.size > 0 ? this.#table.digestOf(item) : null;
    if (digest) this.#hasher.begin(item.size);
    for (let position = 0; position < item.size; ) {
      const buffer = digest ? this.#hasher.space(item.size - position) : this.#buffer;
      const got = this.#volume.read(item.id, position, buffer);
      if (got === 0)
        throw new CorruptError('file', 'size', position, `its data ends here, before its ${item.size} bytes`);
      if (digest) this.#hasher.filled(got);
      position += got;
    }
    if (!digest) told('unchecked');
    else this.#hasher.end((found) => told(Buffer.compare(found, digest) === 0 ? 'same' : 'differs'));
  }

  /** True if there is a checksum for the file as it is now. */
  knows(item: Item): boolean {
    return this.#table.digestOf(item) !== null;
  }
  drain(): void {
    this.#hasher.drain();
  }
}
