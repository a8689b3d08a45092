// One volume of a container that is open for writing: its superblock, its object map and its three trees.

import { CorruptError, UnsupportedError } from '@tintype/core';
import { EXTENT_REFERENCE_TREE, fileSystemTree, SNAPSHOT_TREE } from '../btree/kinds.js';
import type { Node } from '../btree/node.js';
import { PhysicalStore, type StorePlace, VirtualStore } from '../btree/store.js';
import { Tree } from '../btree/tree.js';
import { get64, put64, readBlock, requireObject, viewOf } from '../object.js';
import { type Names, ObjectMap } from '../object-map.js';
import { BLOCK_SIZE } from '../structs/container.js';
import { OBJECT_TYPE } from '../structs/object.js';
import { VOLUME_FEATURE_HARDLINK_MAP, VOLUME_FLAGS, VOLUME_INCOMPAT, VolumeSuperblock } from '../structs/volume.js';

const at = VolumeSuperblock.at;

/** Fields that a snapshot's superblock does not bring back. */
const LASTING: ReadonlySet<string> = new Set<keyof typeof at>([
  'o_cksum',
  'o_oid',
  'o_xid',
  'o_type',
  'o_subtype',
  'apfs_fs_index',
  'apfs_unmount_time',
  'apfs_fs_reserve_block_count',
  'apfs_fs_quota_block_count',
  'apfs_fs_alloc_count',
  'apfs_omap_oid',
  'apfs_extentref_tree_oid',
  'apfs_snap_meta_tree_oid',
  'apfs_num_snapshots',
  'apfs_total_blocks_alloced',
  'apfs_total_blocks_freed',
  'apfs_last_mod_time',
  'apfs_formatted_by',
  'apfs_modified_by',
]);

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
  readonly snapshots: Tree;
  /** The superblock was changed, beside what the trees bring about. */
  changed = false;
  #catalog: Tree;
  #extentReferences: Tree;
  /** Trees of snapshots that change with this commit. */
  readonly #retired: Tree[] = [];
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
    this.#catalog = this.#catalogTree();
    this.#extentReferences = this.referencesAt(this.get('apfs_extentref_tree_oid'));
    this.snapshots = new Tree(new PhysicalStore(SNAPSHOT_TREE, this.#storePlace), this.get('apfs_snap_meta_tree_oid'));
  }
  #catalogTree(): Tree {
    const kind = fileSystemTree(this.isHashed ? 'hashed' : 'plain');
    return new Tree(new VirtualStore(kind, this.#storePlace, this.omap), this.get('apfs_root_tree_oid'));
  }
  /** A tree of extent references, only to be read as long as it is none of the volume's own. */
  referencesAt(root: number): Tree {
    return new Tree(new PhysicalStore(EXTENT_REFERENCE_TREE, this.#storePlace), root);
  }

  /** The extent references so far become those of a snapshot; the volume goes on with none. Answers the old tree. */
  retireReferences(): Tree {
    const old = this.#extentReferences;
    old.settle();
    this.#retired.push(old);
    const store = new PhysicalStore(EXTENT_REFERENCE_TREE, this.#storePlace);
    this.#extentReferences = new Tree(store, store.makeRoot().address);
    return old;
  }
  /** Those of the newest snapshot, which goes, become the volume's. Answers what these were, to be dropped. */
  adoptReferences(tree: Tree): Tree {
    const old = this.#extentReferences;
    this.#retired.splice(this.#retired.indexOf(tree), 1);
    this.#extentReferences = tree;
    return old;
  }
  /** The extent references of a snapshot, to be changed: written with the next commit. */
  snapshotReferences(root: number): Tree {
    const tree = this.referencesAt(root);
    this.#retired.push(tree);
    return tree;
  }

  /** The same for a tree that was changed already. */
  writeReferences(tree: Tree): void {
    this.#retired.push(tree);
  }

  get catalog(): Tree {
    return this.#catalog;
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

  /** The superblock of a snapshot becomes the volume's, but for what goes on from commit to commit. */
  become(then: DataView): void {
    requireWritable(then);
    const bytes = new Uint8Array(this.view.buffer, this.view.byteOffset, BLOCK_SIZE);
    const now = viewOf(bytes.slice());
    bytes.set(new Uint8Array(then.buffer, then.byteOffset, BLOCK_SIZE));
    const names = Object.keys(at) as (keyof typeof at)[];
    for (const [index, name] of names.entries()) {
      if (!LASTING.has(name)) continue;
      const end = names[index + 1];
      const kept = new Uint8Array(now.buffer, at[name], (end ? at[end] : VolumeSuperblock.size) - at[name]);
      bytes.set(kept, at[name]);
    }
    // No id is given twice.
    this.set('apfs_next_obj_id', Math.max(this.get('apfs_next_obj_id'), get64(now, at.apfs_next_obj_id)));
    const documents = Math.max(
      this.view.getUint32(at.apfs_next_doc_id, true),
      now.getUint32(at.apfs_next_doc_id, true),
    );
    this.view.setUint32(at.apfs_next_doc_id, documents, true);
    this.#catalog = this.#catalogTree();
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
    for (const { store } of [...this.trees, ...this.#retired]) nodes.push(...store.changed);
    nodes.push(...this.omap.changedSnapshotNodes);
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
    for (const { store } of this.#retired) store.settle();
    this.#retired.length = 0;
    for (const tree of [this.catalog, this.#extentReferences, this.snapshots]) tree.store.settle();
  }

  /** What waits to be put into the trees, as needs. */
  readonly pending = { places: 0, bytes: 0, references: 0, freed: 0 };
  forgetPending(): void {
    this.pending.places = 0;
    this.pending.bytes = 0;
    this.pending.references = 0;
    this.pending.freed = 0;
  }

  /** Room for a change, beside what waits already. @throws VolumeFullError */
  require(needs: Needs, purpose: 'growth' | 'removal' = 'growth'): void {
    const { spaceman } = this.place;
    const { pending } = this;
    // Removals insert next to nothing: only what is copied counts, and a node or two above.
    const isGrowth = purpose === 'growth';
    const places = pending.places + (isGrowth ? needs.catalog : 0);
    const bytes = pending.bytes + (needs.bytes ?? 0);
    const catalog = nodesFor(this.catalog, needs.catalog + pending.places, places, bytes);
    const maps = nodesFor(this.omap.tree, catalog.copied, 0, 32 * catalog.made);
    const inserted = pending.references + (isGrowth ? (needs.references ?? 0) : 0);
    const cut = isGrowth ? 0 : 60 * (needs.references ?? 0);
    const references = nodesFor(this.#extentReferences, (needs.references ?? 0) + pending.references, inserted, cut);
    const all = [catalog, maps, references];
    const nodes = all.reduce((sum, { copied, made }) => sum + copied + made, 0);
    spaceman.require(nodes + (needs.data ?? 0), purpose);
  }
}

export interface Needs {
  /** Places of the catalog where records change. */
  readonly catalog: number;
  /** Bytes of records that are inserted side by side. */
  readonly bytes?: number;
  /** Places of the extent reference tree. */
  readonly references?: number;
  /** Blocks of file data. */
  readonly data?: number;
}

/** Nodes that may be copied when records change in `places` of a tree, and made when they are inserted in so many of them. */
function nodesFor(
  { height, nodeCount, store }: Tree,
  places: number,
  inserted: number,
  bytes: number,
): { copied: number; made: number } {
  if (places === 0 && bytes === 0) return { copied: 0, made: 0 };
  const copied = Math.min((places + 1) * height, Math.max(0, nodeCount - store.changedCount));
  return { copied, made: inserted + Math.ceil(bytes / 1500) + height };
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
