// What the checkpoint before the last needs, and the last calls free: pieces that were freed with no room in the free queue. Who
// opens a container anew does not know them otherwise.

import { type BlockDevice, CorruptError } from '@tintype/core';
import { readBlock } from '../object.js';
import { BLOCK_SIZE } from '../structs/container.js';
import { BLOCKS_PER_CHUNK, Spaceman as SpacemanObject } from '../structs/spaceman.js';
import type { Extent } from './barred.js';
import { clearBits, isSet, runLength } from './bits.js';
import { ChunkTable } from './chunks.js';
import { FreeQueue, type ReadEphemeral } from './free-queue.js';
import { MAIN_QUEUE_AT, Pool } from './pool.js';

/** Of the checkpoint before: its space manager, and how to read what else is ephemeral. */
export interface SpaceBefore {
  readonly view: DataView;
  readonly read: ReadEphemeral;
}

/** Of the last checkpoint: where the bitmap of each chunk lies, and what stands in it. */
export interface SpaceNow {
  readonly bitmaps: Float64Array;
  readonly bitmap: (chunk: number) => Uint8Array;
}

/** More pieces than a commit frees; a map of hostile bits has no end of them. */
const MOST = 1 << 20;

/** Ascending, in blocks. None if the checkpoint before is damaged: then there is nothing to keep whole. */
export function neededBefore(device: BlockDevice, before: SpaceBefore, now: SpaceNow): Extent[] {
  try {
    const extents: Extent[] = [];
    for (const extent of needed(device, before, now)) {
      if (extents.length === MOST) return [];
      extents.push(extent);
    }
    return extents;
  } catch (error) {
    if (!(error instanceof CorruptError)) throw error;
    return [];
  }
}

function* needed(device: BlockDevice, { view, read }: SpaceBefore, now: SpaceNow): Generator<Extent> {
  SpacemanObject.require(view, 0);
  const table = new ChunkTable(device, view, new Pool(device, view, read));
  if (table.count !== now.bitmaps.length) return;
  const queued = queuedByChunk(new FreeQueue(view, MAIN_QUEUE_AT, read));
  for (let chunk = 0; chunk < table.count; chunk += 1) {
    const block = table.bitmaps[chunk] as number;
    // A bitmap that changes is written elsewhere.
    if (block === 0 || block === now.bitmaps[chunk]) continue;
    const bytes = readBlock(device, block, new Uint8Array(BLOCK_SIZE));
    for (const [bit, count] of queued.get(chunk) ?? []) clearBits(bytes, bit, count);
    const used = now.bitmap(chunk);
    for (let i = 0; i < BLOCK_SIZE; i += 1) bytes[i] = (bytes[i] as number) & ~(used[i] as number);
    for (let bit = 0; bit < BLOCKS_PER_CHUNK; ) {
      const run = runLength(bytes, bit, BLOCKS_PER_CHUNK);
      if (isSet(bytes, bit)) yield { start: chunk * BLOCKS_PER_CHUNK + bit, count: run };
      bit += run;
    }
  }
}

/** What waited already is marked as used, but not needed. Bits of each chunk. */
function queuedByChunk(queue: FreeQueue): Map<number, (readonly [bit: number, count: number])[]> {
  const queued = new Map<number, (readonly [number, number])[]>();
  queue.each((start, count) => {
    for (let at = start; at < start + count; ) {
      const chunk = Math.floor(at / BLOCKS_PER_CHUNK);
      const end = Math.min(start + count, (chunk + 1) * BLOCKS_PER_CHUNK);
      const parts = queued.get(chunk) ?? [];
      parts.push([at - chunk * BLOCKS_PER_CHUNK, end - at]);
      queued.set(chunk, parts);
      at = end;
    }
  });
  return queued;
}
