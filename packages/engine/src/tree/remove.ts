// Removing a whole tree, in a way that can be stopped and committed after any item.

import type { Item, ItemId, Volume, WritableVolume } from '@tintype/core';
import { FolderVisits } from './folder-visits.js';

/** Removes `item` of `folder` with all below it; `between` is called after each removal. Answers how many items went. @throws CorruptError */
export function removeTree(volume: WritableVolume, folder: ItemId, item: Item, between: () => void): number {
  const path: { folder: ItemId; item: Item; rest: Item[] | null }[] = [{ folder, item, rest: null }];
  const visits = new FolderVisits();
  let removed = 0;
  for (let top = path.at(-1); top; top = path.at(-1)) {
    if (top.item.kind === 'directory' && top.rest === null) {
      visits.enter(top.item.id, top.item.name);
      top.rest = volume.list(top.item.id);
    }
    const child = top.rest?.pop();
    if (child) {
      path.push({ folder: top.item.id, item: child, rest: null });
      continue;
    }
    if (top.rest) {
      visits.leave(top.item.id);
      volume.release(top.item.id);
    }
    volume.remove(top.folder, top.item.name);
    removed += 1;
    path.pop();
    between();
  }
  return removed;
}

/** Counts an item and all below it. @throws CorruptError for a folder that lies in itself */
export function countTree(volume: Volume, item: Item): number {
  const folders: Item[] = [item];
  const visits = new FolderVisits();
  let count = 1;
  for (let folder = folders.pop(); folder; folder = folders.pop()) {
    if (folder.kind !== 'directory') continue;
    visits.pass(folder.id, folder.name);
    for (const child of volume.list(folder.id)) {
      count += 1;
      if (child.kind === 'directory') folders.push(child);
    }
  }
  return count;
}
