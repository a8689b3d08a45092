// Items that no name leads to get one in the folder `lost+found` of the root.

import { nameToBytes, showCount } from '@tintype/core';
import { type ItemFacts, isReserved } from '../check/catalog.js';
import type { VolumeFacts } from '../check/container.js';
import { isStorable } from '../names.js';
import { putNameValue } from '../records/directory-record.js';
import { DirectoryValue, InodeValue, RECORD_TYPE } from '../structs/records.js';
import { INODE } from '../structs/volume.js';
import { putTime } from '../time.js';
import { Catalog } from '../writing/catalog.js';
import { renamed, TYPE } from '../writing/inode-draft.js';
import type { Mounted } from '../writing/mounted.js';
import { WrittenVolume } from '../writing/written-volume.js';
import { putRecord } from './records.js';

const FOLDER = 'lost+found';
const RECORD_BYTES = 400;

/** Answers what was done. `now`: seconds since 1970. */
export function adoptOrphans(volume: Mounted, { catalog: { items } }: VolumeFacts, now: number): string[] {
  const orphans = [...items.values()].filter(isOrphan);
  if (orphans.length === 0) return [];
  const catalog = new Catalog(volume);
  const folder = lostFolder(volume, catalog, now);
  if (folder === null) return [];
  for (const orphan of orphans) adopt(catalog, folder, orphan, now);
  return [`put ${showCount(orphans.length, 'item')} without a name into ${FOLDER}`];
}

/** One that is being deleted has no links left, and is not meant to have a name. */
function isOrphan({ inode, names }: ItemFacts): boolean {
  return names === 0 && !isReserved(inode.id) && (inode.links > 0 || inode.kind === 'directory');
}

/** Made if it is not there; null if something else has its name. */
function lostFolder(volume: Mounted, catalog: Catalog, now: number): number | null {
  const found = catalog.findName(INODE.root, FOLDER);
  if (found) return found.type === TYPE.directory ? found.id : null;
  const time = { mtime: now, mtimeNanos: 0, ctime: now, ctimeNanos: 0, btime: now, btimeNanos: 0 };
  const item = { ...time, mode: 0o700, uid: 0, gid: 0, flags: 0, size: 0, target: '', rdevMajor: 0, rdevMinor: 0 };
  const [id] = new WrittenVolume(volume).create(INODE.root, [{ ...item, name: FOLDER, kind: 'directory' }]);
  return id ?? null;
}

function adopt(catalog: Catalog, folder: number, { inode, siblings }: ItemFacts, now: number): void {
  const { volume, record } = catalog;
  volume.require({ catalog: 4 + (siblings?.length ?? 0), bytes: RECORD_BYTES });
  for (const { id } of siblings ?? []) catalog.removeAll(id, (type) => type === RECORD_TYPE.siblingMap);
  catalog.removeAll(inode.id, (type) => type === RECORD_TYPE.siblingLink);
  const name = freeName(catalog, folder, inode.name, inode.id);
  catalog.putDirectoryKey(folder, nameToBytes(name), catalog.canonical(name));
  const value = putNameValue(record, inode.id, TYPE[inode.kind], 0);
  putTime(record.view, value + DirectoryValue.at.date_added, now, 0);
  putRecord(catalog);
  catalog.replaceInode(inode.id, renamed(catalog.inodeValue(inode.id), name, folder));
  if (inode.kind !== 'directory') putCount(catalog, inode.id, () => 1);
  putCount(catalog, folder, (count) => count + 1);
}

function freeName(catalog: Catalog, folder: number, own: string, id: number): string {
  const name = isStorable(own) && Buffer.byteLength(own) < 200 ? own : `item-${id}`;
  return catalog.findName(folder, name) ? `${name} ${id}` : name;
}

function putCount(catalog: Catalog, id: number, change: (count: number) => number): void {
  const { view, at } = catalog.inodeToChange(id);
  const place = at + InodeValue.at.nchildren_or_nlink;
  view.setUint32(place, change(view.getUint32(place, true)), true);
}
