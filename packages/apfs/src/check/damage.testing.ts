// One change to a container of macOS, and what the check says of it. Only tests import this.

import { MemoryDevice, u64le } from '@tintype/core';
import { DiskNode } from '../btree/disk-node.js';
import {
  EXTENT_REFERENCE_TREE,
  FREE_QUEUE_TREE,
  fileSystemTree,
  OMAP_TREE,
  SNAPSHOT_TREE,
  type TreeKind,
} from '../btree/kinds.js';
import { viewOf } from '../object.js';
import { ContainerReader } from '../reading/container-reader.js';
import { VolumeHead } from '../reading/volume-head.js';
import { idAt, typeAt } from '../records/ids.js';
import { edit, sample } from '../sample.testing.js';
import { NxSuperblock } from '../structs/container.js';
import { Omap } from '../structs/object-map.js';
import { FreeQueue, Spaceman } from '../structs/spaceman.js';
import { check } from './check.js';

/** An entry of a node, to be changed. */
export interface Entry {
  readonly view: DataView;
  readonly node: DiskNode;
  readonly index: number;
  readonly key: number;
  readonly value: number;
}

const BLOCK = 4096;

/** The container `basic`, with the places of what can be damaged. */
export class Damaged {
  readonly bytes = sample('basic');
  readonly #reader = new ContainerReader(new MemoryDevice(this.bytes.slice()));
  readonly head: VolumeHead;

  constructor() {
    const head = this.#reader.volumes()[0]?.head;
    if (!(head instanceof VolumeHead)) throw head;
    this.head = head;
  }

  kinds(): string[] {
    return [...new Set([...check(new MemoryDevice(this.bytes), {})].map(({ kind }) => kind))].sort();
  }
  edit(block: number, change: (view: DataView) => void): this {
    edit(this.bytes, block, change);
    return this;
  }
  /** The newest superblock and its copy. */
  superblock(change: (view: DataView) => void): this {
    return this.edit(2, change).edit(0, change);
  }
  /** An object of the checkpoint, by its place in `nx_spaceman_oid` or `nx_reaper_oid`. */
  ephemeral(field: 'nx_spaceman_oid' | 'nx_reaper_oid', change: (view: DataView) => void): this {
    return this.edit(this.#blockOf(u64le(this.#reader.superblock, 0, NxSuperblock.at[field])), change);
  }
  #blockOf(oid: number): number {
    return this.#reader.checkpoint.ephemerals.find((each) => each.oid === oid)?.block ?? 0;
  }
  /** The queue of the internal pool, a root that is a leaf. */
  get poolQueue(): { readonly block: number; readonly kind: TreeKind } {
    const spaceman = this.#reader.spaceman();
    const oid = spaceman ? u64le(spaceman, Spaceman.at.sm_fq, FreeQueue.at.sfq_tree_oid) : 0;
    return { block: this.#blockOf(oid), kind: FREE_QUEUE_TREE };
  }
  volume(change: (view: DataView) => void): this {
    return this.edit(505, change);
  }
  /** Block of the root of the volume's object map. */
  get mapRoot(): number {
    const omap = this.head.number('apfs_omap_oid');
    return u64le(viewOf(this.bytes.subarray(omap * BLOCK, (omap + 1) * BLOCK)), 0, Omap.at.om_tree_oid);
  }
  /** Block of the only chunk info block. */
  get cib(): number {
    return viewOf(this.bytes.subarray(23 * BLOCK, 24 * BLOCK)).getUint32(2568, true);
  }

  /** The first record of the volume's tree that `wanted` likes. */
  record(type: number, change: (entry: Entry) => void, wanted: (entry: Entry) => boolean = () => true): this {
    for (const leaf of [498, 501]) {
      const found = this.#entryIn(
        leaf,
        fileSystemTree('hashed'),
        false,
        (entry) => typeAt(entry.view, entry.key) === type && wanted(entry),
      );
      if (found !== null) return this.#change(leaf, fileSystemTree('hashed'), false, found, change);
    }
    throw new Error(`no record of type ${type}`);
  }
  /** An entry of a root that is a leaf. */
  entry(block: number, kind: TreeKind, index: number, change: (entry: Entry) => void): this {
    return this.#change(block, kind, true, index, change);
  }
  reference(index: number, change: (entry: Entry) => void): this {
    return this.entry(this.head.number('apfs_extentref_tree_oid'), EXTENT_REFERENCE_TREE, index, change);
  }
  mapping(index: number, change: (entry: Entry) => void): this {
    return this.entry(this.mapRoot, OMAP_TREE, index, change);
  }
  get snapshotRoot(): { readonly block: number; readonly kind: TreeKind } {
    return { block: this.head.number('apfs_snap_meta_tree_oid'), kind: SNAPSHOT_TREE };
  }

  #node(view: DataView, kind: TreeKind, isRoot: boolean): DiskNode {
    const bytes = new Uint8Array(view.buffer, view.byteOffset, BLOCK);
    return new DiskNode(kind, bytes, { place: 0, level: isRoot ? null : 0 });
  }
  #entryIn(block: number, kind: TreeKind, isRoot: boolean, wanted: (entry: Entry) => boolean): number | null {
    const node = this.#node(viewOf(this.bytes.subarray(block * BLOCK, (block + 1) * BLOCK)), kind, isRoot);
    for (let index = 0; index < node.count; index += 1) if (wanted(entryOf(node, index))) return index;
    return null;
  }
  #change(block: number, kind: TreeKind, isRoot: boolean, index: number, change: (entry: Entry) => void): this {
    return this.edit(block, (view) => change(entryOf(this.#node(view, kind, isRoot), index)));
  }
}

function entryOf(node: DiskNode, index: number): Entry {
  return { view: node.view, node, index, key: node.keyAt(index), value: node.valueAt(index) };
}

/** For `record`: only that of one object. */
export function of(id: number): (entry: Entry) => boolean {
  return ({ view, key }) => idAt(view, key) === id;
}
