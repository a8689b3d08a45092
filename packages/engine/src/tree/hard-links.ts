// Which items of a source are one file, and where that file is at the target. Only items with several names are
// remembered, so memory follows the number of linked files, not of files.

import type { Item, ItemId } from '@tintype/core';

interface Known {
  readonly id: ItemId;
  readonly inode: number | null;
  /** Of the name that the target has already, absolute. */
  readonly path: string;
}

export class HardLinks {
  readonly #targetOf = new Map<string, Known>();
  readonly #sourceOf = new Map<number, string>();

  /** The target's item for this file, if one of its names was handled already. */
  find(source: Item): ItemId | null {
    if (source.nlink < 2) return null;
    return this.#targetOf.get(keyOf(source))?.id ?? null;
  }

  /** Where that item is, for volumes whose ids end with the walk's stay in a folder. */
  pathOf(source: Item): string | null {
    return this.#targetOf.get(keyOf(source))?.path ?? null;
  }

  /** The target's item now stands for the source's file. `inode`: the target's inode where it was there before. */
  remember(source: Item, id: ItemId, inode: number | null, path: string): void {
    if (source.nlink > 1) this.#targetOf.set(keyOf(source), { id, inode, path });
    if (inode !== null) this.#sourceOf.set(inode, keyOf(source));
  }

  /**
   * What a pair of equal files needs: `keep`; `link`, because another item stands for this file already; or `part`,
   * because the target's file already stands for another file of the source.
   */
  judge(source: Item, target: Item): 'keep' | 'link' | 'part' {
    if (source.nlink < 2 && target.nlink < 2) return 'keep';
    const key = keyOf(source);
    const owner = this.#sourceOf.get(target.inode);
    if (owner !== undefined && owner !== key) return 'part';
    const known = source.nlink > 1 ? this.#targetOf.get(key) : undefined;
    if (known === undefined || known.id === target.id) return 'keep';
    // Names of one file may have ids of their own; the inode tells that they are one.
    return known.inode === target.inode ? 'keep' : 'link';
  }
}

function keyOf(item: Item): string {
  return `${item.device}:${item.inode}`;
}
