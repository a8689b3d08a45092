// The volume becomes what a snapshot holds. A snapshot that is newer cannot stay: its own state lies upon what goes.

import { RefusedError, type SnapshotEntry } from '@tintype/core';
import { OwnFolders } from '../history/own-folder.js';
import { readPins, writePins } from '../history/pins.js';
import type { Stack } from '../stack.js';

export interface RevertOptions {
  readonly deleteNewer: boolean;
  /** Seconds since 1970. */
  readonly now: number;
}

/** The stack's volumes are void afterwards. Commits. @throws RefusedError, before anything is changed */
export function revertTo(stack: Stack, entry: SnapshotEntry, { deleteNewer, now }: RevertOptions): void {
  const { live, volume, fileSystem, path } = stack;
  const all = live.snapshots ?? [];
  const wanted = readPins(volume, live.uuid);
  const newer = all.filter(({ xid }) => xid > entry.xid);
  const pinned = newer.find(({ xid }) => wanted.has(xid));
  if (pinned)
    throw new RefusedError(
      'snapshot-pinned',
      `${path} cannot be reverted to ${entry.name}: snapshot ${pinned.name}, which is newer, is pinned; unpin it first`,
      { snapshot: pinned.name },
    );
  if (newer.length > 0 && !deleteNewer)
    throw new RefusedError(
      'newer-snapshots',
      `${path} cannot be reverted to ${entry.name} while newer snapshots are there (${namesOf(newer)}); ` +
        'add --delete-newer to delete them, or use restore --snapshot to copy from an older state',
      { snapshot: entry.name, newer: newer.length },
    );
  // Pins are a file of the tree, which becomes older: those made since the snapshot hold all the same.
  const kept = all.filter(({ xid }) => xid <= entry.xid && wanted.has(xid));
  fileSystem.revertToSnapshot(live, entry.xid, (reverted) => {
    const known = readPins(reverted, reverted.uuid);
    if (kept.length === known.size && kept.every(({ xid }) => known.has(xid))) return;
    const { uid, gid } = reverted.root;
    const folders = new OwnFolders(reverted, { mode: 0o755, uid, gid, now });
    writePins(reverted, folders, { uuid: reverted.uuid, pinned: kept });
  });
}

const SHOWN = 3;
function namesOf(entries: readonly SnapshotEntry[]): string {
  const names = entries.slice(0, SHOWN).map(({ name }) => name);
  const more = entries.length - names.length;
  return names.join(', ') + (more > 0 ? ` and ${more} more` : '');
}
