// An object map that is written: from oids to blocks, by the transaction that wrote them. What a snapshot still sees is kept.
// See docs/formats/apfs.md.

import { assert, CorruptError } from '@tintype/core';
import { OMAP_SNAPSHOT_TREE, OMAP_TREE } from './btree/kinds.js';
import { type Node, RecordBuffer } from './btree/node.js';
import { type ObjectPlaces, PhysicalStore, type StorePlace } from './btree/store.js';
import { Tree } from './btree/tree.js';
import { get64, put64, readBlock, requireObject, viewOf } from './object.js';
import type { Mapping, ObjectVersions } from './reading/object-map-reader.js';
import { BLOCK_SIZE } from './structs/container.js';
import { OBJECT_TYPE } from './structs/object.js';
import { OMAP_VALUE_FLAGS, Omap, OmapKey, OmapValue } from './structs/object-map.js';

const LAST_XID = Number.MAX_SAFE_INTEGER;

/** Counters of the container that objects take their names from. */
export interface Names {
  /** The transaction being made. */
  readonly xid: number;
  newOid(): number;
}

export interface ObjectVersion {
  readonly oid: number;
  readonly xid: number;
  /** 0 where the object is gone. */
  readonly block: number;
  readonly isDeleted: boolean;
}

export class ObjectMap implements ObjectPlaces, ObjectVersions {
  readonly view: DataView;
  readonly tree: Tree;
  readonly #place: StorePlace;
  readonly #names: Names;
  readonly #record = new RecordBuffer();
  #block: number;
  #isFresh = false;
  #snapshots: Tree | null = null;

  /** @throws CorruptError */
  constructor(place: StorePlace, names: Names, block: number) {
    this.#place = place;
    this.#names = names;
    this.#block = block;
    this.view = viewOf(readBlock(place.device, block));
    requireObject(this.view, block, { structure: 'omap_phys', type: OBJECT_TYPE.omap, oid: block });
    this.tree = new Tree(new PhysicalStore(OMAP_TREE, place), get64(this.view, Omap.at.om_tree_oid));
    this.#record.keyLength = OmapKey.size;
  }

  /** True if the map is to be written: `settle` gave it a fresh block. */
  get isFresh(): boolean {
    return this.#isFresh;
  }
  /** The map's own block, once `settle` was called. */
  get block(): number {
    return this.#block;
  }
  get mostRecentSnapshot(): number {
    return get64(this.view, Omap.at.om_most_recent_snap);
  }

  get flags(): number {
    return this.view.getUint32(Omap.at.om_flags, true);
  }
  /** For a snapshot, which goes on being read while commits move the map itself. @throws CorruptError */
  require(oid: number, xid: number): Mapping {
    const found = this.#floor(oid, xid);
    if (found === null)
      throw new CorruptError('omap_key', 'ok_oid', oid, `there is no object ${oid} at transaction ${xid}`);
    const { leaf, index } = this.tree;
    const value = leaf.valueAt(index);
    const flags = leaf.view.getUint32(value, true);
    if ((flags & OMAP_VALUE_FLAGS.deleted) !== 0)
      throw new CorruptError('omap_val', 'ov_flags', oid, `object ${oid} was deleted at transaction ${found}`);
    const size = leaf.view.getUint32(value + OmapValue.at.ov_size, true);
    return { xid: found, flags, size, block: get64(leaf.view, value + OmapValue.at.ov_paddr) };
  }

  find(oid: number): number {
    this.#require(oid);
    const { leaf, index } = this.tree;
    const value = leaf.valueAt(index);
    if ((leaf.view.getUint32(value, true) & OMAP_VALUE_FLAGS.deleted) !== 0)
      throw new CorruptError('omap_val', 'ov_flags', oid, 'the object was deleted');
    return get64(leaf.view, value + OmapValue.at.ov_paddr);
  }

  add(block: number): number {
    const oid = this.#names.newOid();
    this.#insert(oid, block);
    return oid;
  }

  move(oid: number, block: number): 'free' | 'kept' {
    const xid = this.#require(oid);
    if (xid <= this.mostRecentSnapshot) {
      this.#insert(oid, block);
      return 'kept';
    }
    const record = this.#record;
    if (xid !== this.#names.xid) {
      this.#putKey(oid, xid);
      this.tree.remove(record);
      this.#insert(oid, block);
    } else {
      const leaf = this.tree.change();
      put64(leaf.view, leaf.valueAt(this.tree.index) + OmapValue.at.ov_paddr, block);
    }
    return 'free';
  }

  remove(oid: number): 'free' | 'kept' {
    const xid = this.#require(oid);
    if (xid <= this.mostRecentSnapshot) {
      // So that it is known, when the snapshot goes, that nothing newer needs it.
      this.#insert(oid, 0, OMAP_VALUE_FLAGS.deleted);
      return 'kept';
    }
    this.#putKey(oid, xid);
    this.tree.remove(this.#record);
    return this.#markDeleted(oid);
  }

  /** Marks an oid as gone if a snapshot still sees an older record of it. */
  #markDeleted(oid: number): 'free' {
    this.#putKey(oid, LAST_XID);
    if (!this.tree.floor(this.#record)) return 'free';
    const { leaf, index } = this.tree;
    if (get64(leaf.view, leaf.keyAt(index)) === oid) this.#insert(oid, 0, OMAP_VALUE_FLAGS.deleted);
    return 'free';
  }

  /** From now on a snapshot sees all that is there: it is called after the transaction being made. */
  addSnapshot(): void {
    const { xid } = this.#names;
    const oid = get64(this.view, Omap.at.om_snapshot_tree_oid);
    const store = new PhysicalStore(OMAP_SNAPSHOT_TREE, this.#place);
    this.#snapshots ??= new Tree(store, oid > 0 ? oid : store.makeRoot().address);
    putSnapshotKey(this.#record, xid);
    this.#snapshots.insert(this.#record);
    this.#record.keyLength = OmapKey.size;
    this.#putSnapshots(xid, 1);
  }
  /** The snapshot is gone; `remaining`: all others, ascending. Answers the blocks that nobody sees any more. */
  removeSnapshot(xid: number, remaining: readonly number[], gone = this.unseenBut(remaining)): number[] {
    const oid = get64(this.view, Omap.at.om_snapshot_tree_oid);
    this.#snapshots ??= new Tree(new PhysicalStore(OMAP_SNAPSHOT_TREE, this.#place), oid);
    putSnapshotKey(this.#record, xid);
    this.#snapshots.remove(this.#record);
    this.#record.keyLength = OmapKey.size;
    this.#putSnapshots(remaining.at(-1) ?? 0, -1);
    return this.forget(gone);
  }
  /** Removes records; answers their blocks. */
  forget(newer: readonly ObjectVersion[]): number[] {
    for (const { oid, xid } of newer) {
      this.#putKey(oid, xid);
      this.tree.remove(this.#record);
    }
    return newer.map(({ block }) => block).filter((block) => block > 0);
  }
  /** Records of transactions after `xid`. */
  newerThan(xid: number): ObjectVersion[] {
    const found: ObjectVersion[] = [];
    this.#each((version) => {
      if (version.xid > xid) found.push(version);
    });
    return found;
  }
  /** Records of blocks from `limit` on, those behind the record of `after`, at most `most`. Nothing may be changed meanwhile. */
  mappedBehind(limit: number, after: Pick<ObjectVersion, 'oid' | 'xid'>, most: number): ObjectVersion[] {
    const found: ObjectVersion[] = [];
    this.#putKey(after.oid, after.xid + 1);
    this.#scan((version) => {
      if (version.block >= limit) found.push(version);
      return found.length < most;
    });
    return found;
  }
  /** A version of an object lies in `block` from now on, byte by byte as it was: for who saw it before, nothing changed. */
  relocate({ oid, xid }: ObjectVersion, block: number): void {
    this.#putKey(oid, xid);
    assert(this.tree.find(this.#record), 'a version that is moved is mapped');
    const leaf = this.tree.change();
    put64(leaf.view, leaf.valueAt(this.tree.index) + OmapValue.at.ov_paddr, block);
  }
  /** The map itself, and its nodes, leave the blocks from `limit` on. `makeRoom` as `Tree.moveNodes`. */
  moveNodes(limit: number, makeRoom: (nodes: number) => void): void {
    this.tree.moveNodes(limit, makeRoom);
    const oid = get64(this.view, Omap.at.om_snapshot_tree_oid);
    if (oid > 0) {
      this.#snapshots ??= new Tree(new PhysicalStore(OMAP_SNAPSHOT_TREE, this.#place), oid);
      this.#snapshots.moveNodes(limit, makeRoom);
    }
    // A map is written when its root is.
    if (this.#block < limit || this.tree.root.dirty) return;
    makeRoom(1);
    this.tree.store.change(this.tree.root);
  }
  #putSnapshots(mostRecent: number, change: number): void {
    const count = Omap.at.om_snap_count;
    this.view.setUint32(count, this.view.getUint32(count, true) + change, true);
    put64(this.view, Omap.at.om_most_recent_snap, mostRecent);
  }
  /** Records that neither the volume as it is nor one of these snapshots sees. */
  unseenBut(remaining: readonly number[]): ObjectVersion[] {
    const gone: ObjectVersion[] = [];
    let group: ObjectVersion[] = [];
    const close = (): void => {
      gone.push(...unseen(group, remaining));
      group = [];
    };
    this.#each((version) => {
      if (group.length > 0 && group[0]?.oid !== version.oid) close();
      group.push(version);
    });
    close();
    return gone;
  }
  #each(visit: (version: ObjectVersion) => void): void {
    this.#putKey(0, 0);
    this.#scan((version) => {
      visit(version);
      return true;
    });
  }
  /** From the key that was put on. */
  #scan(visit: (version: ObjectVersion) => boolean): void {
    this.tree.scan(this.#record, (leaf, index) => {
      const key = leaf.keyAt(index);
      const value = leaf.valueAt(index);
      return visit({
        oid: get64(leaf.view, key),
        xid: get64(leaf.view, key + OmapKey.at.ok_xid),
        block: get64(leaf.view, value + OmapValue.at.ov_paddr),
        isDeleted: (leaf.view.getUint32(value, true) & OMAP_VALUE_FLAGS.deleted) !== 0,
      });
    });
  }
  /** Nodes of the tree of snapshots that are to be written. */
  get changedSnapshotNodes(): Iterable<Node> {
    return this.#snapshots?.store.changed ?? [];
  }

  /** Gives the map a fresh block if its tree changed, and puts the tree's root. Call before it is written. */
  settle(): boolean {
    if (!this.tree.root.dirty && !this.#snapshots?.root.dirty) return false;
    this.tree.settle();
    this.#snapshots?.settle();
    if (this.#snapshots) put64(this.view, Omap.at.om_snapshot_tree_oid, this.#snapshots.root.address);
    if (!this.#isFresh) {
      this.#place.spaceman.free(this.#block, 1);
      this.#block = this.#place.spaceman.takeMetadata();
      this.#isFresh = true;
    }
    put64(this.view, Omap.at.om_tree_oid, this.tree.root.address);
    put64(this.view, Omap.at.o_oid, this.#block);
    put64(this.view, Omap.at.o_xid, this.#names.xid);
    return true;
  }
  /** Written and durable. */
  settled(): void {
    this.#isFresh = false;
    this.tree.store.settle();
    this.#snapshots?.store.settle();
  }

  /** Finds the newest record of an oid; answers its xid. */
  #require(oid: number): number {
    const xid = this.#floor(oid, LAST_XID);
    if (xid === null) throw new CorruptError('omap_key', 'ok_oid', oid, 'the object map does not have the object');
    return xid;
  }
  /** Finds the newest record of an oid that is not newer than `most`; answers its xid, or null. */
  #floor(oid: number, most: number): number | null {
    this.#putKey(oid, most);
    if (!this.tree.floor(this.#record)) return null;
    const { leaf, index } = this.tree;
    const at = leaf.keyAt(index);
    return get64(leaf.view, at) === oid ? get64(leaf.view, at + OmapKey.at.ok_xid) : null;
  }
  #insert(oid: number, block: number, flags = 0): void {
    const record = this.#record;
    this.#putKey(oid, this.#names.xid);
    const at = OmapKey.size;
    record.view.setUint32(at + OmapValue.at.ov_flags, flags, true);
    record.view.setUint32(at + OmapValue.at.ov_size, BLOCK_SIZE, true);
    put64(record.view, at + OmapValue.at.ov_paddr, block);
    record.valueLength = OmapValue.size;
    this.tree.insert(record);
  }
  #putKey(oid: number, xid: number): void {
    put64(this.#record.view, 0, oid);
    put64(this.#record.view, OmapKey.at.ok_xid, xid);
  }
}

/** Of the records of one oid: those that no one sees. The last one is live, unless it says that the object is gone. */
function unseen<R extends { readonly xid: number; readonly isDeleted: boolean }>(
  records: readonly R[],
  remaining: readonly number[],
): R[] {
  let kept = 0;
  return records.filter(({ xid, isDeleted }, i) => {
    const next = records[i + 1];
    const snapshot = firstFrom(remaining, xid);
    const isSeen = snapshot !== undefined && (!next || snapshot < next.xid);
    const stays = next ? isSeen && !isDeleted : !isDeleted || kept > 0;
    if (stays) kept += 1;
    return !stays;
  });
}
/** The least of these, ascending, that is not less than `xid`. */
function firstFrom(snapshots: readonly number[], xid: number): number | undefined {
  let low = 0;
  for (let high = snapshots.length; low < high; ) {
    const middle = (low + high) >>> 1;
    if ((snapshots[middle] as number) < xid) low = middle + 1;
    else high = middle;
  }
  return snapshots[low];
}
function putSnapshotKey(record: RecordBuffer, xid: number): void {
  put64(record.view, 0, xid);
  record.bytes.fill(0, 8, 8 + OmapValue.size);
  record.keyLength = 8;
  record.valueLength = OmapValue.size;
}
