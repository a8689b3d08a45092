// The space of a container as its newest checkpoint leaves it, opened to be measured, or made anew for another size.

import { type BlockDevice, CorruptError, VolumeFullError } from '@tintype/core';
import { type EphemeralObject, openCheckpoint } from '../checkpoint.js';
import type { Geometry } from '../geometry.js';
import { get64, readBlock, viewOf } from '../object.js';
import { clearBits, isSet, runLength } from '../space/bits.js';
import { ChunkTable } from '../space/chunks.js';
import { FreeQueue } from '../space/free-queue.js';
import { MAIN_QUEUE_AT, Pool } from '../space/pool.js';
import type { Extent } from '../spaceman.js';
import { BLOCK_SIZE, NxSuperblock } from '../structs/container.js';
import { BLOCKS_PER_CHUNK, Spaceman } from '../structs/spaceman.js';

const at = NxSuperblock.at;

/** The newest checkpoint, opened to be changed. */
export interface Before {
  readonly device: BlockDevice;
  readonly superblock: DataView;
  /** Of the checkpoint that is to come. */
  readonly xid: number;
  readonly objects: readonly EphemeralObject[];
  readonly spaceman: DataView;
  readonly table: ChunkTable;
  readonly pool: Pool;
  read(oid: number): Uint8Array;
}

export function openBefore(device: BlockDevice): Before {
  const { superblock, xid, objects } = openCheckpoint(device);
  const read = (oid: number): Uint8Array => {
    const view = objects.find((object) => object.oid === oid)?.view;
    if (!view) throw new CorruptError('checkpoint_mapping', 'cpm_oid', oid, 'the object is not mapped');
    return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  };
  const spaceman = viewOf(read(get64(superblock, at.nx_spaceman_oid)));
  const pool = new Pool(device, spaceman, read);
  const table = new ChunkTable(device, spaceman, pool);
  return { device, superblock, xid: xid + 1, objects, spaceman, table, pool, read };
}

export function ringAndPool({ spaceman }: Before): Extent[] {
  const fields = Spaceman.at;
  return [
    { start: get64(spaceman, fields.sm_ip_bm_base), count: spaceman.getUint32(fields.sm_ip_bm_block_count, true) },
    { start: get64(spaceman, fields.sm_ip_base), count: get64(spaceman, fields.sm_ip_block_count) },
  ];
}

/** What is in use only until two more checkpoints were made. */
export function waitingOf({ spaceman, read, superblock }: Before): Extent[] {
  const ranges: Extent[] = [];
  const xid = get64(superblock, at.o_xid);
  new FreeQueue(spaceman, MAIN_QUEUE_AT, read).release(xid, (start, count) => ranges.push({ start, count }));
  return ranges;
}

/** The last block that is in use, those in `except` left out. */
export function lastUsed(before: Before, except: readonly Extent[] = []): number {
  for (let chunk = before.table.count - 1; chunk >= 0; chunk -= 1) {
    const size = before.table.sizeOf(chunk);
    if (before.table.free[chunk] === size) continue;
    const bytes = bitmapWithout(before, chunk, except);
    for (let bit = size - 1; bit >= 0; bit -= 1) if (isSet(bytes, bit)) return chunk * BLOCKS_PER_CHUNK + bit;
  }
  return 0;
}

/** The bitmap of a chunk in which the blocks of `free` are free. */
function bitmapWithout(before: Before, chunk: number, free: readonly Extent[]): Uint8Array {
  const bytes = bitmapOf(before, chunk);
  const first = chunk * BLOCKS_PER_CHUNK;
  for (const { start, count } of free) {
    const from = Math.max(0, start - first);
    const to = Math.min(before.table.sizeOf(chunk), start + count - first);
    if (to > from) clearBits(bytes, from, to - from);
  }
  return bytes;
}

export function bitmapOf({ device, table }: Before, chunk: number): Uint8Array {
  const block = table.bitmaps[chunk] ?? 0;
  return block === 0 ? new Uint8Array(BLOCK_SIZE) : readBlock(device, block);
}

/** Free blocks in one piece for ring and pool, or such as `waiting` will leave. @throws VolumeFullError */
export function placeFor(before: Before, next: Geometry, waiting: readonly Extent[] = []): Extent {
  const { blocks, poolBlocks, poolRingBlocks } = next;
  const count = poolBlocks + poolRingBlocks;
  const { table } = before;
  if (blocks - table.blocks >= count) return { start: table.blocks, count };
  const place = firstRun(before, count, blocks, waiting);
  if (!place.isWhole) throw new VolumeFullError(count * BLOCK_SIZE, place.count * BLOCK_SIZE);
  return { start: place.start, count };
}

/** The first `count` free blocks in one piece before block `end`; `isWhole`: there are so many. */
export function firstRun(
  before: Before,
  count: number,
  end: number,
  except: readonly Extent[] = [],
): Extent & { readonly isWhole: boolean } {
  const { table } = before;
  let start = 0;
  let length = 0;
  for (let chunk = 0; chunk < table.count && length < count; chunk += 1) {
    const limit = Math.min(table.sizeOf(chunk), end - chunk * BLOCKS_PER_CHUNK);
    const bytes = bitmapWithout(before, chunk, except);
    for (let bit = 0; bit < limit && length < count; ) {
      const run = runLength(bytes, bit, limit);
      if (isSet(bytes, bit)) length = 0;
      else {
        if (length === 0) start = chunk * BLOCKS_PER_CHUNK + bit;
        length += run;
      }
      bit += run;
    }
  }
  return { start, count: Math.min(length, count), isWhole: length >= count };
}

export function blocksOf(extents: readonly Extent[]): number {
  return extents.reduce((sum, { count }) => sum + count, 0);
}

/** All free blocks, and those of `except`, in runs, ascending. */
export function freeRuns(before: Before, except: readonly Extent[]): Extent[] {
  const { table } = before;
  const runs: Extent[] = [];
  for (let chunk = 0; chunk < table.count; chunk += 1) {
    const size = table.sizeOf(chunk);
    const bytes = bitmapWithout(before, chunk, except);
    for (let bit = 0; bit < size; ) {
      const count = runLength(bytes, bit, size);
      const start = chunk * BLOCKS_PER_CHUNK + bit;
      const last = runs.at(-1);
      const isNext = last !== undefined && last.start + last.count === start;
      if (!isSet(bytes, bit)) {
        if (isNext) runs[runs.length - 1] = { start: last.start, count: last.count + count };
        else runs.push({ start, count });
      }
      bit += count;
    }
  }
  return runs;
}
