// A container open for writing: its space manager, object map and volumes, and how all of them become the next checkpoint.
//
// Order of a commit: nodes get their last bytes and the superblocks fresh blocks → the space manager knows all that is taken and
// freed → everything is written into free blocks → `writeCheckpoint`: rings, flush, superblock, flush.

import { assert, type BlockDevice, CorruptError, type MountOptions, UnsupportedError } from '@tintype/core';
import type { Node } from '../btree/node.js';
import {
  type Checkpoint,
  discardedFindings,
  type EphemeralObject,
  openCheckpoint,
  writeCheckpoint,
} from '../checkpoint.js';
import { geometry } from '../geometry.js';
import { get64, put64 } from '../object.js';
import { type Names, ObjectMap } from '../object-map.js';
import type { SpaceBefore } from '../space/needed-before.js';
import { Spaceman } from '../spaceman.js';
import { BLOCK_SIZE, NX_MAX_FILE_SYSTEMS, NxSuperblock } from '../structs/container.js';
import { OBJECT_TYPE, ObjectHeader, STORAGE, TYPE_MASK } from '../structs/object.js';
import { NxReaper, REAPER_FLAGS } from '../structs/reaper.js';
import { Spaceman as SpacemanObject } from '../structs/spaceman.js';
import { ModifiedBy, VolumeSuperblock } from '../structs/volume.js';
import { putTime } from '../time.js';
import { BlockWriter } from './block-writer.js';
import { Mounted } from './mounted.js';

const at = NxSuperblock.at;
/** Nodes kept in memory, of each tree. */
const CACHED_NODES = 4096;
/** Of a draft, where hardly anything that was written is asked for again. */
const CACHED_DRAFT_NODES = 1024;
const PROGRAM = 'tintype';
const MODIFIED_BY_COUNT = 8;

export class Container {
  readonly superblock: DataView;
  readonly spaceman: Spaceman;
  readonly volumes: readonly Mounted[];
  readonly names: Names;
  readonly #device: BlockDevice;
  readonly #options: MountOptions;
  readonly #omap: ObjectMap;
  /** Ephemeral objects that are only carried along: the reaper and its lists. */
  readonly #carried: readonly EphemeralObject[];
  #xid: number;
  /** Block 0 is older than the newest checkpoint. */
  #isMarked: boolean;

  /** @throws CorruptError, UnsupportedError */
  constructor(device: BlockDevice, options: MountOptions) {
    const { superblock, xid, objects, isDirty, discarded, before } = openCheckpoint(device);
    this.#device = device;
    this.#options = options;
    this.superblock = superblock;
    this.#xid = xid + 1;
    this.#isMarked = isDirty;
    const blocks = get64(superblock, at.nx_block_count);
    if (superblock.getUint32(at.nx_max_file_systems, true) !== geometry(blocks).maxVolumes)
      throw NxSuperblock.corrupt(superblock, 0, 'nx_max_file_systems', `does not go with ${blocks} blocks`);
    const self = this;
    this.names = {
      get xid() {
        return self.#xid;
      },
      newOid: () => this.#newOid(),
    };
    const { view: spaceman, read } = spaceOf({ superblock, objects });
    const dataBlocks = superblock.getUint32(at.nx_xp_data_blocks, true);
    this.spaceman = new Spaceman(device, spaceman, this.#xid, read, dataBlocks);
    const earlier = this.spaceman.isQueueFull ? spaceBefore(before()) : null;
    if (earlier) this.spaceman.keepFor(earlier);
    this.#carried = objects.filter(({ view }) => isCarried(view));
    for (const { view } of this.#carried) requireIdleReaper(view);
    const usual = device.draft ? CACHED_DRAFT_NODES : CACHED_NODES;
    const cacheNodes = options.cacheBytes ? Math.floor(options.cacheBytes / BLOCK_SIZE / 4) : usual;
    const place = { device, spaceman: this.spaceman, cacheNodes, count: () => {} };
    this.#omap = new ObjectMap(place, this.names, get64(superblock, at.nx_omap_oid));
    const volumes: Mounted[] = [];
    for (let slot = 0; slot < NX_MAX_FILE_SYSTEMS; slot += 1) {
      const oid = get64(superblock, at.nx_fs_oid + 8 * slot);
      if (oid === 0) continue;
      const volumePlace = { device, spaceman: this.spaceman, cacheNodes, names: this.names, now: options.now };
      volumes.push(new Mounted(volumePlace, oid, this.#omap.find(oid)));
    }
    this.volumes = volumes;
    for (const finding of discardedFindings(discarded, xid)) options.report?.(finding);
  }

  /** The newest durable transaction. */
  get xid(): number {
    return this.#xid - 1;
  }
  get hasChanges(): boolean {
    return this.volumes.some((volume) => volume.hasChanges);
  }
  /** True if the container would be taken for one that was not closed. */
  get isMarked(): boolean {
    return this.#isMarked;
  }

  #newOid(): number {
    const oid = get64(this.superblock, at.nx_next_oid);
    put64(this.superblock, at.nx_next_oid, oid + 1);
    return oid;
  }

  commit(): void {
    const writer = new BlockWriter(this.#device);
    const changed = this.volumes.filter((volume) => volume.hasChanges);
    const nodes: Node[] = [];
    for (const volume of changed) {
      putTime(volume.view, VolumeSuperblock.at.apfs_last_mod_time, this.#options.now(), 0);
      nodes.push(...volume.settle());
      assert(this.#omap.move(volume.oid, volume.block) === 'free', 'the container has no snapshots');
    }
    if (this.#omap.settle()) put64(this.superblock, at.nx_omap_oid, this.#omap.block);
    nodes.push(...this.#omap.tree.store.changed);
    this.#putReserves();
    const queues = this.spaceman.prepare(() => this.#newOid());
    for (const volume of changed) {
      writer.add(volume.block, volume.view);
      if (volume.omap.isFresh) writer.add(volume.omap.block, volume.omap.view);
    }
    if (this.#omap.isFresh) writer.add(this.#omap.block, this.#omap.view);
    for (const node of nodes) {
      node.settle();
      node.setHeader(node.kind.storage === STORAGE.physical ? node.address : node.oid, this.#xid);
      writer.add(node.address, node.view);
    }
    writer.write();
    writeCheckpoint(this.#device, this.superblock, this.#xid, this.#ephemerals(queues));
    this.#isMarked = true;
    this.spaceman.settle();
    this.#omap.settled();
    for (const volume of changed) volume.settled();
    this.#xid += 1;
  }

  /** The container's own object map leaves the blocks from `limit` on with the next commit. */
  moveObjectMap(limit: number, makeRoom: (nodes: number) => void): void {
    this.#omap.moveNodes(limit, makeRoom);
  }

  #ephemerals(queues: readonly { oid: number; node: Node }[]): EphemeralObject[] {
    const objects: EphemeralObject[] = [
      { oid: get64(this.superblock, at.nx_spaceman_oid), fsOid: 0, view: this.spaceman.view },
      ...this.#carried,
    ];
    for (const { oid, node } of queues) {
      node.settle();
      node.setHeader(oid, this.#xid);
      objects.push({ oid, fsOid: 0, view: node.view });
    }
    return objects;
  }

  /** What volumes hold of the blocks reserved for them. */
  #putReserves(): void {
    const fields = VolumeSuperblock.at;
    let held = 0;
    for (const { view } of this.volumes)
      held += Math.min(get64(view, fields.apfs_fs_alloc_count), get64(view, fields.apfs_fs_reserve_block_count));
    put64(this.spaceman.view, SpacemanObject.at.sm_fs_reserve_alloc_count, held);
  }

  /** Says who wrote the volumes and when, commits, and lets block 0 tell that the container was closed. */
  unmount(): void {
    const fields = VolumeSuperblock.at;
    for (const volume of this.volumes) {
      const { view } = volume;
      const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
      const list = fields.apfs_modified_by;
      bytes.copyWithin(list + ModifiedBy.size, list, list + (MODIFIED_BY_COUNT - 1) * ModifiedBy.size);
      bytes.fill(0, list, list + ModifiedBy.size);
      bytes.set(Buffer.from(PROGRAM), list);
      putTime(view, list + ModifiedBy.at.timestamp, this.#options.now(), 0);
      put64(view, list + ModifiedBy.at.last_xid, this.#xid);
      putTime(view, fields.apfs_unmount_time, this.#options.now(), 0);
      if (get64(view, fields.apfs_cloneinfo_xid) > 0) put64(view, fields.apfs_cloneinfo_xid, this.#xid);
      volume.changed = true;
    }
    this.commit();
    this.#device.write(0, new Uint8Array(this.superblock.buffer, this.superblock.byteOffset, BLOCK_SIZE));
    this.#device.flush();
    this.#isMarked = false;
  }
}

/** The space manager of a checkpoint, and how its queues are read. @throws CorruptError */
export function spaceOf({ superblock, objects }: Pick<Checkpoint, 'superblock' | 'objects'>): SpaceBefore {
  const byOid = new Map(objects.map((object) => [object.oid, object.view]));
  const view = byOid.get(get64(superblock, at.nx_spaceman_oid));
  if (!view) throw NxSuperblock.corrupt(superblock, 0, 'nx_spaceman_oid', 'is not in the checkpoint');
  const read = (oid: number): Uint8Array => {
    const object = byOid.get(oid);
    if (!object) throw new CorruptError('checkpoint_mapping', 'cpm_oid', oid, 'the object is not mapped');
    return new Uint8Array(object.buffer, object.byteOffset, object.byteLength);
  };
  return { view, read };
}

function spaceBefore(earlier: ReturnType<Checkpoint['before']>): SpaceBefore | null {
  try {
    return earlier && spaceOf(earlier);
  } catch (error) {
    if (!(error instanceof CorruptError)) throw error;
    return null;
  }
}

function typeOf(view: DataView): number {
  return view.getUint32(ObjectHeader.at.o_type, true) & TYPE_MASK;
}
function isCarried(view: DataView): boolean {
  return typeOf(view) === OBJECT_TYPE.reaper || typeOf(view) === OBJECT_TYPE.reapList;
}
/** @throws UnsupportedError if macOS still has something to clear away */
function requireIdleReaper(view: DataView): void {
  if (typeOf(view) === OBJECT_TYPE.reaper) {
    if ((view.getUint32(NxReaper.at.nr_flags, true) & REAPER_FLAGS.continues) === 0) return;
  } else if (view.getUint32(REAP_LIST_COUNT, true) === 0) return;
  throw new UnsupportedError('macOS has not finished deleting something here: the container is only read');
}
/** nrl_count of a reap list: behind header, next, flags and max. */
const REAP_LIST_COUNT = 32 + 8 + 4 + 4;
