// Which blocks are free follows from who uses the others: bitmaps of chunks, the counts of each chunk, and their sum.

import { type BlockDevice, u64le } from '@tintype/core';
import type { SpaceFacts } from '../check/check.js';
import { put64, seal, viewOf } from '../object.js';
import { readEphemeral } from '../reading/checkpoint-choice.js';
import type { ContainerReader } from '../reading/container-reader.js';
import { bitmapOf, type Chunk } from '../reading/free-space.js';
import { countSet } from '../space/bits.js';
import { NxSuperblock } from '../structs/container.js';
import { ChunkInfo, ChunkInfoBlock, CI_COUNT_MASK, Spaceman, SpacemanDevice } from '../structs/spaceman.js';

/** Answers what was done. A chunk without a bitmap, all of it said to be free, gets none: its room would have to be found. */
export function mendSpace(device: BlockDevice, { container, chunks, used, isComplete }: SpaceFacts): string[] {
  const acts: string[] = [];
  let free = 0;
  let canCount = true;
  for (const [index, chunk] of chunks.entries()) {
    const wanted = wantedBitmap(container, chunk, used.page(index), isComplete);
    if (!wanted) {
      canCount &&= (used.page(index) ?? NOTHING).every((byte) => byte === 0);
      free += chunk.free;
      continue;
    }
    const left = chunk.count - countSet(wanted);
    free += left;
    acts.push(...putChunk(device, container, chunk, { bitmap: wanted, free: left }));
  }
  if (canCount) acts.push(...putSum(device, container, free));
  return acts;
}
const NOTHING = new Uint8Array(0);

/** Null: the chunk has no bitmap. */
function wantedBitmap(
  { blocks }: ContainerReader,
  chunk: Chunk,
  page: Uint8Array | null,
  isComplete: boolean,
): Uint8Array | null {
  const bitmap = bitmapOf(blocks, chunk);
  if (!bitmap) return null;
  const inUse = page ?? new Uint8Array(blocks.size);
  return isComplete ? inUse.slice() : bitmap.map((byte, at) => byte | (inUse[at] as number));
}

function putChunk(
  device: BlockDevice,
  { blocks }: ContainerReader,
  chunk: Chunk,
  wanted: { readonly bitmap: Uint8Array; readonly free: number },
): string[] {
  const acts: string[] = [];
  if (Buffer.compare(blocks.read(chunk.bitmap), wanted.bitmap) !== 0) {
    device.write(chunk.bitmap * blocks.size, wanted.bitmap);
    acts.push(`marked the blocks of the chunk at ${chunk.start} as they are used`);
  }
  if (chunk.free === wanted.free) return acts;
  const cib = viewOf(blocks.read(chunk.cib));
  const at = ChunkInfoBlock.size + chunkIndex(cib, chunk) * ChunkInfo.size + ChunkInfo.at.ci_free_count;
  cib.setUint32(at, ((cib.getUint32(at, true) & ~CI_COUNT_MASK) | wanted.free) >>> 0, true);
  seal(cib);
  device.write(chunk.cib * blocks.size, new Uint8Array(cib.buffer, cib.byteOffset, cib.byteLength));
  acts.push(`counted the free blocks of the chunk at ${chunk.start}`);
  return acts;
}

function chunkIndex(cib: DataView, { start }: Chunk): number {
  for (let i = 0; ChunkInfoBlock.size + (i + 1) * ChunkInfo.size <= cib.byteLength; i += 1)
    if (u64le(cib, ChunkInfoBlock.size + i * ChunkInfo.size, ChunkInfo.at.ci_addr) === start) return i;
  return 0;
}

function putSum(device: BlockDevice, container: ContainerReader, free: number): string[] {
  const { blocks, superblock, checkpoint } = container;
  const oid = u64le(superblock, 0, NxSuperblock.at.nx_spaceman_oid);
  const place = checkpoint.ephemerals.find((each) => each.oid === oid);
  if (!place) return [];
  const spaceman = readEphemeral(blocks, superblock, place);
  const at = Spaceman.at.sm_dev + SpacemanDevice.at.sm_free_count;
  if (u64le(spaceman, Spaceman.at.sm_dev, SpacemanDevice.at.sm_free_count) === free) return [];
  put64(spaceman, at, free);
  seal(spaceman);
  // It may go on at the beginning of the ring.
  const base = u64le(superblock, 0, NxSuperblock.at.nx_xp_data_base);
  const count = superblock.getUint32(NxSuperblock.at.nx_xp_data_blocks, true);
  for (let done = 0; done < spaceman.byteLength; done += blocks.size) {
    const block = base + ((place.block - base + done / blocks.size) % count);
    device.write(block * blocks.size, new Uint8Array(spaceman.buffer, spaceman.byteOffset + done, blocks.size));
  }
  return ['counted the free blocks of the container'];
}
