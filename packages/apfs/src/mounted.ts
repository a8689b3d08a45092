// One volume of a container that is open for writing: its superblock, its object map and its three trees.

import { CorruptError, UnsupportedError } from '@tintype/core';
import { EXTENT_REFERENCE_TREE, fileSystemTree, SNAPSHOT_TREE } from './btree/kinds.js';
import type { Node } from './btree/node.js';
import { PhysicalStore, type StorePlace, VirtualStore } from './btree/store.js';
import { Tree } from './btree/tree.js';
import { get64, put64, readBlock, requireObject, viewOf } from './object.js';
import { type Names, ObjectMap } from './object-map.js';
import { OBJECT_TYPE } from './structs/object.js';
import { VOLUME_FEATURE_HARDLINK_MAP, VOLUME_FLAGS, VOLUME_INCOMPAT, VolumeSuperblock } from './structs/volume.js';

const at = VolumeSuperblock.at;

/** What a volume needs of its container. */
export interface VolumePlace extends Omit<StorePlace, 'count'> {
  readonly names: Names;
  /** Seconds since 1970. */
  readonly now: () => number;
}

export class Mounted {
  readonly view: DataView;
  readonly oid: number;
  readonly place: VolumePlace;
  readonly omap: ObjectMap;
  readonly catalog: Tree;
  readonly snapshots: Tree;
  /** The superblock was changed, beside what the trees bring about. */
  changed = false;
  #extentReferences: Tree;
  #block: number;
  readonly #storePlace: StorePlace;

  /** @throws CorruptError, UnsupportedError */
  constructor(place: VolumePlace, oid: number, block: number) {
    this.place = place;
    this.oid = oid;
    this.#block = block;
    this.view = viewOf(readBlock(place.device, block));
    requireObject(this.view, block, { structure: 'apfs_superblock', type: OBJECT_TYPE.volume, oid });
    requireWritable(this.view);
    this.#storePlace = { ...place, count: (blocks) => this.add('apfs_fs_alloc_count', blocks) };
    this.omap = new ObjectMap(this.#storePlace, place.names, get64(this.view, at.apfs_omap_oid));
    const kind = fileSystemTree(this.isHashed ? 'hashed' : 'plain');
    this.catalog = new Tree(new VirtualStore(kind, this.#storePlace, this.omap), this.get('apfs_root_tree_oid'));
    this.#extentReferences = this.#physicalTree(this.get('apfs_extentref_tree_oid'));
    this.snapshots = new Tree(new PhysicalStore(SNAPSHOT_TREE, this.#storePlace), this.get('apfs_snap_meta_tree_oid'));
  }
  #physicalTree(root: number): Tree {
    return new Tree(new PhysicalStore(EXTENT_REFERENCE_TREE, this.#storePlace), root);
  }

  get extentReferences(): Tree {
    return this.#extentReferences;
  }
  get #incompatible(): number {
    return get64(this.view, at.apfs_incompatible_features);
  }
  get isHashed(): boolean {
    return (this.#incompatible & (VOLUME_INCOMPAT.caseInsensitive | VOLUME_INCOMPAT.normalizationInsensitive)) !== 0;
  }
  get caseSensitive(): boolean {
    return (this.#incompatible & VOLUME_INCOMPAT.caseInsensitive) === 0;
  }
  /** How names are compared on it. */
  get names(): 'folded' | 'exact' {
    return this.caseSensitive ? 'exact' : 'folded';
  }
  get hasSnapshots(): boolean {
    return this.get('apfs_num_snapshots') > 0;
  }
  get block(): number {
    return this.#block;
  }
  get trees(): readonly Tree[] {
    return [this.omap.tree, this.catalog, this.#extentReferences, this.snapshots];
  }
  /** Nodes changed since the last commit. */
  get changedNodes(): number {
    return this.trees.reduce((sum, { store }) => sum + store.changedCount, 0);
  }
  get hasChanges(): boolean {
    return this.changed || this.trees.some(({ root }) => root.dirty);
  }

  /** A counter or id of the superblock. */
  get(field: NumberField): number {
    return get64(this.view, at[field]);
  }
  set(field: NumberField, value: number): void {
    put64(this.view, at[field], value);
    this.changed = true;
  }
  add(field: NumberField, change: number): void {
    this.set(field, this.get(field) + change);
  }
  /** An id for an inode, a stream, or one of several names. */
  newId(): number {
    const id = this.get('apfs_next_obj_id');
    this.set('apfs_next_obj_id', id + 1);
    return id;
  }

  /** Nodes of the trees in fresh blocks, and the superblock with what leads to them. Call before they are written. */
  settle(): Node[] {
    const nodes: Node[] = [];
    this.catalog.settle();
    this.#extentReferences.settle();
    this.snapshots.settle();
    this.set('apfs_extentref_tree_oid', this.#extentReferences.root.address);
    this.set('apfs_snap_meta_tree_oid', this.snapshots.root.address);
    this.omap.settle();
    this.set('apfs_omap_oid', this.omap.block);
    for (const { store } of this.trees) nodes.push(...store.changed);
    const { spaceman } = this.place;
    spaceman.free(this.#block, 1);
    this.#block = spaceman.takeMetadata();
    put64(this.view, at.o_xid, this.place.names.xid);
    return nodes;
  }
  /** Written and durable. */
  settled(): void {
    this.changed = false;
    this.omap.settled();
    for (const tree of [this.catalog, this.#extentReferences, this.snapshots]) tree.store.settle();
  }

  /**
   * Blocks for a change of records in so many places: of the catalog, and of the extent reference tree.
   * @throws VolumeFullError
   */
  require({ catalog, references = 0, data = 0 }: Needs, purpose: 'growth' | 'removal' = 'growth'): void {
    const { spaceman } = this.place;
    const nodes = nodesFor(this.catalog, catalog);
    const maps = nodesFor(this.omap.tree, nodes, Math.ceil(nodes / 50));
    const references_ = references > 0 ? nodesFor(this.#extentReferences, references) : 0;
    spaceman.require(nodes + maps + references_ + data, purpose);
    spaceman.requireQueue(nodes + maps + references_ + 8);
  }
}

export interface Needs {
  readonly catalog: number;
  readonly references?: number;
  /** Blocks of file data. */
  readonly data?: number;
}

/** Nodes that may be copied or made when records change in `places` of a tree. */
function nodesFor({ height, nodeCount, store }: Tree, places: number, made = places): number {
  return Math.min(places * height, Math.max(0, nodeCount - store.changedCount)) + made + height + 1;
}

type NumberField = {
  [N in keyof typeof at]: (typeof at)[N] extends { readonly width: 'u64' } ? N : never;
}[keyof typeof at];

/** @throws UnsupportedError, CorruptError */
function requireWritable(view: DataView): void {
  const features = get64(view, at.apfs_incompatible_features);
  const { caseInsensitive, normalizationInsensitive } = VOLUME_INCOMPAT;
  const other = features & ~(caseInsensitive | normalizationInsensitive);
  if (other !== 0 || features > 0xffff)
    throw new UnsupportedError(`volumes with incompatible features ${other.toString(16)} are only read`, { features });
  if ((get64(view, at.apfs_fs_flags) & VOLUME_FLAGS.unencrypted) === 0)
    throw new UnsupportedError('encrypted volumes are only read');
  for (const field of ['apfs_revert_to_xid', 'apfs_revert_to_sblock_oid', 'apfs_er_state_oid'] as const)
    if (get64(view, at[field]) !== 0) throw new UnsupportedError(`a volume with ${field} set is only read`);
  if ((get64(view, at.apfs_features) & VOLUME_FEATURE_HARDLINK_MAP) === 0)
    throw new UnsupportedError('volumes without records of hard links are only read');
  if (view.getUint32(at.apfs_magic, true) === 0)
    throw new CorruptError('apfs_superblock', 'apfs_magic', 0, 'is missing');
}
