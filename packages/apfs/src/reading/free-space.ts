// Which blocks are free, as the space manager of a checkpoint has it: chunks, each with a bitmap or wholly free. (`spaceman.ts`
// is the one that takes and frees blocks.) See docs/formats/apfs.md.

import { CorruptError, type Range, u32le, u64le } from '@tintype/core';
import { get64 } from '../object.js';
import { OBJECT_TYPE, STORAGE } from '../structs/object.js';
import {
  ChunkInfo,
  ChunkInfoBlock,
  CI_COUNT_MASK,
  CibAddrBlock,
  Spaceman,
  SpacemanDevice,
} from '../structs/spaceman.js';
import type { Blocks } from './blocks.js';
import type { ContainerReader } from './container-reader.js';

/** Blocks of a container that one bitmap covers. */
export interface Chunk {
  /** First block. */
  readonly start: number;
  readonly count: number;
  readonly free: number;
  /** Block of its bitmap, where a set bit is a used block; 0: all are free. */
  readonly bitmap: number;
  /** Chunk info block that describes it. */
  readonly cib: number;
}

/** All chunks of the main device, ascending. @throws CorruptError */
export function* chunks(container: ContainerReader): Generator<Chunk> {
  const { blocks } = container;
  const perChunk = 8 * blocks.size;
  const most = Math.ceil(blocks.count / perChunk);
  let index = 0;
  for (const cib of chunkInfoBlocks(container)) {
    const view = objectAt(container, cib, OBJECT_TYPE.chunkInfo, 'chunk_info_block');
    const count = u32le(view, 0, ChunkInfoBlock.at.cib_chunk_info_count);
    if (ChunkInfoBlock.size + count * ChunkInfo.size > blocks.size)
      throw new CorruptError('chunk_info_block', 'cib_chunk_info_count', cib, `${count} chunks`);
    for (let i = 0; i < count; i += 1) {
      const chunk = chunkAt(view, ChunkInfoBlock.size + i * ChunkInfo.size, cib);
      const isInPlace = index < most && chunk.start === index * perChunk && chunk.count <= perChunk;
      if (!isInPlace || chunk.start + chunk.count > blocks.count)
        throw new CorruptError(
          'chunk_info',
          'ci_addr',
          cib,
          `chunk ${index} has ${chunk.count} blocks at ${chunk.start}`,
        );
      index += 1;
      yield chunk;
    }
  }
  if (index !== most)
    throw new CorruptError('spaceman_device', 'sm_chunk_count', index, `${index} chunks, not ${most}`);
}

function chunkAt(view: DataView, at: number, cib: number): Chunk {
  return {
    start: u64le(view, at, ChunkInfo.at.ci_addr),
    count: u32le(view, at, ChunkInfo.at.ci_block_count) & CI_COUNT_MASK,
    free: u32le(view, at, ChunkInfo.at.ci_free_count) & CI_COUNT_MASK,
    bitmap: u64le(view, at, ChunkInfo.at.ci_bitmap_addr),
    cib,
  };
}

/** Blocks of all chunk infos, directly or through blocks of addresses. @throws CorruptError */
export function chunkInfoBlocks(container: ContainerReader): number[] {
  const spaceman = container.spaceman();
  if (!spaceman) throw new CorruptError('nx_superblock', 'nx_spaceman_oid', 0, 'there is no space manager');
  const device = Spaceman.at.sm_dev;
  const cibs = u32le(spaceman, device, SpacemanDevice.at.sm_cib_count);
  const cabs = u32le(spaceman, device, SpacemanDevice.at.sm_cab_count);
  const offset = u32le(spaceman, device, SpacemanDevice.at.sm_addr_offset);
  const direct = addresses(spaceman, offset, cabs || cibs);
  const list = cabs === 0 ? direct : direct.flatMap((cab) => cabAddresses(container, cab));
  if (list.length !== cibs || new Set(list).size !== list.length)
    throw new CorruptError('spaceman_device', 'sm_cib_count', device, `${cibs} chunk info blocks, not ${list.length}`);
  return list;
}

function cabAddresses(container: ContainerReader, cab: number): number[] {
  const view = objectAt(container, cab, OBJECT_TYPE.cibAddresses, 'cib_addr_block');
  return addresses(view, CibAddrBlock.size, u32le(view, 0, CibAddrBlock.at.cab_cib_count));
}

function addresses(view: DataView, offset: number, count: number): number[] {
  if (offset + 8 * count > view.byteLength)
    throw new CorruptError('spaceman_device', 'sm_addr_offset', offset, `${count} addresses reach past the object`);
  const list: number[] = [];
  for (let i = 0; i < count; i += 1) list.push(get64(view, offset + 8 * i));
  return list;
}

function objectAt({ blocks, xid }: ContainerReader, block: number, type: number, structure: string): DataView {
  return blocks.readObject(block, { structure, type, storage: STORAGE.physical, oid: block, xid: { most: xid } });
}

/** The bitmap of a chunk, one block, or null if all of it is free. */
export function bitmapOf(blocks: Blocks, { bitmap }: Chunk): Uint8Array | null {
  return bitmap === 0 ? null : blocks.read(bitmap);
}

/** Free ranges in bytes, ascending and apart. @throws CorruptError */
export function* freeRanges(container: ContainerReader): Generator<Range> {
  const { size } = container.blocks;
  let start = 0;
  let end = 0;
  for (const chunk of chunks(container))
    for (const run of freeRuns(chunk, bitmapOf(container.blocks, chunk))) {
      if (run.start !== end) {
        if (end > start) yield { start: start * size, length: (end - start) * size };
        start = run.start;
      }
      end = run.end;
    }
  if (end > start) yield { start: start * size, length: (end - start) * size };
}

function* freeRuns({ start, count }: Chunk, bitmap: Uint8Array | null): Generator<{ start: number; end: number }> {
  if (!bitmap) {
    yield { start, end: start + count };
    return;
  }
  let from = -1;
  for (let i = 0; i < count; i += 1) {
    // Whole bytes of used blocks are the rule.
    if ((i & 7) === 0 && bitmap[i >>> 3] === 0xff && from < 0 && i + 8 <= count) {
      i += 7;
      continue;
    }
    const isFree = ((bitmap[i >>> 3] as number) & (1 << (i & 7))) === 0;
    if (isFree && from < 0) from = i;
    if (!isFree && from >= 0) {
      yield { start: start + from, end: start + i };
      from = -1;
    }
  }
  if (from >= 0) yield { start: start + from, end: start + count };
}
