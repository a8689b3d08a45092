// Pins a snapshot, or lets it go again: no retention deletes one that is pinned.

import { RefusedError, type SnapshotEntry } from '@tintype/core';
import { OwnFolders } from '../history/own-folder.js';
import { readPins, writePins } from '../history/pins.js';
import type { Stack } from '../stack.js';

/** Durable with the next commit. Pins of snapshots that are gone go, too. */
export function changePin({ volume, live }: Stack, entry: SnapshotEntry, action: 'pin' | 'unpin', now: number): void {
  const { uid, gid } = volume.root;
  const wanted = readPins(volume, live.uuid);
  if (action === 'pin') wanted.add(entry.xid);
  else wanted.delete(entry.xid);
  const pinned = (live.snapshots ?? []).filter(({ xid }) => wanted.has(xid));
  writePins(volume, new OwnFolders(volume, { mode: 0o755, uid, gid, now }), { uuid: live.uuid, pinned });
}

/** @throws RefusedError */
export function requireUnpinned({ volume, live, path }: Stack, { xid, name }: SnapshotEntry): void {
  if (readPins(volume, live.uuid).has(xid))
    throw new RefusedError('snapshot-pinned', `snapshot ${name} of ${path} is pinned; unpin it first`, {
      snapshot: name,
    });
}
