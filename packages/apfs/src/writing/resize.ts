// Another size for a container: one checkpoint with a space manager of its own. See docs/formats/apfs.md.
//
// What follows from the number of blocks (chunks, the internal pool, its ring, the limits of the queues) is made anew in blocks
// that no checkpoint uses; the old pool and ring wait in the queue, as the checkpoint before still refers to them, or are left
// where they are if that is behind the new end. What volumes have there was moved before (`evacuation`).

import { type BlockDevice, UnsupportedError, VolumeFullError } from '@tintype/core';
import type { Node } from '../btree/node.js';
import { type EphemeralObject, writeCheckpoint } from '../checkpoint.js';
import { type Geometry, geometry, spacemanLayout } from '../geometry.js';
import { get64, put64, viewOf } from '../object.js';
import { clearBits, setBits } from '../space/bits.js';
import { type ChunkRecord, chunkInfoBlock, cibAddressBlock } from '../space/chunk-blocks.js';
import { FreeQueue } from '../space/free-queue.js';
import { MAIN_QUEUE_AT } from '../space/pool.js';
import type { Extent } from '../spaceman.js';
import { BLOCK_SIZE, NX_MAX_FILE_SYSTEMS, NxSuperblock } from '../structs/container.js';
import { OBJECT_TYPE } from '../structs/object.js';
import {
  BLOCKS_PER_CHUNK,
  CHUNKS_PER_CIB,
  CIBS_PER_CAB,
  FreeQueue as FreeQueueHead,
  IP_BM_INDEX_INVALID,
  SPACEMAN_SIZE,
  Spaceman,
  SpacemanDevice,
} from '../structs/spaceman.js';
import { type Before, bitmapOf, blocksOf, lastUsed, openBefore, placeFor, ringAndPool } from './checkpoint-space.js';
import { LARGEST } from './size-limits.js';

const at = NxSuperblock.at;
const OLDEST_QUEUE_AT = Spaceman.at.sm_fq;

/**
 * Nothing waits for a commit, behind the new end lies nothing but ring and pool, and the device has room for the larger of
 * both sizes. Durable when it returns; whoever has the container open must open it again.
 * @throws VolumeFullError, UnsupportedError, with nothing changed
 */
export function resizeContainer(device: BlockDevice, size: number): void {
  const before = openBefore(device);
  const next = geometry(Math.floor(size / BLOCK_SIZE));
  requireSize(before, next);
  const place = placeFor(before, next);
  const spaceman = newSpaceman(before, next, place);
  const queues = fillQueues(before, next, spaceman);
  writePool(before, next, place, spaceman);
  const { superblock, objects, xid } = before;
  put64(superblock, at.nx_block_count, next.blocks);
  superblock.setUint32(at.nx_max_file_systems, next.maxVolumes, true);
  superblock.setUint32(at.nx_ephemeral_info + 4, next.minEphemerals, true);
  const spacemanOid = get64(superblock, at.nx_spaceman_oid);
  const replaced = new Set([spacemanOid, ...queueOids(before)]);
  const carried = objects.filter(({ oid }) => !replaced.has(oid));
  const fresh = queues.map(({ oid, node }): EphemeralObject => {
    node.settle();
    node.setHeader(oid, xid);
    return { oid, fsOid: 0, view: node.view };
  });
  writeCheckpoint(device, superblock, xid, [{ oid: spacemanOid, fsOid: 0, view: spaceman }, ...carried, ...fresh]);
  device.write(0, new Uint8Array(superblock.buffer, superblock.byteOffset, BLOCK_SIZE));
  device.flush();
}

function requireSize(before: Before, next: Geometry): void {
  if (next.blocks * BLOCK_SIZE > LARGEST)
    throw new UnsupportedError(`an APFS container has ${LARGEST} bytes at most, not ${next.blocks * BLOCK_SIZE}`);
  if (lastUsed(before, ringAndPool(before)) >= next.blocks)
    throw new UnsupportedError('behind the new end lies something that cannot be moved');
  for (let slot = next.maxVolumes; slot < NX_MAX_FILE_SYSTEMS; slot += 1)
    if (get64(before.superblock, at.nx_fs_oid + 8 * slot) !== 0)
      throw new UnsupportedError(`a container of this size has ${next.maxVolumes} volumes at most`);
}

/** Ring and pool, as far as they lie before and behind the new end. */
function partsOf(before: Before, end: number): { readonly inside: Extent[]; readonly behind: Extent[] } {
  const inside: Extent[] = [];
  const behind: Extent[] = [];
  for (const { start, count } of ringAndPool(before)) {
    const kept = Math.max(0, Math.min(count, end - start));
    if (kept > 0) inside.push({ start, count: kept });
    if (kept < count) behind.push({ start: start + kept, count: count - kept });
  }
  return { inside, behind };
}

/** Blocks of an extent among `count` from `first` on. */
function overlap(extent: Extent, first: number, count: number): number {
  const end = Math.min(extent.start + extent.count, first + count);
  return Math.max(0, end - Math.max(extent.start, first));
}

/** Everything but what the queues and the table of chunks put into it. */
function newSpaceman(before: Before, next: Geometry, place: Extent): DataView {
  const { spaceman, superblock, table } = before;
  const dropped = blocksOf(partsOf(before, next.blocks).behind);
  const layout = spacemanLayout(next);
  const view = viewOf(new Uint8Array(layout.size));
  const fields = Spaceman.at;
  const old = new Uint8Array(spaceman.buffer, spaceman.byteOffset, SPACEMAN_SIZE);
  new Uint8Array(view.buffer).set(old);
  const main = SpacemanDevice.read(view, fields.sm_dev);
  SpacemanDevice.write(view, fields.sm_dev, {
    ...main,
    sm_block_count: next.blocks,
    sm_chunk_count: next.chunks,
    sm_cib_count: next.cibs,
    sm_cab_count: next.cabs,
    sm_free_count: main.sm_free_count + dropped + next.blocks - table.blocks - place.count,
    sm_addr_offset: layout.addresses,
  });
  view.setUint32(fields.sm_dev + SpacemanDevice.size + SpacemanDevice.at.sm_addr_offset, layout.tier2Addresses, true);
  put64(view, fields.sm_ip_block_count, next.poolBlocks);
  view.setUint32(fields.sm_ip_bm_size_in_blocks, next.poolBitmapBlocks, true);
  view.setUint32(fields.sm_ip_bm_block_count, next.poolRingBlocks, true);
  put64(view, fields.sm_ip_bm_base, place.start);
  put64(view, fields.sm_ip_base, place.start + next.poolRingBlocks);
  view.setUint16(fields.sm_ip_bm_free_head, next.poolBitmapBlocks, true);
  view.setUint16(fields.sm_ip_bm_free_tail, next.poolRingBlocks - 1, true);
  view.setUint32(fields.sm_ip_bm_xid_offset, layout.xids, true);
  view.setUint32(fields.sm_ip_bitmap_offset, layout.slots, true);
  view.setUint32(fields.sm_ip_bm_free_next_offset, layout.freeNext, true);
  view.setUint16(OLDEST_QUEUE_AT + FreeQueueHead.at.sfq_tree_node_limit, next.poolQueueLimit, true);
  view.setUint16(MAIN_QUEUE_AT + FreeQueueHead.at.sfq_tree_node_limit, next.mainQueueLimit, true);
  const xid = get64(superblock, at.o_xid) + 1;
  for (let i = 0; i < next.poolBitmapBlocks; i += 1) {
    put64(view, layout.xids + 8 * i, xid);
    view.setUint16(layout.slots + 2 * i, i, true);
  }
  for (let slot = 0; slot < next.poolRingBlocks; slot += 1) {
    const isLinked = slot >= next.poolBitmapBlocks && slot < next.poolRingBlocks - 1;
    view.setUint16(layout.freeNext + 2 * slot, isLinked ? slot + 1 : IP_BM_INDEX_INVALID, true);
  }
  return view;
}

/** The pool's queue is empty, as its blocks are new; the old ring and pool wait in the other. */
function fillQueues(before: Before, next: Geometry, view: DataView): { oid: number; node: Node }[] {
  const { xid, superblock, read } = before;
  const newOid = (): number => {
    const oid = get64(superblock, at.nx_next_oid);
    put64(superblock, at.nx_next_oid, oid + 1);
    return oid;
  };
  const ofPool = new FreeQueue(view, OLDEST_QUEUE_AT, read);
  ofPool.release(Number.MAX_SAFE_INTEGER, () => {});
  const main = new FreeQueue(view, MAIN_QUEUE_AT, read);
  for (const { start, count } of partsOf(before, next.blocks).inside) main.add(xid, start, count);
  if (!main.fits()) throw new VolumeFullError(BLOCK_SIZE, 0);
  return [...ofPool.pack(view, OLDEST_QUEUE_AT, newOid), ...main.pack(view, MAIN_QUEUE_AT, newOid)];
}

/** Oids of the nodes of both queues as they are now. */
function queueOids({ objects }: Before): number[] {
  const nodes = objects.filter(({ view }) => (view.getUint32(SUBTYPE_AT, true) & 0xffff) === OBJECT_TYPE.freeQueue);
  return nodes.map(({ oid }) => oid);
}
/** o_subtype of an object. */
const SUBTYPE_AT = 28;

/** Bitmaps, chunk infos and their addresses, one behind the other, and the pool's own bitmap. */
const youngest = (parts: readonly { readonly xid: number }[]): number =>
  parts.reduce((most, { xid }) => Math.max(most, xid), 0);

function writePool(before: Before, next: Geometry, place: Extent, spaceman: DataView): void {
  const { device, xid, table } = before;
  const base = place.start + next.poolRingBlocks;
  const { behind } = partsOf(before, next.blocks);
  let taken = 0;
  const put = (bytes: Uint8Array): number => {
    const block = base + taken;
    taken += 1;
    device.write(block * BLOCK_SIZE, bytes);
    return block;
  };
  const infos: ChunkRecord[] = [];
  for (let chunk = 0; chunk < next.chunks; chunk += 1) {
    const start = chunk * BLOCKS_PER_CHUNK;
    const size = Math.min(BLOCKS_PER_CHUNK, next.blocks - start);
    const known = chunk < table.count ? table.sizeOf(chunk) : 0;
    const from = Math.max(place.start - start, 0);
    const to = Math.min(place.start + place.count - start, size);
    const added = Math.max(0, to - from);
    const dropped = behind.reduce((sum, extent) => sum + overlap(extent, start, known), 0);
    const used = known - (chunk < table.count ? (table.free[chunk] as number) : 0) - dropped + added;
    let bitmap = 0;
    if (used > 0) {
      const bytes = chunk < table.count ? bitmapOf(before, chunk) : new Uint8Array(BLOCK_SIZE);
      const kept = Math.min(known, size);
      clearBits(bytes, kept, BLOCKS_PER_CHUNK - kept);
      if (added > 0) setBits(bytes, from, added);
      bitmap = put(bytes);
    }
    const { xid: last, blockFlags, freeFlags } = table.stateOf(chunk);
    const changed = added > 0 || size !== known ? xid : last;
    infos.push({ start, size: size | blockFlags, free: (size - used) | freeFlags, bitmap, xid: changed });
  }
  // Each is as old as the youngest thing in it, though all are written anew: `apfsck` says so.
  const cibs: { block: number; xid: number }[] = [];
  for (let index = 0; index < next.cibs; index += 1) {
    const part = infos.slice(index * CHUNKS_PER_CIB, (index + 1) * CHUNKS_PER_CIB);
    const own = { index, block: base + taken, xid: youngest(part) };
    cibs.push({ block: put(chunkInfoBlock(own, part)), xid: own.xid });
  }
  const cabs: number[] = [];
  for (let index = 0; index < next.cabs; index += 1) {
    const part = cibs.slice(index * CIBS_PER_CAB, (index + 1) * CIBS_PER_CAB);
    const blocks = part.map(({ block }) => block);
    cabs.push(put(cibAddressBlock({ index, block: base + taken, xid: youngest(part) }, blocks)));
  }
  const { addresses } = spacemanLayout(next);
  const first = next.cabs > 0 ? cabs : cibs.map(({ block }) => block);
  for (const [i, block] of first.entries()) put64(spaceman, addresses + 8 * i, block);
  const bitmap = new Uint8Array(next.poolBitmapBlocks * BLOCK_SIZE);
  setBits(bitmap, 0, taken);
  // Slots of the ring that are not in use are zeros.
  device.zero(place.start * BLOCK_SIZE, next.poolRingBlocks * BLOCK_SIZE);
  device.write(place.start * BLOCK_SIZE, bitmap);
}
