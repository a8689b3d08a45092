// Records of a tree that is damaged: whether one is there is asked of the tree itself.

import type { Catalog } from '../writing/catalog.js';

/** The record that was put takes the place of one with the same key, if there is one. */
export function putRecord({ tree, record, volume }: Catalog): void {
  if (tree.find(record)) tree.replace(record);
  else tree.insert(record);
  volume.changed = true;
}
