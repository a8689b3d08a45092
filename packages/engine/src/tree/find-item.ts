// From a path to an item, name by name.

import type { Item, Volume } from '@tintype/core';

/** The item at a path inside a volume, `/` separated (empty: the root), or null if there is none. */
export function findItem(volume: Volume, path: string): Item | null {
  let item: Item | null = volume.root;
  for (const name of path.split('/')) {
    if (name === '' || name === '.') continue;
    item = item?.kind === 'directory' ? volume.lookup(item.id, name) : null;
  }
  return item;
}
