// Snapshots of a volume: earlier states of its tree, read through the same object map. See docs/formats/apfs.md.

import { CorruptError, nameFromBytes, type SnapshotEntry, u64le } from '@tintype/core';
import { Cursor } from '../btree/cursor.js';
import { physicalTree } from '../btree/disk-tree.js';
import { SNAPSHOT_TREE } from '../btree/kinds.js';
import { idAt, typeAt } from '../records/ids.js';
import { OBJECT_TYPE, STORAGE } from '../structs/object.js';
import { RECORD_TYPE, SnapshotMetadataValue } from '../structs/records.js';
import type { Blocks } from './blocks.js';
import type { ObjectMapReader } from './object-map-reader.js';
import { VolumeHead } from './volume-head.js';

const PENDING_DATALESS = 1;

export interface Snapshot extends SnapshotEntry {
  /** Block of the volume superblock as it was. */
  readonly superblock: number;
  /** Root of the extent reference tree. */
  readonly extentReferences: number;
  /** True if only the tree is there, and no contents. */
  readonly isDataless: boolean;
}

export interface SnapshotSource {
  readonly blocks: Blocks;
  readonly omap: ObjectMapReader;
  /** Root of the snapshot metadata tree; 0: none. */
  readonly root: number;
  readonly xid: number;
}

/** All that still exist, oldest first. @throws CorruptError */
export function readSnapshots({ blocks, omap, root, xid }: SnapshotSource): Snapshot[] {
  if (root === 0) return [];
  const gone = omap.goneSnapshots();
  const found: Snapshot[] = [];
  const cursor = new Cursor(physicalTree(blocks, SNAPSHOT_TREE, root, xid));
  for (let isThere = cursor.first(); isThere; isThere = cursor.next()) {
    if (typeAt(cursor.view, cursor.keyAt) !== RECORD_TYPE.snapshotMetadata) continue;
    const snapshot = snapshotAt(cursor);
    if (!gone.has(snapshot.xid)) found.push(snapshot);
  }
  return found;
}

function snapshotAt(cursor: Cursor): Snapshot {
  const { view, keyAt, valueAt, valueLength } = cursor;
  const { at, size } = SnapshotMetadataValue;
  const xid = idAt(view, keyAt);
  if (valueLength < size) throw new CorruptError('j_snap_metadata_val', 'size', xid, `${valueLength} bytes`);
  const length = view.getUint16(valueAt + at.name_len, true);
  if (length < 1 || size + length > valueLength)
    throw new CorruptError('j_snap_metadata_val', 'name_len', xid, 'the name reaches past its record');
  return {
    name: nameFromBytes(new Uint8Array(view.buffer, view.byteOffset + valueAt + size, length - 1)),
    xid,
    created: view.getBigInt64(valueAt + at.create_time, true),
    superblock: u64le(view, valueAt, at.sblock_oid),
    extentReferences: u64le(view, valueAt, at.extentref_tree_oid),
    isDataless: (view.getUint32(valueAt + at.flags, true) & PENDING_DATALESS) !== 0,
  };
}

/** The volume superblock of a snapshot of the volume with this UUID. @throws CorruptError */
export function snapshotHead(blocks: Blocks, { superblock, xid }: Snapshot, volume: VolumeHead): VolumeHead {
  const view = blocks.readObject(superblock, {
    structure: 'apfs_superblock',
    type: OBJECT_TYPE.volume,
    storage: STORAGE.physical,
    oid: superblock,
    xid: { most: xid },
  });
  const head = new VolumeHead(view);
  if (head.uuid !== volume.uuid)
    throw new CorruptError('j_snap_metadata_val', 'sblock_oid', superblock, 'is the superblock of another volume');
  return head;
}
