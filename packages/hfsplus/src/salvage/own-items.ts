// Items that are the file system's own, and are not shown: journal files, private folders, what stands behind hard links.

import { FILE_LINK, FOLDER_LINK } from '../structs/hard-links.js';
import { CNID } from '../structs/volume-header.js';
import { type FoundItem, LOST_ID } from './found-items.js';
import { type FoundRecords, isPrivateName } from './found-records.js';
import { hasType, referenceOf } from './link-records.js';
import { itemPlace, storedName } from './records-read.js';
import type { SalvageSource } from './source.js';

/** Tells what is hidden. What no link stands for is not: it goes to the lost folder. */
export function hideOwnItems(source: SalvageSource, records: FoundRecords): (item: FoundItem) => boolean {
  const behind = new Set([...records.inodes.values(), ...records.directories.values()]);
  if (behind.size === 0) return (item) => isOwn(source, item);
  const linked = linkedIds(source, records);
  return (item) => {
    if (!behind.has(item.id)) return isOwn(source, item);
    if (linked.has(item.id)) return true;
    item.parent = LOST_ID;
    return false;
  };
}

function isOwn(source: SalvageSource, item: FoundItem): boolean {
  return item.parent === CNID.rootFolder && isPrivateName(storedName(source, item));
}

function linkedIds(source: SalvageSource, { items, inodes, directories }: FoundRecords): Set<number> {
  const linked = new Set<number>();
  for (const item of items.all()) {
    if (item.isFolder) continue;
    const place = itemPlace(source, item);
    const ids = hasType(place, FILE_LINK) ? inodes : hasType(place, FOLDER_LINK) ? directories : null;
    const id = ids?.get(referenceOf(place));
    if (id !== undefined) linked.add(id);
  }
  return linked;
}
