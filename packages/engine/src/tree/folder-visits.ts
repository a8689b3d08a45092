// Keeps a walk over a hostile volume finite: a folder that lies in itself, or in thousands of places, is damage.

import { CorruptError, type ItemId } from '@tintype/core';

/** Places of one folder that a walk accepts. Folders with several places are rare (old Time Machine volumes). */
const PLACES_LIMIT = 1000;

export class FolderVisits {
  readonly #places = new Map<ItemId, number>();
  /** How often each folder was entered and not left. */
  readonly #open = new Map<ItemId, number>();

  /** Call before the folder is listed. Counts as entered also when it throws. @throws CorruptError */
  enter(folder: ItemId, path: string): void {
    const open = (this.#open.get(folder) ?? 0) + 1;
    this.#open.set(folder, open);
    if (open > 1) throw new CorruptError('catalog', 'folderID', folder, `the folder ${path} lies in itself`);
    const places = (this.#places.get(folder) ?? 0) + 1;
    if (places > PLACES_LIMIT)
      throw new CorruptError('catalog', 'folderID', folder, `the folder ${path} has more than ${PLACES_LIMIT} places`);
    this.#places.set(folder, places);
  }

  /** For walks that do not know when they are done with a folder: it may not come up too often. @throws CorruptError */
  pass(folder: ItemId, path: string): void {
    try {
      this.enter(folder, path);
    } finally {
      this.leave(folder);
    }
  }

  /** Call when all below the folder is done. */
  leave(folder: ItemId): void {
    const open = (this.#open.get(folder) ?? 0) - 1;
    if (open > 0) this.#open.set(folder, open);
    else this.#open.delete(folder);
  }
}
