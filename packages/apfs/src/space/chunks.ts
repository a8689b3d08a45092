// The table of chunks: how many blocks of each are free, and where its bitmap lies. Read whole when a container is opened for
// writing; changed parts are written to other blocks of the internal pool. See docs/formats/apfs.md.

import type { BlockDevice } from '@tintype/core';
import { get64, put64, readBlock, requireObject, viewOf } from '../object.js';
import { BLOCK_SIZE } from '../structs/container.js';
import { OBJECT_TYPE } from '../structs/object.js';
import {
  BLOCKS_PER_CHUNK,
  CHUNKS_PER_CIB,
  ChunkInfo,
  ChunkInfoBlock,
  CI_COUNT_MASK,
  CIBS_PER_CAB,
  CibAddrBlock,
  Spaceman,
  SpacemanDevice,
} from '../structs/spaceman.js';
import { type ChunkRecord, chunkInfoBlock, cibAddressBlock } from './chunk-blocks.js';
import type { Pool } from './pool.js';

export class ChunkTable {
  readonly count: number;
  readonly blocks: number;
  /** Blocks of each chunk that are free. */
  readonly free: Uint32Array;
  /** Of each chunk: the block of its bitmap, 0 if all blocks are free. */
  readonly bitmaps: Float64Array;
  readonly #xids: Float64Array;
  /** Upper bits of both counts. */
  readonly #flags: Uint32Array;
  readonly #cibs: Float64Array;
  readonly #cabs: Float64Array;
  readonly #addressesAt: number;
  readonly #device: BlockDevice;
  readonly #pool: Pool;

  /** @throws CorruptError */
  constructor(device: BlockDevice, spaceman: DataView, pool: Pool) {
    const main = SpacemanDevice.read(spaceman, Spaceman.at.sm_dev);
    this.#device = device;
    this.#pool = pool;
    this.blocks = main.sm_block_count;
    this.count = main.sm_chunk_count;
    this.#addressesAt = main.sm_addr_offset;
    const sound =
      this.blocks * BLOCK_SIZE <= device.size &&
      this.count === Math.ceil(this.blocks / BLOCKS_PER_CHUNK) &&
      main.sm_cib_count === Math.ceil(this.count / CHUNKS_PER_CIB) &&
      (main.sm_cab_count === 0 || main.sm_cab_count === Math.ceil(main.sm_cib_count / CIBS_PER_CAB)) &&
      this.#addressesAt + 8 * (main.sm_cab_count || main.sm_cib_count) <= spaceman.byteLength;
    if (!sound) throw SpacemanDevice.corrupt(spaceman, Spaceman.at.sm_dev, 'sm_block_count', 'counts do not agree');
    this.free = new Uint32Array(this.count);
    this.bitmaps = new Float64Array(this.count);
    this.#xids = new Float64Array(this.count);
    this.#flags = new Uint32Array(2 * this.count);
    this.#cibs = new Float64Array(main.sm_cib_count);
    this.#cabs = new Float64Array(main.sm_cab_count);
    this.#readAddresses(spaceman);
    for (let index = 0; index < this.#cibs.length; index += 1) this.#readCib(index);
    const free = this.free.reduce((sum, each) => sum + each, 0);
    if (free !== main.sm_free_count)
      throw SpacemanDevice.corrupt(spaceman, Spaceman.at.sm_dev, 'sm_free_count', `the chunks have ${free}`);
  }

  /** Blocks of a chunk: all but the last have the same. */
  sizeOf(chunk: number): number {
    return Math.min(BLOCKS_PER_CHUNK, this.blocks - chunk * BLOCKS_PER_CHUNK);
  }

  /** The transaction that changed a chunk last, and the upper bits of its two counts. */
  stateOf(chunk: number): { readonly xid: number; readonly blockFlags: number; readonly freeFlags: number } {
    const [blockFlags = 0, freeFlags = 0] = this.#flags.subarray(2 * chunk, 2 * chunk + 2);
    return { xid: this.#xids[chunk] ?? 0, blockFlags, freeFlags };
  }

  #readAddresses(spaceman: DataView): void {
    const cabs = this.#cabs.length;
    const first = cabs > 0 ? this.#cabs : this.#cibs;
    for (let i = 0; i < first.length; i += 1) first[i] = get64(spaceman, this.#addressesAt + 8 * i);
    for (let index = 0; index < cabs; index += 1) {
      const block = this.#cabs[index] as number;
      const view = viewOf(readBlock(this.#device, block));
      requireObject(view, block, { structure: 'cib_addr_block', type: OBJECT_TYPE.cibAddresses, oid: block });
      const count = this.#cibsOf(index);
      if (view.getUint32(CibAddrBlock.at.cab_cib_count, true) !== count)
        throw CibAddrBlock.corrupt(view, 0, 'cab_cib_count', `where ${count} belong`);
      for (let i = 0; i < count; i += 1) this.#cibs[index * CIBS_PER_CAB + i] = get64(view, CibAddrBlock.size + 8 * i);
    }
  }
  #readCib(index: number): void {
    const block = this.#cibs[index] as number;
    const view = viewOf(readBlock(this.#device, block));
    requireObject(view, block, { structure: 'chunk_info_block', type: OBJECT_TYPE.chunkInfo, oid: block });
    const first = index * CHUNKS_PER_CIB;
    const count = this.#chunksOf(index);
    if (view.getUint32(ChunkInfoBlock.at.cib_chunk_info_count, true) !== count)
      throw ChunkInfoBlock.corrupt(view, 0, 'cib_chunk_info_count', `where ${count} belong`);
    for (let i = 0; i < count; i += 1) {
      const at = ChunkInfoBlock.size + i * ChunkInfo.size;
      const chunk = first + i;
      const blockCount = view.getUint32(at + ChunkInfo.at.ci_block_count, true);
      const freeCount = view.getUint32(at + ChunkInfo.at.ci_free_count, true);
      const free = freeCount & CI_COUNT_MASK;
      if ((blockCount & CI_COUNT_MASK) !== this.sizeOf(chunk) || free > this.sizeOf(chunk))
        throw ChunkInfo.corrupt(view, at, 'ci_block_count', 'does not agree with the size of the container');
      this.free[chunk] = free;
      this.bitmaps[chunk] = get64(view, at + ChunkInfo.at.ci_bitmap_addr);
      this.#xids[chunk] = get64(view, at + ChunkInfo.at.ci_xid);
      this.#flags[2 * chunk] = blockCount & ~CI_COUNT_MASK;
      this.#flags[2 * chunk + 1] = freeCount & ~CI_COUNT_MASK;
    }
  }
  #chunksOf(cib: number): number {
    return Math.min(CHUNKS_PER_CIB, this.count - cib * CHUNKS_PER_CIB);
  }
  #cibsOf(cab: number): number {
    return Math.min(CIBS_PER_CAB, this.#cibs.length - cab * CIBS_PER_CAB);
  }

  /** Writes the bitmaps of changed chunks, and all that leads to them, to fresh blocks of the pool. */
  write(spaceman: DataView, xid: number, changed: ReadonlyMap<number, Uint8Array>): void {
    const cibs = new Set<number>();
    for (const chunk of [...changed.keys()].sort((a, b) => a - b)) {
      const old = this.bitmaps[chunk] as number;
      if (old > 0) this.#pool.free(old, xid);
      let block = 0;
      if ((this.free[chunk] as number) < this.sizeOf(chunk)) {
        block = this.#pool.take();
        this.#device.write(block * BLOCK_SIZE, changed.get(chunk) as Uint8Array);
      }
      this.bitmaps[chunk] = block;
      this.#xids[chunk] = xid;
      cibs.add(Math.floor(chunk / CHUNKS_PER_CIB));
    }
    const cabs = new Set<number>();
    for (const cib of cibs) {
      this.#pool.free(this.#cibs[cib] as number, xid);
      this.#cibs[cib] = this.#writeCib(cib, xid);
      if (this.#cabs.length > 0) cabs.add(Math.floor(cib / CIBS_PER_CAB));
    }
    for (const cab of cabs) {
      this.#pool.free(this.#cabs[cab] as number, xid);
      this.#cabs[cab] = this.#writeCab(cab, xid);
    }
    const first = this.#cabs.length > 0 ? this.#cabs : this.#cibs;
    for (let i = 0; i < first.length; i += 1) put64(spaceman, this.#addressesAt + 8 * i, first[i] as number);
  }

  #writeCib(index: number, xid: number): number {
    const block = this.#pool.take();
    const first = index * CHUNKS_PER_CIB;
    const records: ChunkRecord[] = [];
    for (let chunk = first; chunk < first + this.#chunksOf(index); chunk += 1)
      records.push({
        start: chunk * BLOCKS_PER_CHUNK,
        size: this.sizeOf(chunk) | (this.#flags[2 * chunk] as number),
        free: (this.free[chunk] as number) | (this.#flags[2 * chunk + 1] as number),
        bitmap: this.bitmaps[chunk] as number,
        xid: this.#xids[chunk] as number,
      });
    this.#device.write(block * BLOCK_SIZE, chunkInfoBlock({ index, block, xid }, records));
    return block;
  }
  #writeCab(index: number, xid: number): number {
    const block = this.#pool.take();
    const first = index * CIBS_PER_CAB;
    const cibs = this.#cibs.subarray(first, first + this.#cibsOf(index));
    this.#device.write(block * BLOCK_SIZE, cibAddressBlock({ index, block, xid }, cibs));
    return block;
  }
}
