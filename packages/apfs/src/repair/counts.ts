// Counts that follow from records: entries of folders, names of items, types that names tell, users of streams, items of the
// volume and its blocks.

import { nameToBytes } from '@tintype/core';
import type { DirectoryEntry, ItemFacts } from '../check/catalog.js';
import { isReserved } from '../check/catalog.js';
import type { VolumeFacts } from '../check/container.js';
import { DirectoryValue, InodeValue, RECORD_TYPE } from '../structs/records.js';
import { INODE } from '../structs/volume.js';
import { Catalog } from '../writing/catalog.js';
import { TYPE } from '../writing/inode-draft.js';
import type { Mounted } from '../writing/mounted.js';
import { putRecord } from './records.js';

const TYPE_MASK = 0xf;

/** Answers what was done. */
export function mendCounts(volume: Mounted, facts: VolumeFacts): string[] {
  const catalog = new Catalog(volume);
  const acts: string[] = [];
  for (const item of facts.catalog.items.values()) acts.push(...mendLinks(catalog, item));
  for (const entry of facts.catalog.entries) acts.push(...mendType(catalog, entry, facts.catalog.items.get(entry.id)));
  for (const { stream, inodes } of facts.catalog.streams.miscounted()) {
    catalog.putKey(stream, RECORD_TYPE.dstreamId);
    const value = new Uint8Array(4);
    new DataView(value.buffer).setUint32(0, inodes, true);
    catalog.putValue(value);
    volume.require({ catalog: 1, bytes: 32 });
    putRecord(catalog);
    acts.push(`counted the users of stream ${stream}`);
  }
  return acts;
}

/** Of a folder: its entries. Of others: their names, as long as there are any. */
function mendLinks(catalog: Catalog, { inode, names, children, entry }: ItemFacts): string[] {
  const { id, kind, links } = inode;
  const isOrphan = links === 0 && entry?.folder === INODE.privateFolder;
  const right = kind === 'directory' ? children : names === 0 || isOrphan ? links : names;
  if (right === links) return [];
  catalog.volume.require({ catalog: 1 });
  const { view, at } = catalog.inodeToChange(id);
  view.setUint32(at + InodeValue.at.nchildren_or_nlink, right, true);
  return [kind === 'directory' ? `counted the entries of folder ${id}` : `counted the names of inode ${id}`];
}

function mendType(catalog: Catalog, entry: DirectoryEntry, item: ItemFacts | undefined): string[] {
  if (!item || TYPE[item.inode.kind] === entry.type) return [];
  catalog.volume.require({ catalog: 1 });
  catalog.putDirectoryKey(entry.folder, nameToBytes(entry.name), catalog.canonical(entry.name));
  const { tree } = catalog;
  if (!tree.find(catalog.record)) return [];
  const leaf = tree.change();
  const at = leaf.valueAt(tree.index) + DirectoryValue.at.flags;
  leaf.view.setUint16(at, (leaf.view.getUint16(at, true) & ~TYPE_MASK) | TYPE[item.inode.kind], true);
  catalog.volume.changed = true;
  return [`set the type that a name in folder ${entry.folder} tells`];
}

/** What the volume counts of itself. To be called before anything is changed: from then on changes are counted. */
export function mendVolume(volume: Mounted, { counts, snapshots, blocks, catalog }: VolumeFacts): string[] {
  let isChanged = false;
  const put = (field: Parameters<Mounted['set']>[0], right: number): void => {
    if (volume.get(field) === right) return;
    volume.set(field, right);
    isChanged = true;
  };
  put('apfs_num_files', counts.files);
  put('apfs_num_directories', counts.directories);
  put('apfs_num_symlinks', counts.symlinks);
  put('apfs_num_other_fsobjects', counts.others);
  put('apfs_num_snapshots', snapshots);
  if (blocks !== null) put('apfs_fs_alloc_count', blocks);
  const ids = [...catalog.items.keys(), ...catalog.siblingMaps.keys()].filter((id) => !isReserved(id));
  const largest = ids.reduce((most, id) => Math.max(most, id), 0);
  if (largest >= volume.get('apfs_next_obj_id')) {
    volume.set('apfs_next_obj_id', largest + 1);
    isChanged = true;
  }
  return isChanged ? ['counted its items and blocks'] : [];
}
