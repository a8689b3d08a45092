// Checkpoints: choosing the newest whole one, and writing the next.
//
// Order: file data and metadata into free blocks, ephemeral objects and their maps into the two rings → flush → superblock →
// flush. Nothing that the last checkpoint refers to is written, so its superblock and all behind it stay whole until the next
// one is. Data and metadata need no barrier between them: neither counts before the superblock.

import { type BlockDevice, CorruptError, type Finding, finding, UnsupportedError } from '@tintype/core';
import { get64, isSealed, put64, putHeader, readBlock, requireObject, seal, viewOf } from './object.js';
import { CHECKPOINT_MAP_LAST, CheckpointMap, CheckpointMapping, MAPPINGS_PER_BLOCK } from './structs/checkpoint.js';
import { BLOCK_SIZE, NX_INCOMPAT, NX_MAGIC, NX_SUPERBLOCK_OID, NxSuperblock } from './structs/container.js';
import { OBJECT_TYPE, ObjectHeader, STORAGE, TYPE_MASK } from './structs/object.js';

const at = NxSuperblock.at;
/** Blocks of a descriptor area that anyone would make; more is damage. */
const DESCRIPTOR_LIMIT = 1 << 20;
const OBJECT_LIMIT = 1 << 20;

export interface EphemeralObject {
  readonly oid: number;
  readonly fsOid: number;
  readonly view: DataView;
}

export interface Checkpoint {
  /** The superblock, free to be changed. */
  readonly superblock: DataView;
  readonly xid: number;
  /** In the order of the mappings. */
  readonly objects: readonly EphemeralObject[];
  /** True if block 0 is of an older checkpoint: the container was not closed cleanly. */
  readonly isDirty: boolean;
  /** Newer superblocks that were passed over, and why. */
  readonly discarded: readonly Discarded[];
  /** What is ephemeral of the checkpoint before; null if that is not whole any more. Reads. */
  readonly before: () => Pick<Checkpoint, 'superblock' | 'objects'> | null;
}

/** A checkpoint that is newer than the one that is read, but damaged. */
export interface Discarded {
  readonly xid: number;
  readonly reason: string;
}

/** What whoever opens the container is told of them. `xid`: of the checkpoint that is read instead. */
export function discardedFindings(discarded: readonly Discarded[], xid: number): Finding[] {
  return discarded.map(({ xid: newer, reason }) =>
    finding(
      'checkpoint-discarded',
      `checkpoint ${newer}`,
      `checkpoint ${newer} is damaged (${reason}), so checkpoint ${xid} is read and later changes are missing`,
    ),
  );
}

/** Null if the device does not begin with a container. */
export function firstSuperblock(device: BlockDevice): DataView | null {
  if (device.size < 2 * BLOCK_SIZE) return null;
  const bytes = new Uint8Array(BLOCK_SIZE);
  device.read(0, bytes);
  const view = viewOf(bytes);
  return view.getUint32(at.nx_magic, true) === NX_MAGIC ? view : null;
}

/** The newest checkpoint of which everything ephemeral is whole. @throws CorruptError, UnsupportedError */
export function openCheckpoint(device: BlockDevice): Checkpoint {
  const first = firstSuperblock(device);
  if (!first) throw new CorruptError('nx_superblock', 'nx_magic', at.nx_magic, 'there is no APFS container');
  if (first.getUint32(at.nx_block_size, true) !== BLOCK_SIZE)
    throw new UnsupportedError(
      `containers with blocks of ${first.getUint32(at.nx_block_size, true)} bytes are only read`,
    );
  const isFirstWhole = isSealed(first);
  const discarded: Discarded[] = [];
  const found = candidates(device, first);
  // Block 0 is written after the checkpoint that it is a copy of, so that one was there.
  const firstXid = get64(first, at.o_xid);
  if (isFirstWhole && found[0] && firstXid > get64(found[0], at.o_xid))
    discarded.push({ xid: firstXid, reason: 'its superblock is damaged' });
  for (const [i, superblock] of found.entries()) {
    const xid = get64(superblock, at.o_xid);
    try {
      requireSupported(superblock);
      const objects = readObjects(device, superblock);
      const before = () => objectsBefore(device, found[i + 1], xid);
      return { superblock, xid, objects, isDirty: !isFirstWhole || firstXid !== xid, discarded, before };
    } catch (error) {
      if (!(error instanceof CorruptError)) throw error;
      discarded.push({ xid, reason: error.message });
    }
  }
  const [worst] = discarded;
  const problem = worst ? `checkpoint ${worst.xid}: ${worst.reason}` : 'there is no superblock in the descriptor area';
  throw new CorruptError('nx_superblock', 'nx_xp_desc_base', 0, problem);
}

function objectsBefore(
  device: BlockDevice,
  superblock: DataView | undefined,
  xid: number,
): ReturnType<Checkpoint['before']> {
  if (!superblock || get64(superblock, at.o_xid) !== xid - 1) return null;
  try {
    return { superblock, objects: readObjects(device, superblock) };
  } catch (error) {
    if (!(error instanceof CorruptError)) throw error;
    return null;
  }
}

/** Whole superblocks of the same container, the newest first. */
function candidates(device: BlockDevice, first: DataView): DataView[] {
  const blocks = first.getUint32(at.nx_xp_desc_blocks, true);
  const base = get64(first, at.nx_xp_desc_base);
  if (blocks > DESCRIPTOR_LIMIT || base === 0 || (base + blocks) * BLOCK_SIZE > device.size)
    throw NxSuperblock.corrupt(first, 0, 'nx_xp_desc_blocks', `${blocks} blocks from ${base} on`);
  const found: { xid: number; view: DataView }[] = [];
  for (let i = 0; i < blocks; i += 1) {
    const view = viewOf(readBlock(device, base + i));
    const isOne =
      view.getUint32(at.nx_magic, true) === NX_MAGIC &&
      (view.getUint32(at.o_type, true) & TYPE_MASK) === OBJECT_TYPE.superblock &&
      view.getUint32(at.nx_block_size, true) === BLOCK_SIZE &&
      isSealed(view);
    if (isOne && isSame(view, first)) found.push({ xid: get64(view, at.o_xid), view });
  }
  return found.sort((a, b) => b.xid - a.xid).map(({ view }) => view);
}
function isSame(view: DataView, first: DataView): boolean {
  for (let i = 0; i < 16; i += 1) if (view.getUint8(at.nx_uuid + i) !== first.getUint8(at.nx_uuid + i)) return false;
  return true;
}

function requireSupported(superblock: DataView): void {
  const features = get64(superblock, at.nx_incompatible_features);
  if (features !== NX_INCOMPAT.version2)
    throw new UnsupportedError(`containers with incompatible features ${features.toString(16)}`);
}

interface Ring {
  readonly base: number;
  readonly blocks: number;
}
function ring(superblock: DataView, kind: 'desc' | 'data'): Ring {
  return {
    base: get64(superblock, at[`nx_xp_${kind}_base`]),
    blocks: superblock.getUint32(at[`nx_xp_${kind}_blocks`], true),
  };
}

/** Every ephemeral object of a checkpoint, each checked. @throws CorruptError */
function readObjects(device: BlockDevice, superblock: DataView): EphemeralObject[] {
  const total = get64(superblock, at.nx_block_count);
  const desc = ring(superblock, 'desc');
  const data = ring(superblock, 'data');
  const isSound =
    total * BLOCK_SIZE <= device.size &&
    desc.blocks > 0 &&
    data.blocks > 0 &&
    desc.base > 0 &&
    data.base > 0 &&
    desc.base + desc.blocks <= total &&
    data.base + data.blocks <= total;
  if (!isSound) throw NxSuperblock.corrupt(superblock, 0, 'nx_block_count', 'areas lie outside the container');
  const xid = get64(superblock, at.o_xid);
  const index = superblock.getUint32(at.nx_xp_desc_index, true);
  const length = superblock.getUint32(at.nx_xp_desc_len, true);
  if (length < 2 || length > desc.blocks)
    throw NxSuperblock.corrupt(superblock, 0, 'nx_xp_desc_len', `${length} of ${desc.blocks} blocks`);
  const objects: EphemeralObject[] = [];
  for (let i = 0; i < length - 1; i += 1) {
    const block = desc.base + ((index + i) % desc.blocks);
    const map = viewOf(readBlock(device, block));
    requireObject(map, block, { structure: 'checkpoint_map_phys', type: OBJECT_TYPE.checkpointMap, oid: block });
    const count = map.getUint32(CheckpointMap.at.cpm_count, true);
    const isLast = (map.getUint32(CheckpointMap.at.cpm_flags, true) & CHECKPOINT_MAP_LAST) !== 0;
    if (get64(map, at.o_xid) !== xid || count > MAPPINGS_PER_BLOCK || isLast !== (i === length - 2))
      throw CheckpointMap.corrupt(map, 0, 'cpm_count', `does not belong to checkpoint ${xid}`);
    for (let j = 0; j < count; j += 1)
      objects.push(
        readObject(device, data, CheckpointMapping.read(map, CheckpointMap.size + j * CheckpointMapping.size), xid),
      );
  }
  return objects;
}

type Mapping = ReturnType<typeof CheckpointMapping.read>;

function readObject(device: BlockDevice, data: Ring, mapping: Mapping, xid: number): EphemeralObject {
  const { cpm_size: size, cpm_paddr: start, cpm_oid: oid } = mapping;
  const bad = (problem: string) => new CorruptError('checkpoint_mapping', 'cpm_size', oid, problem);
  if (size === 0 || size % BLOCK_SIZE !== 0 || size > Math.min(OBJECT_LIMIT, data.blocks * BLOCK_SIZE))
    throw bad(`${size} bytes`);
  if (start < data.base || start >= data.base + data.blocks) throw bad(`block ${start} lies outside the data area`);
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size / BLOCK_SIZE; i += 1) {
    const block = data.base + ((start - data.base + i) % data.blocks);
    device.read(block * BLOCK_SIZE, bytes.subarray(i * BLOCK_SIZE, (i + 1) * BLOCK_SIZE));
  }
  const view = viewOf(bytes);
  requireObject(view, start, { structure: 'ephemeral object', type: mapping.cpm_type & TYPE_MASK, oid });
  if (get64(view, ObjectHeader.at.o_xid) !== xid) throw bad(`is not of checkpoint ${xid}`);
  return { oid, fsOid: mapping.cpm_fs_oid, view };
}

/** Writes objects and maps of checkpoint `xid` behind those of the last one, flushes, and makes it count. */
export function writeCheckpoint(
  device: BlockDevice,
  superblock: DataView,
  xid: number,
  objects: readonly EphemeralObject[],
): void {
  const desc = ring(superblock, 'desc');
  const data = ring(superblock, 'data');
  const descIndex = superblock.getUint32(at.nx_xp_desc_next, true);
  const dataIndex = superblock.getUint32(at.nx_xp_data_next, true);
  const maps = Math.ceil(objects.length / MAPPINGS_PER_BLOCK);
  const length = objects.reduce((sum, { view }) => sum + view.byteLength / BLOCK_SIZE, 0);
  if (maps + 1 > desc.blocks >> 1 || length > data.blocks >> 1)
    throw new UnsupportedError(`a checkpoint of ${length} blocks in an area of ${data.blocks}`);
  const writer = new RingWriter(device, data, dataIndex);
  for (let i = 0; i < maps; i += 1) {
    const map = viewOf(new Uint8Array(BLOCK_SIZE));
    const block = desc.base + ((descIndex + i) % desc.blocks);
    putHeader(map, { oid: block, xid, type: STORAGE.physical | OBJECT_TYPE.checkpointMap, subtype: 0 });
    const part = objects.slice(i * MAPPINGS_PER_BLOCK, (i + 1) * MAPPINGS_PER_BLOCK);
    map.setUint32(CheckpointMap.at.cpm_flags, i === maps - 1 ? CHECKPOINT_MAP_LAST : 0, true);
    map.setUint32(CheckpointMap.at.cpm_count, part.length, true);
    for (const [j, object] of part.entries()) {
      put64(object.view, ObjectHeader.at.o_xid, xid);
      seal(object.view);
      CheckpointMapping.write(map, CheckpointMap.size + j * CheckpointMapping.size, {
        cpm_type: object.view.getUint32(ObjectHeader.at.o_type, true),
        cpm_subtype: object.view.getUint32(ObjectHeader.at.o_subtype, true),
        cpm_size: object.view.byteLength,
        cpm_pad: 0,
        cpm_fs_oid: object.fsOid,
        cpm_oid: object.oid,
        cpm_paddr: writer.next,
      });
      writer.write(object.view);
    }
    seal(map);
    device.write(block * BLOCK_SIZE, new Uint8Array(map.buffer));
  }
  put64(superblock, at.o_oid, NX_SUPERBLOCK_OID);
  put64(superblock, at.o_xid, xid);
  put64(superblock, at.nx_next_xid, xid + 1);
  const put = (place: number, value: number): void => superblock.setUint32(place, value, true);
  put(at.nx_xp_desc_index, descIndex);
  put(at.nx_xp_desc_len, maps + 1);
  put(at.nx_xp_desc_next, (descIndex + maps + 1) % desc.blocks);
  put(at.nx_xp_data_index, dataIndex);
  put(at.nx_xp_data_len, length);
  put(at.nx_xp_data_next, (dataIndex + length) % data.blocks);
  seal(superblock);
  device.flush();
  const block = desc.base + ((descIndex + maps) % desc.blocks);
  device.write(block * BLOCK_SIZE, new Uint8Array(superblock.buffer, superblock.byteOffset, BLOCK_SIZE));
  device.flush();
}

/** Blocks of a ring, one after another, from its end on to its beginning. */
class RingWriter {
  readonly #device: BlockDevice;
  readonly #ring: Ring;
  #index: number;

  constructor(device: BlockDevice, ring: Ring, index: number) {
    this.#device = device;
    this.#ring = ring;
    this.#index = index % ring.blocks;
  }
  /** The block that is written next. */
  get next(): number {
    return this.#ring.base + this.#index;
  }
  write(view: DataView): void {
    for (let done = 0; done < view.byteLength; done += BLOCK_SIZE) {
      const bytes = new Uint8Array(view.buffer, view.byteOffset + done, BLOCK_SIZE);
      this.#device.write(this.next * BLOCK_SIZE, bytes);
      this.#index = (this.#index + 1) % this.#ring.blocks;
    }
  }
}
