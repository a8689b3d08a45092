// Reads all that a volume says it has, whatever refuses. Only tests import this.

import { CorruptError, type ItemId, PassphraseError, UnsupportedError, type Volume } from '@tintype/core';

/** A folder can lie in itself in a damaged volume, so a walk needs an end of its own. */
const MOST_ITEMS = 2000;
const piece = new Uint8Array(65_536);

function isRefusal(error: unknown): boolean {
  return error instanceof CorruptError || error instanceof UnsupportedError || error instanceof PassphraseError;
}

/** Runs one call; what it refuses is counted, anything else goes on up. */
export function attempt<T>(call: () => T, refused: { count: number }): T | null {
  try {
    return call();
  } catch (error) {
    if (!isRefusal(error)) throw error;
    refused.count += 1;
    return null;
  }
}

/** Every item, its content, attributes and names; answers how many items there were. */
export function readAll(volume: Volume, refused: { count: number }): number {
  const root = attempt(() => volume.root.id, refused);
  const folders: ItemId[] = root === null ? [] : [root];
  let items = 0;
  for (let folder = folders.pop(); folder !== undefined && items < MOST_ITEMS; folder = folders.pop()) {
    const id = folder;
    for (const item of attempt(() => volume.list(id), refused) ?? []) {
      items += 1;
      if (item.kind === 'directory') folders.push(item.id);
      if (item.kind === 'symlink') attempt(() => volume.readlink(item.id), refused);
      if (item.kind === 'file') attempt(() => volume.read(item.id, 0, piece), refused);
      attempt(() => volume.extents(item.id), refused);
      for (const { name } of attempt(() => volume.xattrs(item.id), refused) ?? [])
        attempt(() => volume.xattr(item.id, name), refused);
      attempt(() => volume.lookup(id, item.name), refused);
    }
  }
  attempt(() => volume.snapshots, refused);
  return items;
}
