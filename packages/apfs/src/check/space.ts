// The space manager: chunks, the internal pool, the free queues; and in the end the bitmap against everything that is in use.
// See docs/formats/apfs.md.

import { u32le, u64le } from '@tintype/core';
import { FREE_QUEUE_TREE } from '../btree/kinds.js';
import { get64 } from '../object.js';
import { readEphemeral } from '../reading/checkpoint-choice.js';
import { bitmapOf, type Chunk, chunkInfoBlocks, chunks } from '../reading/free-space.js';
import { NxSuperblock } from '../structs/container.js';
import {
  FreeQueue,
  FreeQueueKey,
  IP_BM_INDEX_INVALID,
  IP_BM_TX_MULTIPLIER,
  Spaceman,
  SpacemanDevice,
} from '../structs/spaceman.js';
import { addressesAt, checkChunkBlocks } from './chunk-blocks.js';
import type { ContainerCheck } from './container.js';
import { checkSpaceFields } from './space-fields.js';
import { checkTree } from './tree.js';

const at = Spaceman.at;
const PLACE = 'space manager';
const QUEUES = ['queue of the pool', 'main queue'] as const;

/** What `compareBitmap` needs later; null if the space manager cannot be followed. */
export interface Space {
  readonly chunks: readonly Chunk[];
  /** Blocks of the pool in use, counted from its base. */
  readonly pool: Set<number>;
}

export function checkSpace(check: ContainerCheck): Space | null {
  const { report, container } = check;
  const spaceman = report.attempt('spaceman', PLACE, () => container.spaceman());
  if (!spaceman) {
    report.add('spaceman', PLACE, 'it is not in the checkpoint');
    return null;
  }
  check.claimed.add(u64le(container.superblock, 0, NxSuperblock.at.nx_spaceman_oid));
  const list = report.attempt('chunk', PLACE, () => [...chunks(container)]);
  const cibs = report.attempt('chunk', PLACE, () => chunkInfoBlocks(container));
  report.attempt('spaceman', PLACE, () => checkGeometry(check, spaceman));
  report.attempt('spaceman', PLACE, () => checkSpaceFields(check, spaceman));
  const cabs = report.attempt('spaceman', PLACE, () => cabsOf(spaceman)) ?? [];
  const pool = report.attempt('spaceman', PLACE, () => {
    markRegions(check, spaceman);
    return poolInUse(check, spaceman, [...(list ?? []).map(({ bitmap }) => bitmap), ...(cibs ?? []), ...cabs]);
  });
  if (!pool) return null;
  const queues = [...QUEUES.entries()].map(([index, name]) =>
    report.attempt('free-queue', name, () => checkQueue(check, spaceman, { index, name, pool }) ?? true),
  );
  if (!list || !cibs || queues.includes(null)) return null;
  checkChunkBlocks(check, cibs, cabs);
  report.attempt('spaceman', PLACE, () => checkSums(check, spaceman, list));
  report.attempt('pool', 'internal pool', () => checkPool(check, spaceman, pool));
  return { chunks: list, pool };
}

/** Blocks of the pool that hold chunk infos, their lists and bitmaps, counted from its base. 0 among them: a bitmap that is none. */
function poolInUse({ report }: ContainerCheck, spaceman: DataView, blocks: readonly number[]): Set<number> {
  const base = u64le(spaceman, 0, at.sm_ip_base);
  const count = u64le(spaceman, 0, at.sm_ip_block_count);
  const pool = new Set<number>();
  for (const block of blocks) {
    if (block === 0) continue;
    const isInside = block >= base && block < base + count;
    report.expect(isInside, 'pool', 'internal pool', `block ${block} of the space manager lies outside`);
    const isTwice = pool.has(block - base);
    report.expect(!isTwice, 'pool', 'internal pool', `block ${block} belongs to two things`);
    pool.add(block - base);
  }
  return pool;
}

function cabsOf(spaceman: DataView): number[] {
  const count = u32le(spaceman, at.sm_dev, SpacemanDevice.at.sm_cab_count);
  return addressesAt(spaceman, u32le(spaceman, at.sm_dev, SpacemanDevice.at.sm_addr_offset), count);
}

function checkGeometry({ container, report }: ContainerCheck, spaceman: DataView): void {
  const { blocks } = container;
  const rule = (holds: boolean, message: string): void => report.expect(holds, 'spaceman', PLACE, message);
  const { size } = blocks;
  rule(u32le(spaceman, 0, at.sm_block_size) === size, 'has another block size');
  rule(u32le(spaceman, 0, at.sm_blocks_per_chunk) === 8 * size, 'has another number of blocks in a chunk');
  rule(u32le(spaceman, 0, at.sm_chunks_per_cib) === Math.floor((size - 40) / 32), 'has another number of chunks');
  rule(u32le(spaceman, 0, at.sm_cibs_per_cab) === Math.floor((size - 40) / 8), 'has another number of chunk infos');
  const total = u64le(spaceman, at.sm_dev, SpacemanDevice.at.sm_block_count);
  rule(total === blocks.count, `counts ${total} blocks of ${blocks.count}`);
  const chunkCount = u64le(spaceman, at.sm_dev, SpacemanDevice.at.sm_chunk_count);
  rule(chunkCount === Math.ceil(total / (8 * size)), `counts ${chunkCount} chunks`);
  const parts =
    chunkCount +
    u32le(spaceman, at.sm_dev, SpacemanDevice.at.sm_cib_count) +
    u32le(spaceman, at.sm_dev, SpacemanDevice.at.sm_cab_count);
  const pool = u64le(spaceman, 0, at.sm_ip_block_count);
  rule(pool === 3 * parts, `the internal pool has ${pool} blocks, not ${3 * parts}`);
  const bitmaps = u32le(spaceman, 0, at.sm_ip_bm_size_in_blocks);
  rule(bitmaps === Math.ceil(pool / (8 * size)), `the pool has ${bitmaps} bitmaps`);
  const ring = u32le(spaceman, 0, at.sm_ip_bm_block_count);
  rule(ring === IP_BM_TX_MULTIPLIER * bitmaps, `the ring of the pool's bitmaps has ${ring} blocks`);
  rule(u32le(spaceman, 0, at.sm_ip_bm_tx_multiplier) === IP_BM_TX_MULTIPLIER, 'keeps another number of bitmaps');
}

function markRegions({ used }: ContainerCheck, spaceman: DataView): void {
  used.mark(
    u64le(spaceman, 0, at.sm_ip_bm_base),
    u32le(spaceman, 0, at.sm_ip_bm_block_count),
    "ring of the pool's bitmaps",
  );
  used.mark(u64le(spaceman, 0, at.sm_ip_base), u64le(spaceman, 0, at.sm_ip_block_count), 'internal pool');
}

function checkSums({ container, report }: ContainerCheck, spaceman: DataView, list: readonly Chunk[]): void {
  const { blocks } = container;
  let free = 0;
  for (const chunk of list) {
    free += chunk.free;
    const bitmap = report.attempt('chunk', `chunk at ${chunk.start}`, () => bitmapOf(blocks, chunk));
    const counted = bitmap ? chunk.count - ones(bitmap, chunk.count) : chunk.count;
    const isRight = counted === chunk.free;
    report.expect(
      isRight,
      'chunk-free-count',
      `chunk at ${chunk.start}`,
      `${counted} blocks are free, not ${chunk.free}`,
    );
    if (bitmap && ones(bitmap, 8 * bitmap.length) !== ones(bitmap, chunk.count))
      report.add('chunk', `chunk at ${chunk.start}`, 'bits behind its end are set');
  }
  const said = u64le(spaceman, at.sm_dev, SpacemanDevice.at.sm_free_count);
  report.expect(said === free, 'free-count', PLACE, `counts ${said} free blocks; the chunks have ${free}`);
  const reserve = u64le(spaceman, 0, at.sm_fs_reserve_block_count) - u64le(spaceman, 0, at.sm_fs_reserve_alloc_count);
  report.expect(reserve <= free, 'spaceman', PLACE, `reserves ${reserve} blocks of ${free}`);
}

/** Set bits among the first `count`. */
function ones(bitmap: Uint8Array, count: number): number {
  let sum = 0;
  for (let i = 0; i < count >>> 3; i += 1) sum += ONES[bitmap[i] as number] as number;
  for (let bit = count & ~7; bit < count; bit += 1) sum += ((bitmap[bit >>> 3] as number) >>> (bit & 7)) & 1;
  return sum;
}
const ONES = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll('0', '').length);

/** More blocks than a pool can have: three times the chunk infos, their lists and bitmaps. */
function largestPool({ blocks }: ContainerCheck['container']): number {
  return 4 * Math.ceil(blocks.count / (8 * blocks.size)) + 8;
}

interface Queue {
  readonly index: number;
  readonly name: string;
  readonly pool: Set<number>;
}

function checkQueue(check: ContainerCheck, spaceman: DataView, { index, name, pool }: Queue): void {
  const { container, report, used } = check;
  const head = at.sm_fq + index * FreeQueue.size;
  const root = u64le(spaceman, head, FreeQueue.at.sfq_tree_oid);
  const said = u64le(spaceman, head, FreeQueue.at.sfq_count);
  let blocks = 0;
  let oldest = 0;
  const base = u64le(spaceman, 0, at.sm_ip_base);
  const end = base + u64le(spaceman, 0, at.sm_ip_block_count);
  const record = (view: DataView, key: number, value: number): void => {
    const start = u64le(view, key, FreeQueueKey.at.sfqk_paddr);
    const xid = u64le(view, key, FreeQueueKey.at.sfqk_xid);
    const length = value < 0 ? 1 : get64(view, value);
    if (oldest === 0) oldest = xid;
    report.expect(value < 0 || length > 1, 'free-queue', name, `${length} blocks at ${start} in a value`);
    report.expect(xid > 0 && xid <= container.xid, 'free-queue', name, `blocks freed in transaction ${xid}`);
    const inPool = start >= base && start + length <= end;
    const outside = start + length <= base || start >= end;
    report.expect(
      index === 0 ? inPool : outside,
      'free-queue',
      name,
      `${length} blocks at ${start} are of the other queue`,
    );
    blocks += length;
    if (index > 0) used.mark(start, length, name);
    else if (inPool) queueInPool(check, pool, { name, start: start - base, length });
  };
  const nodes = root > 0 ? walkQueue(check, name, root, record) : 0;
  const limit = spaceman.getUint16(head + FreeQueue.at.sfq_tree_node_limit, true);
  report.expect(nodes <= limit, 'free-queue', name, `has ${nodes} nodes, where ${limit} may be`);
  report.expect(blocks === said, 'free-queue', name, `counts ${said} blocks; there are ${blocks}`);
  const first = u64le(spaceman, head, FreeQueue.at.sfq_oldest_xid);
  report.expect(first === oldest, 'free-queue', name, `its oldest transaction is ${oldest}, not ${first}`);
}

/** Blocks of the pool that are queued, counted from its base: they are in use by nothing else, and not queued yet. */
function queueInPool(
  { container, report }: ContainerCheck,
  pool: Set<number>,
  { name, start, length }: { readonly name: string; readonly start: number; readonly length: number },
): void {
  for (let at = start; at < start + Math.min(length, largestPool(container)); at += 1) {
    report.expect(!pool.has(at), 'free-queue', name, `block ${at} of the pool is in use, or queued twice`);
    pool.add(at);
  }
}

function walkQueue(
  { container, report, claimed }: ContainerCheck,
  name: string,
  root: number,
  record: (view: DataView, key: number, value: number) => void,
): number {
  const { blocks, superblock, checkpoint, xid } = container;
  const read = (oid: number): Uint8Array => {
    claimed.add(oid);
    const place = checkpoint.ephemerals.find((each) => each.oid === oid);
    const view = readEphemeral(blocks, superblock, place ?? { oid, type: 0, subtype: 0, size: 0, block: 0 });
    return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  };
  const { nodes } = checkTree({
    blocks,
    report,
    kind: FREE_QUEUE_TREE,
    name,
    root,
    read,
    resolve: () => ({ block: 0, bytes: blocks.size, xid: { exactly: xid }, hasHeader: true }),
    visitRecord: (node, index) => record(node.view, node.keyAt(index), node.valueAt(index)),
  });
  return nodes;
}

/** The pool's own bitmap, and the list of free slots of its ring. */
function checkPool({ container, report }: ContainerCheck, spaceman: DataView, pool: ReadonlySet<number>): void {
  const { blocks } = container;
  const place = 'internal pool';
  const ring = u32le(spaceman, 0, at.sm_ip_bm_block_count);
  const bitmaps = Math.min(u32le(spaceman, 0, at.sm_ip_bm_size_in_blocks), ring);
  const count = u64le(spaceman, 0, at.sm_ip_block_count);
  const slotsAt = u32le(spaceman, 0, at.sm_ip_bitmap_offset);
  const nextAt = u32le(spaceman, 0, at.sm_ip_bm_free_next_offset);
  if (Math.max(slotsAt + 2 * bitmaps, nextAt + 2 * ring) > spaceman.byteLength) {
    report.add('pool', place, 'its lists reach past the space manager');
    return;
  }
  const taken = new Set<number>();
  let wrong = 0;
  for (let i = 0; i < bitmaps; i += 1) {
    const slot = spaceman.getUint16(slotsAt + 2 * i, true);
    report.expect(slot < ring && !taken.has(slot), 'pool', place, `bitmap ${i} is in slot ${slot}`);
    taken.add(slot);
    const bitmap = blocks.read(u64le(spaceman, 0, at.sm_ip_bm_base) + slot);
    const first = i * 8 * blocks.size;
    for (let bit = 0; bit < 8 * bitmap.length; bit += 1) {
      const isSet = (((bitmap[bit >>> 3] as number) >>> (bit & 7)) & 1) === 1;
      if (isSet !== (first + bit < count && pool.has(first + bit))) wrong += 1;
    }
  }
  report.expect(wrong === 0, 'pool-bitmap', place, `${wrong} blocks are marked wrongly in its bitmap`);
  let free = 0;
  const tail = spaceman.getUint16(at.sm_ip_bm_free_tail, true);
  let last = IP_BM_INDEX_INVALID;
  let slot = spaceman.getUint16(at.sm_ip_bm_free_head, true);
  while (slot !== IP_BM_INDEX_INVALID) {
    if (slot >= ring || taken.has(slot)) break;
    taken.add(slot);
    free += 1;
    last = slot;
    slot = spaceman.getUint16(nextAt + 2 * slot, true);
  }
  report.expect(
    free + bitmaps === ring && last === tail && slot === IP_BM_INDEX_INVALID,
    'pool',
    place,
    `${free} slots of its ring of ${ring} are free`,
  );
}

/** The bitmap against what is in use. `isComplete`: everything could be followed, so what is left over is lost. */
export function compareBitmap(check: ContainerCheck, space: Space, isComplete: boolean): void {
  const { container, report, used } = check;
  const { blocks } = container;
  const nothing = new Uint8Array(blocks.size);
  for (const [index, chunk] of space.chunks.entries()) {
    const bitmap = report.attempt('chunk', `chunk at ${chunk.start}`, () => bitmapOf(blocks, chunk));
    const page = used.page(index);
    if (!page && !bitmap) continue;
    const { lost, missing } = differences(bitmap ?? nothing, page ?? nothing, chunk.count);
    const place = `chunk at ${chunk.start}`;
    const text = ({ count, first }: Difference): string => `${count} blocks from ${chunk.start + first} on are`;
    if (missing.count > 0) report.add('bitmap-missing', place, `${text(missing)} in use, but marked free`);
    if (lost.count > 0 && isComplete)
      report.add('bitmap-lost', place, `${text(lost)} marked used, but belong to nothing`);
  }
}

/** Blocks that differ in one way, and the first of them. */
interface Difference {
  count: number;
  first: number;
}

function differences(bitmap: Uint8Array, page: Uint8Array, count: number): { lost: Difference; missing: Difference } {
  const lost = { count: 0, first: 0 };
  const missing = { count: 0, first: 0 };
  for (let at = 0; at < Math.ceil(count / 8); at += 1) {
    const difference = (bitmap[at] as number) ^ (page[at] as number);
    for (let bit = 0; difference >>> bit !== 0; bit += 1) {
      if (((difference >>> bit) & 1) === 0 || 8 * at + bit >= count) continue;
      const kind = (((bitmap[at] as number) >>> bit) & 1) === 1 ? lost : missing;
      if (kind.count === 0) kind.first = 8 * at + bit;
      kind.count += 1;
    }
  }
  return { lost, missing };
}
