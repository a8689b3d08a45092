// An object map that is written: from oids to blocks, by the transaction that wrote them. What a snapshot still sees is kept.
// See docs/formats/apfs-writing.md, section 5.

import { CorruptError } from '@tintype/core';
import { OMAP_TREE } from './btree/kinds.js';
import { RecordBuffer } from './btree/node.js';
import { type ObjectPlaces, PhysicalStore, type StorePlace } from './btree/store.js';
import { Tree } from './btree/tree.js';
import { get64, put64, readBlock, requireObject, viewOf } from './object.js';
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

export class ObjectMap implements ObjectPlaces {
  readonly view: DataView;
  readonly tree: Tree;
  readonly #place: StorePlace;
  readonly #names: Names;
  readonly #record = new RecordBuffer();
  #block: number;
  #isFresh = false;

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

  /** The map's own block, once `settle` was called. */
  get block(): number {
    return this.#block;
  }
  get mostRecentSnapshot(): number {
    return get64(this.view, Omap.at.om_most_recent_snap);
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
    if (xid <= this.mostRecentSnapshot) return 'kept';
    this.#putKey(oid, xid);
    this.tree.remove(this.#record);
    return 'free';
  }

  /** Gives the map a fresh block if its tree changed, and puts the tree's root. Call before it is written. */
  settle(): boolean {
    if (!this.tree.root.dirty) return false;
    this.tree.settle();
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
  }

  /** Finds the newest record of an oid; answers its xid. */
  #require(oid: number): number {
    this.#putKey(oid, LAST_XID);
    if (this.tree.floor(this.#record)) {
      const { leaf, index } = this.tree;
      const at = leaf.keyAt(index);
      if (get64(leaf.view, at) === oid) return get64(leaf.view, at + OmapKey.at.ok_xid);
    }
    throw new CorruptError('omap_key', 'ok_oid', oid, 'the object map does not have the object');
  }
  #insert(oid: number, block: number): void {
    const record = this.#record;
    this.#putKey(oid, this.#names.xid);
    const at = OmapKey.size;
    record.view.setUint32(at + OmapValue.at.ov_flags, 0, true);
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
