// Object maps: where a virtual object lay at a transaction. Source: Apple File System Reference; docs/formats/apfs.md.

import { CorruptError, u32le, u64le } from '@tintype/core';
import { Cursor, type SearchKey } from '../btree/cursor.js';
import { physicalTree } from '../btree/disk-tree.js';
import { OMAP_SNAPSHOT_TREE, OMAP_TREE } from '../btree/kinds.js';
import { put64 } from '../object.js';
import { OBJECT_TYPE, STORAGE } from '../structs/object.js';
import { OMAP_SNAPSHOT_GONE, OMAP_VALUE_FLAGS, Omap, OmapKey, OmapValue } from '../structs/object-map.js';
import type { Blocks } from './blocks.js';

/** A mapping: a version of an object. */
export interface Mapping {
  /** Transaction that wrote it. */
  readonly xid: number;
  readonly flags: number;
  /** Bytes. */
  readonly size: number;
  readonly block: number;
}

/** What a state of a volume needs of its object map, be that on a disk or open for writing. */
export interface ObjectVersions {
  /** `om_flags`. */
  readonly flags: number;
  /** The newest version that is not newer than `xid`. @throws CorruptError if there is none */
  require(oid: number, xid: number): Mapping;
}

export class ObjectMapReader implements ObjectVersions {
  readonly #cursor: Cursor;
  readonly #blocks: Blocks;
  readonly #header: DataView;
  readonly #mostXid: number;
  readonly #key: SearchKey = { view: new DataView(new ArrayBuffer(OmapKey.size)), length: OmapKey.size };

  /** @throws CorruptError */
  constructor(blocks: Blocks, block: number, mostXid: number) {
    this.#blocks = blocks;
    this.#mostXid = mostXid;
    this.#header = blocks.readObject(block, {
      structure: 'omap_phys',
      type: OBJECT_TYPE.omap,
      storage: STORAGE.physical,
      oid: block,
      xid: { most: mostXid },
    });
    this.#cursor = new Cursor(physicalTree(blocks, OMAP_TREE, u64le(this.#header, 0, Omap.at.om_tree_oid), mostXid));
  }

  get flags(): number {
    return u32le(this.#header, 0, Omap.at.om_flags);
  }

  /** The newest version that is not newer than `xid`; null if there is none, or it was deleted. */
  find(oid: number, xid: number): Mapping | null {
    put64(this.#key.view, OmapKey.at.ok_oid, oid);
    put64(this.#key.view, OmapKey.at.ok_xid, xid);
    const cursor = this.#cursor;
    if (!cursor.floor(this.#key) || u64le(cursor.view, cursor.keyAt, OmapKey.at.ok_oid) !== oid) return null;
    const { view, valueAt } = cursor;
    if (valueAt < 0 || cursor.valueLength < OmapValue.size)
      throw new CorruptError('omap_val', 'ov_paddr', oid, 'the value is missing');
    const flags = u32le(view, valueAt, OmapValue.at.ov_flags);
    if ((flags & OMAP_VALUE_FLAGS.deleted) !== 0) return null;
    return {
      xid: u64le(view, cursor.keyAt, OmapKey.at.ok_xid),
      flags,
      size: u32le(view, valueAt, OmapValue.at.ov_size),
      block: u64le(view, valueAt, OmapValue.at.ov_paddr),
    };
  }

  /** @throws CorruptError if there is none */
  require(oid: number, xid: number): Mapping {
    const mapping = this.find(oid, xid);
    if (!mapping) throw new CorruptError('omap', 'ok_oid', oid, `there is no object ${oid} at transaction ${xid}`);
    return mapping;
  }

  /** All versions of all objects, by object, oldest first. @throws CorruptError */
  *versions(): Generator<{
    readonly oid: number;
    readonly xid: number;
    readonly flags: number;
    readonly size: number;
  }> {
    const cursor = this.#cursor;
    for (let isThere = cursor.first(); isThere; isThere = cursor.next()) {
      const { view, keyAt, valueAt } = cursor;
      const oid = u64le(view, keyAt, OmapKey.at.ok_oid);
      if (valueAt < 0 || cursor.valueLength < OmapValue.size)
        throw new CorruptError('omap_val', 'ov_paddr', oid, 'the value is missing');
      yield {
        oid,
        xid: u64le(view, keyAt, OmapKey.at.ok_xid),
        flags: u32le(view, valueAt, OmapValue.at.ov_flags),
        size: u32le(view, valueAt, OmapValue.at.ov_size),
      };
    }
  }

  /** Transactions of snapshots that the map says are gone. */
  goneSnapshots(): Set<number> {
    const gone = new Set<number>();
    const root = u64le(this.#header, 0, Omap.at.om_snapshot_tree_oid);
    if (root === 0) return gone;
    const cursor = new Cursor(physicalTree(this.#blocks, OMAP_SNAPSHOT_TREE, root, this.#mostXid));
    for (let isThere = cursor.first(); isThere; isThere = cursor.next())
      if (cursor.valueAt >= 0 && (cursor.view.getUint32(cursor.valueAt, true) & OMAP_SNAPSHOT_GONE) !== 0)
        gone.add(u64le(cursor.view, cursor.keyAt, OmapKey.at.ok_oid));
    return gone;
  }
}
