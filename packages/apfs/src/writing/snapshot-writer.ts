// Snapshots that are made, renamed and deleted. Each is one transaction, committed by the caller at once. See
// docs/formats/apfs.md.

import { assert, nameFromBytes, UnsupportedError } from '@tintype/core';
import { RecordBuffer } from '../btree/node.js';
import type { Tree } from '../btree/tree.js';
import { get64, put64, putHeader, readBlock, requireObject, viewOf } from '../object.js';
import { ExtentReferences } from '../records/extent-references.js';
import { KEY_HEADER, putKeyHeader } from '../records/inode-record.js';
import { BLOCK_SIZE } from '../structs/container.js';
import { OBJECT_TYPE, STORAGE } from '../structs/object.js';
import { RECORD_TYPE, SnapshotMetadataValue } from '../structs/records.js';
import { VolumeSuperblock } from '../structs/volume.js';
import { putTime } from '../time.js';
import { BlockWriter } from './block-writer.js';
import type { Mounted } from './mounted.js';

const at = SnapshotMetadataValue.at;
const NAME_LIMIT = 255;
const PHYSICAL_TREE = (STORAGE.physical | OBJECT_TYPE.btree) >>> 0;

interface Snapshot {
  readonly xid: number;
  readonly name: string;
  readonly references: number;
  readonly superblock: number;
}

export class SnapshotWriter {
  readonly #volume: Mounted;
  readonly #record = new RecordBuffer();

  constructor(volume: Mounted) {
    this.#volume = volume;
  }

  /** All data must be in the trees, and the commit follow at once. @throws UnsupportedError, VolumeFullError */
  create(name: string): number {
    this.#requireName(name);
    this.#volume.require({ catalog: 0, data: 24 });
    const { names, spaceman, device, now } = this.#volume.place;
    const volume = this.#volume;
    const block = spaceman.takeMetadata();
    const copy = viewOf(new Uint8Array(BLOCK_SIZE));
    new Uint8Array(copy.buffer).set(new Uint8Array(volume.view.buffer, volume.view.byteOffset, BLOCK_SIZE));
    const type = (STORAGE.physical | OBJECT_TYPE.volume) >>> 0;
    putHeader(copy, { oid: block, xid: names.xid, type, subtype: 0 });
    const fields = VolumeSuperblock.at;
    for (const field of [fields.apfs_omap_oid, fields.apfs_extentref_tree_oid, fields.apfs_snap_meta_tree_oid])
      put64(copy, field, 0);
    const writer = new BlockWriter(device);
    writer.add(block, copy);
    writer.write();
    const references = volume.retireReferences().root.address;
    const { view } = this.#record;
    const value = KEY_HEADER;
    this.#record.bytes.fill(0, value, value + SnapshotMetadataValue.size);
    put64(view, value + at.extentref_tree_oid, references);
    put64(view, value + at.sblock_oid, block);
    putTime(view, value + at.create_time, now(), 0);
    put64(view, value + at.inum, volume.newId());
    view.setUint32(value + at.extentref_tree_type, PHYSICAL_TREE, true);
    this.#insertMetadata(names.xid, name);
    this.#insertName(name, names.xid);
    volume.omap.addSnapshot();
    volume.add('apfs_num_snapshots', 1);
    return names.xid;
  }

  /** @throws UnsupportedError if there is no such snapshot, or one of that name */
  rename(xid: number, name: string): void {
    this.#requireName(name);
    const snapshot = this.#required(xid);
    this.#volume.require({ catalog: 0, data: 24 });
    const tree = this.#volume.snapshots;
    this.#putNameKey(snapshot.name);
    tree.remove(this.#record);
    this.#putKey(xid);
    tree.find(this.#record);
    const { leaf, index } = tree;
    const from = leaf.valueAt(index);
    this.#record.bytes.set(leaf.bytes.subarray(from, from + SnapshotMetadataValue.size), KEY_HEADER);
    tree.remove(this.#record);
    this.#insertMetadata(xid, name);
    this.#insertName(name, xid);
    this.#volume.changed = true;
  }

  /** What only this snapshot saw is free with the commit. @throws UnsupportedError, VolumeFullError */
  remove(xid: number): void {
    const snapshot = this.#required(xid);
    const all = this.#all();
    const volume = this.#volume;
    const { spaceman } = volume.place;
    const old = volume.snapshotReferences(snapshot.references);
    const next = all[all.findIndex((each) => each.xid === xid) + 1];
    const newer = next ? volume.snapshotReferences(next.references) : volume.extentReferences;
    const remaining = all.filter((each) => each.xid !== xid).map((each) => each.xid);
    const gone = volume.omap.unseenBut(remaining);
    this.#requireRemoval(old, newer);
    const merged = this.#merge(old, newer, next !== undefined);
    spaceman.free(snapshot.superblock, 1);
    for (const block of volume.omap.removeSnapshot(xid, remaining, gone)) {
      spaceman.free(block, 1);
      volume.add('apfs_fs_alloc_count', -1);
    }
    this.#putNameKey(snapshot.name);
    volume.snapshots.remove(this.#record);
    this.#putKey(xid);
    volume.snapshots.remove(this.#record);
    if (next) this.#putReferences(next.xid, merged);
    volume.add('apfs_num_snapshots', -1);
  }
  /** Asks for all that merging and forgetting takes. @throws VolumeFullError */
  #requireRemoval(old: Tree, newer: Tree): void {
    const volume = this.#volume;
    const [from, into] = old.keyCount > newer.keyCount ? [newer, old] : [old, newer];
    const copied = Math.min(into.nodeCount, (2 * from.keyCount + 1) * into.height);
    const data = copied + 2 * volume.omap.tree.nodeCount + 24;
    volume.require({ catalog: 0, references: from.keyCount, data }, 'removal');
  }
  /**
   * Extent references of the snapshot that goes and of the state after it as one: the smaller tree is put into the larger one,
   * so that neither a first snapshot, which has records of all that the volume holds, nor a last one costs more than it must.
   */
  #merge(old: Tree, newer: Tree, isNextSnapshot: boolean): Tree {
    const volume = this.#volume;
    if (old.keyCount <= newer.keyCount) {
      new ExtentReferences(volume, isNextSnapshot ? newer : null).merge(old);
      dropTree(old);
      return newer;
    }
    new ExtentReferences(volume, old).mergeNewer(newer);
    if (!isNextSnapshot) volume.adoptReferences(old);
    dropTree(newer);
    return old;
  }

  /**
   * The volume becomes what the newest snapshot holds. What was read of the volume is void once this is committed.
   * @throws UnsupportedError, VolumeFullError
   */
  revert(xid: number): void {
    const snapshot = this.#required(xid);
    assert(this.newerThan(xid).length === 0, 'no snapshot is newer');
    const volume = this.#volume;
    const { spaceman, device } = volume.place;
    const newer = volume.omap.newerThan(xid);
    volume.require({ catalog: 0, data: 2 * volume.omap.tree.nodeCount + 24 }, 'removal');
    const then = viewOf(readBlock(device, snapshot.superblock));
    const place = { structure: 'apfs_superblock', type: OBJECT_TYPE.volume, oid: snapshot.superblock };
    requireObject(then, snapshot.superblock, place);
    new ExtentReferences(volume).freeAll();
    dropTree(volume.retireReferences());
    for (const block of volume.omap.forget(newer)) {
      spaceman.free(block, 1);
      volume.add('apfs_fs_alloc_count', -1);
    }
    volume.become(then);
  }
  /** Snapshots made after this one, ascending. @throws UnsupportedError if it is not there */
  newerThan(xid: number): number[] {
    this.#required(xid);
    return this.#all().flatMap((each) => (each.xid > xid ? each.xid : []));
  }

  /** Snapshots of the volume, ascending. */
  get all(): number[] {
    return this.#all().map(({ xid }) => xid);
  }
  /** Extent references of all snapshots, oldest first: to be read, or to be changed and put. */
  get references(): { readonly xid: number; readonly name: string; readonly tree: Tree }[] {
    const all = this.#all();
    return all.map(({ xid, name, references }) => ({ xid, name, tree: this.#volume.referencesAt(references) }));
  }
  /** The block behind the last that holds data of a snapshot. */
  get dataEnd(): number {
    return this.references.reduce((end, { tree }) => Math.max(end, new ExtentReferences(this.#volume, tree).end), 0);
  }
  /**
   * What the snapshot has of its own beside data, superblock and extent references, leaves the blocks from `limit` on with the
   * next commit. @throws VolumeFullError, UnsupportedError if there is no such snapshot
   */
  moveBelow(xid: number, limit: number, requireRoom: (nodes: number) => void): void {
    const snapshot = this.#required(xid);
    const tree = this.#volume.referencesAt(snapshot.references);
    tree.moveNodes(limit, requireRoom);
    requireRoom(2 * this.#volume.snapshots.height + 1);
    if (tree.root.dirty) this.putReferences(xid, tree);
    if (snapshot.superblock >= limit) this.#moveSuperblock(snapshot);
  }
  /** A tree of `references` that was changed is the snapshot's with the next commit. */
  putReferences(xid: number, tree: Tree): void {
    this.#volume.writeReferences(tree);
    this.#putReferences(xid, tree);
  }
  #moveSuperblock({ xid, superblock }: Snapshot): void {
    const { device, spaceman } = this.#volume.place;
    const block = spaceman.takeMetadata();
    const copy = viewOf(readBlock(device, superblock));
    requireObject(copy, superblock, { structure: 'apfs_superblock', type: OBJECT_TYPE.volume, oid: superblock });
    put64(copy, VolumeSuperblock.at.o_oid, block);
    const writer = new BlockWriter(device);
    writer.add(block, copy);
    writer.write();
    this.#putAddress(xid, 'sblock_oid', block);
    spaceman.free(superblock, 1);
  }

  #putReferences(xid: number, tree: Tree): void {
    tree.settle();
    this.#putAddress(xid, 'extentref_tree_oid', tree.root.address);
  }
  #putAddress(xid: number, field: 'extentref_tree_oid' | 'sblock_oid', block: number): void {
    this.#putKey(xid);
    assert(this.#volume.snapshots.find(this.#record), 'a snapshot that changes is there');
    const leaf = this.#volume.snapshots.change();
    put64(leaf.view, leaf.valueAt(this.#volume.snapshots.index) + at[field], block);
  }

  #requireName(name: string): void {
    const isSound = name !== '' && !name.includes('\0') && name.isWellFormed() && Buffer.byteLength(name) <= NAME_LIMIT;
    if (!isSound) throw new UnsupportedError(`a snapshot cannot be called ${JSON.stringify(name)}`, { name });
    if (this.#all().some((each) => each.name === name))
      throw new UnsupportedError(`there is a snapshot ${name} already`, { name });
  }
  #required(xid: number): Snapshot {
    const snapshot = this.#all().find((each) => each.xid === xid);
    if (!snapshot) throw new UnsupportedError(`there is no snapshot ${xid}`, { xid });
    return snapshot;
  }
  /** Ascending. */
  #all(): Snapshot[] {
    const found: Snapshot[] = [];
    this.#putKey(0);
    this.#volume.snapshots.scan(this.#record, (leaf, index) => {
      const { view, bytes } = leaf;
      const key = leaf.keyAt(index);
      if (view.getUint8(key + 7) >>> 4 !== RECORD_TYPE.snapshotMetadata) return false;
      const value = leaf.valueAt(index);
      const end = value + leaf.valueLength(index);
      found.push({
        xid: view.getUint32(key, true) + (view.getUint32(key + 4, true) & 0x0fff_ffff) * 0x1_0000_0000,
        name: nameFromBytes(bytes.subarray(value + SnapshotMetadataValue.size, end - 1)),
        references: get64(view, value + at.extentref_tree_oid),
        superblock: get64(view, value + at.sblock_oid),
      });
      return true;
    });
    return found;
  }

  #putKey(xid: number): void {
    putKeyHeader(this.#record.view, 0, xid, RECORD_TYPE.snapshotMetadata);
    this.#record.keyLength = KEY_HEADER;
  }
  /** The value but for the name stands behind the key already. */
  #insertMetadata(xid: number, name: string): void {
    const { view, bytes } = this.#record;
    this.#putKey(xid);
    const text = Buffer.from(`${name}\0`);
    putTime(view, KEY_HEADER + at.change_time, this.#volume.place.now(), 0);
    view.setUint16(KEY_HEADER + at.name_len, text.length, true);
    bytes.set(text, KEY_HEADER + SnapshotMetadataValue.size);
    this.#record.valueLength = SnapshotMetadataValue.size + text.length;
    this.#volume.snapshots.insert(this.#record);
  }
  #putNameKey(name: string): void {
    const { view, bytes } = this.#record;
    const text = Buffer.from(`${name}\0`);
    view.setUint32(0, 0xffff_ffff, true);
    view.setUint32(4, (0x0fff_ffff | (RECORD_TYPE.snapshotName << 28)) >>> 0, true);
    view.setUint16(KEY_HEADER, text.length, true);
    bytes.set(text, KEY_HEADER + 2);
    this.#record.keyLength = KEY_HEADER + 2 + text.length;
  }
  #insertName(name: string, xid: number): void {
    this.#putNameKey(name);
    put64(this.#record.view, this.#record.keyLength, xid);
    this.#record.valueLength = 8;
    this.#volume.snapshots.insert(this.#record);
  }
}

/** All nodes of a tree that nobody refers to any more. */
function dropTree({ root, store }: Tree): void {
  const waiting = [root];
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    for (let i = 0; node.level > 0 && i < node.count; i += 1) waiting.push(store.get(node.childAt(i), node.level - 1));
    store.drop(node);
  }
}
