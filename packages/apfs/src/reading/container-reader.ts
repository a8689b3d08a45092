// A container as it is read: the chosen checkpoint, its object map, its volumes, its free space.

import { type BlockDevice, CorruptError, type Finding, finding, u64le } from '@tintype/core';
import { discardedFindings } from '../checkpoint.js';
import { viewOf } from '../object.js';
import { FsOid, NX_MAX_FILE_SYSTEMS, NxSuperblock } from '../structs/container.js';
import { OBJECT_TYPE, STORAGE } from '../structs/object.js';
import { Spaceman, SpacemanDevice } from '../structs/spaceman.js';
import { uuidText } from '../uuid.js';
import { type Blocks, requireHeader } from './blocks.js';
import { type Checkpoint, chooseCheckpoint, readEphemeral } from './checkpoint-choice.js';
import { ObjectMapReader } from './object-map-reader.js';
import { VolumeHead } from './volume-head.js';

const nx = NxSuperblock.at;

/** A slot of nx_fs_oid that is in use. */
export interface VolumeSlot {
  readonly slot: number;
  readonly oid: number;
  /** The superblock, or why it cannot be read. */
  readonly head: VolumeHead | CorruptError;
}

export class ContainerReader {
  readonly checkpoint: Checkpoint;
  readonly blocks: Blocks;
  readonly omap: ObjectMapReader;

  /** The newest checkpoint that is whole, or that of transaction `xid`. @throws CorruptError, UnsupportedError */
  constructor(device: BlockDevice, xid: number | null = null) {
    this.checkpoint = chooseCheckpoint(device, xid);
    this.blocks = this.checkpoint.blocks;
    this.omap = new ObjectMapReader(this.blocks, u64le(this.superblock, 0, nx.nx_omap_oid), this.xid);
  }

  get superblock(): DataView {
    return this.checkpoint.superblock;
  }
  get xid(): number {
    return this.checkpoint.xid;
  }
  get uuid(): string {
    return uuidText(new Uint8Array(this.superblock.buffer, this.superblock.byteOffset + nx.nx_uuid, 16));
  }
  /** True if it was not unmounted: block 0 is brought up to date only then. */
  get isDirty(): boolean {
    return this.checkpoint.copyXid !== this.xid;
  }

  /** All volumes; damaged ones with what is wrong. */
  volumes(): VolumeSlot[] {
    const found: VolumeSlot[] = [];
    for (let slot = 0; slot < NX_MAX_FILE_SYSTEMS; slot += 1) {
      const oid = u64le(this.superblock, nx.nx_fs_oid + slot * FsOid.size, FsOid.at.oid);
      if (oid === 0) continue;
      found.push({ slot, oid, head: this.#head(oid) });
    }
    return found;
  }

  #head(oid: number): VolumeHead | CorruptError {
    try {
      const { block, xid, size } = this.omap.require(oid, this.xid);
      const view = viewOf(this.blocks.read(block, size));
      requireHeader(view, block * this.blocks.size, {
        structure: 'apfs_superblock',
        type: OBJECT_TYPE.volume,
        storage: STORAGE.virtual,
        oid,
        xid: { exactly: xid },
      });
      return new VolumeHead(view);
    } catch (error) {
      if (error instanceof CorruptError) return error;
      throw error;
    }
  }

  /** The object map of a volume. @throws CorruptError */
  mapOf(head: VolumeHead): ObjectMapReader {
    return new ObjectMapReader(this.blocks, head.number('apfs_omap_oid'), this.xid);
  }

  /** Blocks that are free, as the space manager counts them; 0 if there is none. */
  get freeBlocks(): number {
    const view = this.spaceman();
    return view ? u64le(view, Spaceman.at.sm_dev, SpacemanDevice.at.sm_free_count) : 0;
  }

  /** The space manager of the checkpoint, or null. */
  spaceman(): DataView | null {
    const oid = u64le(this.superblock, 0, nx.nx_spaceman_oid);
    const place = this.checkpoint.ephemerals.find((each) => each.oid === oid);
    if (place?.type === undefined || (place.type & 0xffff) !== OBJECT_TYPE.spaceman) return null;
    return readEphemeral(this.blocks, this.superblock, place);
  }

  /** What was seen when the container was opened. */
  findings(): Finding[] {
    const list = discardedFindings(this.checkpoint.discarded, this.xid);
    for (const { slot, head } of this.volumes())
      if (head instanceof CorruptError)
        list.push(finding('volume-superblock', `volume ${slot}`, `volume ${slot} cannot be read: ${head.message}`));
    return list;
  }
}
