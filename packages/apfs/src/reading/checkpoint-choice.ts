// Which checkpoint to read: the newest that is whole. Block 0 only tells where the rings are; it is old after a crash.
// Source: Apple File System Reference; docs/formats/apfs.md.

import { type BlockDevice, CorruptError, UnsupportedError, u32le, u64le } from '@tintype/core';
import { OMAP_TREE } from '../btree/kinds.js';
import type { Discarded } from '../checkpoint.js';
import { DESCRIPTOR_LIMIT } from '../limits.js';
import { isSealed, viewOf } from '../object.js';
import { CHECKPOINT_MAP_LAST, CheckpointMap, CheckpointMapping } from '../structs/checkpoint.js';
import { NX_INCOMPAT, NX_MAGIC, NX_MAX_FILE_SYSTEMS, NX_SUPERBLOCK_OID, NxSuperblock } from '../structs/container.js';
import { OBJECT_TYPE, STORAGE } from '../structs/object.js';
import { Omap } from '../structs/object-map.js';
import { Blocks, type ObjectDemand, requireHeader } from './blocks.js';

const nx = NxSuperblock.at;
const SMALLEST_BLOCK = 4096;
const LARGEST_BLOCK = 65_536;
/** Where superblocks are looked for if block 0 is none: the descriptor area begins at block 1. */
const SEARCHED_BLOCKS = 16;
const IS_TREE = 0x8000_0000;

/** An object of a checkpoint that lies in the data area. */
export interface EphemeralPlace {
  readonly oid: number;
  readonly type: number;
  readonly subtype: number;
  readonly size: number;
  readonly block: number;
}

export interface Checkpoint {
  readonly xid: number;
  readonly blocks: Blocks;
  /** The superblock, one block. */
  readonly superblock: DataView;
  readonly ephemerals: readonly EphemeralPlace[];
  /** Newer ones that are damaged, newest first. */
  readonly discarded: readonly Discarded[];
  /** Transaction of block 0; null if it is no superblock. */
  readonly copyXid: number | null;
}

/** True if the device begins as a container, or holds superblocks where the first checkpoints lie. */
export function isContainer(device: BlockDevice): boolean {
  return locate(device) !== null;
}

/**
 * The newest checkpoint that holds, or the one of transaction `xid`.
 * @throws CorruptError if there is none, UnsupportedError for Fusion drives and forms that are not known
 */
export function chooseCheckpoint(device: BlockDevice, xid: number | null = null): Checkpoint {
  const first = locate(device);
  if (!first) throw new CorruptError('nx_superblock', 'nx_magic', 32, 'the device holds no APFS container');
  const candidates = superblocks(device, first.view)
    .filter((view) => xid === null || xidOf(view) === xid)
    .sort((a, b) => xidOf(b) - xidOf(a));
  const discarded: Discarded[] = [];
  const copyXid = first.place === 0 ? xidOf(first.view) : null;
  // Block 0 is written after the checkpoint that it is a copy of, so that one was there.
  if (xid === null && copyXid !== null && copyXid > xidOf(candidates[0] ?? first.view))
    discarded.push({ xid: copyXid, reason: 'its superblock is damaged' });
  for (const superblock of candidates) {
    try {
      const blocks = blocksOf(device, superblock);
      const ephemerals = requireWhole(blocks, superblock);
      return { xid: xidOf(superblock), blocks, superblock, ephemerals, discarded, copyXid };
    } catch (error) {
      if (!(error instanceof CorruptError)) throw error;
      discarded.push({ xid: xidOf(superblock), reason: error.message });
    }
  }
  const reason = discarded[0]?.reason ?? (xid === null ? 'there is none' : `there is none of transaction ${xid}`);
  throw new CorruptError('checkpoint', 'nx_xp_desc_base', 0, `no checkpoint is whole: ${reason}`);
}

function xidOf(superblock: DataView): number {
  return u64le(superblock, 0, nx.o_xid);
}

/** Some superblock: block 0, or the first copy in the descriptor area. */
function locate(device: BlockDevice): { readonly view: DataView; readonly place: number } | null {
  const atStart = superblockAt(device, 0, SMALLEST_BLOCK);
  if (atStart) return { view: atStart, place: 0 };
  for (let size = SMALLEST_BLOCK; size <= LARGEST_BLOCK; size *= 2)
    for (let block = 1; block <= SEARCHED_BLOCKS; block += 1) {
      const view = superblockAt(device, block * size, size);
      if (view && u32le(view, 0, nx.nx_block_size) === size) return { view, place: block * size };
    }
  return null;
}

/** A superblock whose checksum holds, or null. Its own block size counts. */
function superblockAt(device: BlockDevice, position: number, size: number): DataView | null {
  if (position + size > device.size) return null;
  const head = new Uint8Array(SMALLEST_BLOCK);
  device.read(position, head);
  const view = viewOf(head);
  if (u32le(view, 0, nx.nx_magic) !== NX_MAGIC) return null;
  const blockSize = u32le(view, 0, nx.nx_block_size);
  const isSize = blockSize >= SMALLEST_BLOCK && blockSize <= LARGEST_BLOCK && (blockSize & (blockSize - 1)) === 0;
  if (!isSize || position + blockSize > device.size) return null;
  const bytes = blockSize === SMALLEST_BLOCK ? head : new Uint8Array(blockSize);
  if (bytes !== head) device.read(position, bytes);
  return isSealed(viewOf(bytes)) ? viewOf(bytes) : null;
}

function blocksOf(device: BlockDevice, superblock: DataView): Blocks {
  return new Blocks(device, u32le(superblock, 0, nx.nx_block_size), u64le(superblock, 0, nx.nx_block_count));
}

/** All superblocks of the descriptor area, in no order. */
function superblocks(device: BlockDevice, first: DataView): DataView[] {
  requireKnown(first);
  const blocks = blocksOf(device, first);
  const area = descriptorArea(first);
  const found: DataView[] = [];
  for (let i = 0; i < area.count; i += 1) {
    const block = area.start + i;
    if (block >= blocks.count || (block + 1) * blocks.size > device.size) break;
    const view = superblockAt(device, block * blocks.size, blocks.size);
    if (view && isSameContainer(first, view)) found.push(view);
  }
  return found;
}

function isSameContainer(a: DataView, b: DataView): boolean {
  if (u32le(a, 0, nx.nx_block_size) !== u32le(b, 0, nx.nx_block_size)) return false;
  for (let i = 0; i < 16; i += 4) if (a.getUint32(nx.nx_uuid + i) !== b.getUint32(nx.nx_uuid + i)) return false;
  return true;
}

/** @throws UnsupportedError naming what is not known */
function requireKnown(superblock: DataView): void {
  const bits = u64le(superblock, 0, nx.nx_incompatible_features);
  if ((bits & NX_INCOMPAT.fusion) !== 0)
    throw new UnsupportedError('the container is half of a Fusion drive, which cannot be read');
  if ((bits & NX_INCOMPAT.version1) !== 0)
    throw new UnsupportedError('the container has the layout of before the first release, which cannot be read');
  const unknown = bits - (bits & NX_INCOMPAT.version2);
  if (unknown !== 0)
    throw new UnsupportedError(`the container needs features that are not known: ${unknown.toString(16)}`, { unknown });
}

interface Area {
  readonly start: number;
  readonly count: number;
}

function descriptorArea(superblock: DataView): Area {
  return area(superblock, nx.nx_xp_desc_blocks, nx.nx_xp_desc_base);
}
function dataArea(superblock: DataView): Area {
  return area(superblock, nx.nx_xp_data_blocks, nx.nx_xp_data_base);
}
function area(superblock: DataView, countAt: typeof nx.nx_xp_desc_blocks, baseAt: typeof nx.nx_xp_desc_base): Area {
  const count = u32le(superblock, 0, countAt);
  if (count >= IS_TREE)
    throw new UnsupportedError('the container keeps its checkpoints in scattered areas, which cannot be read');
  const start = u64le(superblock, 0, baseAt);
  if (count === 0 || count > DESCRIPTOR_LIMIT * 16 || start === 0)
    throw new CorruptError('nx_superblock', 'nx_xp_desc_base', countAt, `an area of ${count} blocks at ${start}`);
  return { start, count };
}

/** Everything a checkpoint consists of; answers its ephemeral objects. @throws CorruptError */
function requireWhole(blocks: Blocks, superblock: DataView): EphemeralPlace[] {
  requireSuperblock(blocks, superblock);
  const xid = xidOf(superblock);
  const descriptors = descriptorArea(superblock);
  const index = u32le(superblock, 0, nx.nx_xp_desc_index);
  const length = u32le(superblock, 0, nx.nx_xp_desc_len);
  if (index >= descriptors.count || length < 2 || length > descriptors.count)
    throw new CorruptError('nx_superblock', 'nx_xp_desc_len', nx.nx_xp_desc_len, `${length} blocks from ${index}`);
  const places: EphemeralPlace[] = [];
  for (let i = 0; i < length - 1; i += 1) {
    const block = descriptors.start + ((index + i) % descriptors.count);
    readMap(blocks, block, { xid, isLast: i === length - 2 }, places);
  }
  const oids = new Set<number>();
  for (const place of places) {
    if (oids.has(place.oid)) throw new CorruptError('checkpoint_mapping', 'cpm_oid', place.oid, 'is mapped twice');
    oids.add(place.oid);
    readEphemeral(blocks, superblock, place);
  }
  requireOmap(blocks, superblock);
  return places;
}

function requireSuperblock(blocks: Blocks, superblock: DataView): void {
  requireKnown(superblock);
  const demand: ObjectDemand = {
    structure: 'nx_superblock',
    type: OBJECT_TYPE.superblock,
    storage: STORAGE.ephemeral,
    oid: NX_SUPERBLOCK_OID,
    xid: { most: Number.MAX_SAFE_INTEGER },
  };
  requireHeader(superblock, 0, demand);
  const slots = u32le(superblock, 0, nx.nx_max_file_systems);
  if (slots > NX_MAX_FILE_SYSTEMS)
    throw new CorruptError('nx_superblock', 'nx_max_file_systems', nx.nx_max_file_systems, `${slots} volumes`);
  for (const { start, count } of [descriptorArea(superblock), dataArea(superblock)])
    if (start + count > blocks.count)
      throw new CorruptError('nx_superblock', 'nx_xp_desc_base', start, 'an area reaches past the container');
}

function readMap(
  blocks: Blocks,
  block: number,
  { xid, isLast }: { readonly xid: number; readonly isLast: boolean },
  places: EphemeralPlace[],
): void {
  const type = OBJECT_TYPE.checkpointMap;
  const demand: ObjectDemand = {
    structure: 'checkpoint_map_phys',
    type,
    storage: STORAGE.physical,
    oid: block,
    xid: { exactly: xid },
  };
  const view = blocks.readObject(block, demand);
  const count = u32le(view, 0, CheckpointMap.at.cpm_count);
  const bad = (field: 'cpm_count' | 'cpm_flags', problem: string): CorruptError =>
    CheckpointMap.corrupt(view, 0, field, problem);
  if (count > Math.floor((blocks.size - CheckpointMap.size) / CheckpointMapping.size))
    throw bad('cpm_count', `${count}`);
  const saysLast = (u32le(view, 0, CheckpointMap.at.cpm_flags) & CHECKPOINT_MAP_LAST) !== 0;
  if (saysLast !== isLast)
    throw bad('cpm_flags', isLast ? 'the last block does not say so' : 'says that it is the last');
  for (let i = 0; i < count; i += 1) {
    const mapping = CheckpointMapping.read(view, CheckpointMap.size + i * CheckpointMapping.size);
    places.push({
      oid: mapping.cpm_oid,
      type: mapping.cpm_type,
      subtype: mapping.cpm_subtype,
      size: mapping.cpm_size,
      block: mapping.cpm_paddr,
    });
  }
}

/** An ephemeral object of this checkpoint; it may go on at the start of the data area. @throws CorruptError */
export function readEphemeral(blocks: Blocks, superblock: DataView, place: EphemeralPlace): DataView {
  const { start, count } = dataArea(superblock);
  const { size, block, oid } = place;
  const length = size / blocks.size;
  if (!Number.isInteger(length) || length < 1 || length > count || block < start || block >= start + count)
    throw new CorruptError('checkpoint_mapping', 'cpm_paddr', block, `${size} bytes do not lie in the data area`);
  const bytes = new Uint8Array(size);
  for (let i = 0; i < length; i += 1) {
    const at = start + ((block - start + i) % count);
    blocks.device.read(blocks.position(at, blocks.size), bytes.subarray(i * blocks.size, (i + 1) * blocks.size));
  }
  const view = viewOf(bytes);
  requireHeader(view, block * blocks.size, {
    structure: 'ephemeral object',
    type: place.type & 0xffff,
    subtype: place.subtype,
    storage: STORAGE.ephemeral,
    oid,
    xid: { exactly: xidOf(superblock) },
  });
  return view;
}

function requireOmap(blocks: Blocks, superblock: DataView): void {
  const block = u64le(superblock, 0, nx.nx_omap_oid);
  const xid = { most: xidOf(superblock) };
  const demand = { structure: 'omap_phys', type: OBJECT_TYPE.omap, storage: STORAGE.physical, oid: block, xid };
  const omap = blocks.readObject(block, demand);
  const root = u64le(omap, 0, Omap.at.om_tree_oid);
  const { subtype } = OMAP_TREE;
  blocks.readObject(root, { ...demand, structure: 'btree', type: OBJECT_TYPE.btree, subtype, oid: root });
}
