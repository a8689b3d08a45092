// Snapshots that are never deleted by a retention: a file of ours in the image, which disturbs no other reader. Its lines are
// `{"version":1}` and then one `{"xid","volume","name"}` a pin, `volume` being the UUID. Pins of snapshots that are gone, of
// another volume (the file was copied), and lines of no such form say nothing.

import { assert, type SnapshotEntry, type Volume, type WritableVolume } from '@tintype/core';
import { SAFETYNET_FOLDER } from '../tree/filter.js';
import { findItem } from '../tree/find-item.js';
import { emptyFile, OWN_FOLDER, type OwnFolders } from './own-folder.js';

const FILE = 'pins.jsonl';
/** Bytes that are read: more pins than anybody has snapshots. */
const LONGEST = 4 << 20;

/** Transactions of the volume's pinned snapshots. */
export function readPins(volume: Volume, uuid: string): Set<number> {
  const item = findItem(volume, `${SAFETYNET_FOLDER}/${OWN_FOLDER}/${FILE}`);
  if (item?.kind !== 'file' || item.size > LONGEST) return new Set();
  const bytes = Buffer.alloc(item.size);
  const length = volume.read(item.id, 0, bytes);
  const lines = bytes.toString('utf8', 0, length).split('\n');
  return new Set(lines.flatMap((line) => pinOf(line, uuid) ?? []));
}

function pinOf(line: string, uuid: string): number | null {
  try {
    const { xid, volume } = JSON.parse(line) as { xid?: unknown; volume?: unknown };
    return Number.isSafeInteger(xid) && volume === uuid ? (xid as number) : null;
  } catch {
    return null;
  }
}

/** Pins just these; takes the place of what was there. Durable with the next commit. */
export function writePins(
  volume: WritableVolume,
  folders: OwnFolders,
  { uuid, pinned }: { readonly uuid: string; readonly pinned: readonly SnapshotEntry[] },
): void {
  const lines = pinned.map(({ xid, name }) => JSON.stringify({ xid, volume: uuid, name }));
  const bytes = Buffer.from(`${[JSON.stringify({ version: 1 }), ...lines].join('\n')}\n`);
  const folder = folders.ownFolder();
  const found = volume.lookup(folder, FILE);
  if (found && found.kind !== 'file') volume.remove(folder, FILE);
  const [id] = found?.kind === 'file' ? [found.id] : volume.create(folder, [emptyFile(FILE, folders.template)]);
  assert(id !== undefined, 'what was created has an id');
  volume.truncate(id, 0);
  volume.write(id, 0, bytes);
}
