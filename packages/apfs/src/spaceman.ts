// Which blocks are free, and who gets them.
//
// Invariants: a block that the last checkpoint refers to is never given out: freed, it waits in a queue, marked as used, until
// the checkpoint that freed it is the last but one (or the last, when there is no other room). What the queue has no room for is
// free with the checkpoint that freed it, and not before. A block given out since the last checkpoint is fresh: only fresh blocks may be written, and a fresh block that is freed can be given out again at once.
//
// Metadata goes to the first chunks and file data behind them, so that neither lies between the other.

import { assert, type BlockDevice, CorruptError, type Range, VolumeFullError } from '@tintype/core';
import type { Node } from './btree/node.js';
import { put64, readBlock } from './object.js';
import { Barred } from './space/barred.js';
import { clearBits, countSet, findClear, isSet, runLength, setBits } from './space/bits.js';
import { ChunkTable } from './space/chunks.js';
import { FreeQueue, type ReadEphemeral } from './space/free-queue.js';
import { GiveBack } from './space/give-back.js';
import { neededBefore, type SpaceBefore } from './space/needed-before.js';
import { MAIN_QUEUE_AT, Pool } from './space/pool.js';
import { BLOCK_SIZE } from './structs/container.js';
import { BLOCKS_PER_CHUNK, SpacemanDevice, Spaceman as SpacemanObject } from './structs/spaceman.js';

/** The share of a large container where metadata goes; on a smaller one it is about a chunk. */
const METADATA_SHARE = 1 / 256;
/** Bitmaps of unchanged chunks that are kept. */
const CACHED_CHUNKS = 256;
/** Runs that are looked for before shorter ones are taken, when much is wanted. */
const GOOD_RUN = 64;
const ALL_FREE = new Uint8Array(BLOCK_SIZE);
/** Most and fewest blocks that only removals may take: a removal must be possible on a full volume. */
const RESERVE = { most: 256, fewest: 36 };
/** Blocks of a container of so many that are kept back for removals. */
export function reserveOf(blocks: number): number {
  return Math.min(RESERVE.most, Math.max(RESERVE.fewest, Math.floor(blocks / 64)));
}
/** Blocks of a checkpoint beside the space manager and the main queue. */
const OTHER_EPHEMERALS = 8;
/** Blocks that a commit takes beside those of the trees: superblocks and object maps. */
export const COMMIT_BLOCKS = 8;

export interface Extent {
  readonly start: number;
  readonly count: number;
}

/** Where blocks are taken while a container is made smaller. */
export interface Confinement {
  /** Blocks are taken before it only. */
  readonly limit: number;
  /** And not here: room that is wanted in one piece. In any order, without overlap. */
  readonly kept: readonly Extent[];
}

interface Changed {
  readonly bytes: Uint8Array;
  /** Blocks that may not be written: used at the last checkpoint, or shared since. */
  readonly held: Uint8Array;
}

export class Spaceman {
  readonly view: DataView;
  readonly #device: BlockDevice;
  readonly #table: ChunkTable;
  readonly #pool: Pool;
  readonly #queue: FreeQueue;
  readonly #clean = new Map<number, Uint8Array>();
  readonly #changed = new Map<number, Changed>();
  #xid: number;
  #hasBegun = false;
  #free: number;
  /** Blocks in the queue that may be given out in this transaction, once they are released. */
  #releasable: number;
  /** What may not be taken while the container is made smaller. */
  #barred = new Barred([]);
  /** Free blocks that are barred. */
  #barredFree = 0;
  readonly #giveBack: GiveBack;
  /** Freed by this transaction, but the queue is full: marked as used until all of its blocks were taken. */
  #overflow: Extent[] = [];
  /** Of the one before: free on disk, but in this transaction as good as queued, for the checkpoint before still needs them. */
  #overflowBefore: Extent[] = [];
  #isWithheld = false;
  #nextMetadata = 0;
  #metadataEnd: number;
  #nextData: number;

  /** `view`: the space manager of checkpoint `xid` - 1; `dataBlocks`: of the ring of checkpoint data. @throws CorruptError */
  constructor(device: BlockDevice, view: DataView, xid: number, read: ReadEphemeral, dataBlocks: number) {
    this.#device = device;
    this.view = view;
    SpacemanObject.require(view, 0);
    this.#pool = new Pool(device, view, read);
    this.#table = new ChunkTable(device, view, this.#pool);
    // A container that has grown may have queue nodes for which its ring, which did not grow, has no room.
    const room = Math.floor(dataBlocks / 2) - view.byteLength / BLOCK_SIZE - OTHER_EPHEMERALS;
    this.#queue = new FreeQueue(view, MAIN_QUEUE_AT, read, room);
    this.#giveBack = new GiveBack(device);
    this.#xid = xid;
    this.#free = this.#table.free.reduce((sum, each) => sum + each, 0);
    this.#releasable = this.#queue.blocks;
    this.#metadataEnd = metadataEnd(this.blocks, this.#pool.blocks + dataBlocks);
    this.#nextData = this.#metadataEnd;
  }

  get blocks(): number {
    return this.#table.blocks;
  }
  /** True if the last transaction may have freed pieces that found no room in the queue. */
  get isQueueFull(): boolean {
    return this.#queue.records >= this.#queue.capacity / 2;
  }
  /** What the checkpoint before the last needs is not taken by the next transaction: as if this one had freed it. */
  keepFor(before: SpaceBefore): void {
    assert(!this.#hasBegun, 'it is the first transaction');
    const now = { bitmaps: this.#table.bitmaps, bitmap: (chunk: number) => this.#bitmap(chunk) };
    this.#overflowBefore = neededBefore(this.#device, before, now);
  }
  /** Blocks that can be taken before the next commit. */
  get available(): number {
    return this.#free - this.#barredFree + this.#releasable;
  }
  /** From now on, blocks are taken only where a container that is to be smaller wants them. Nothing waits for a commit. */
  confine({ limit, kept }: Confinement): void {
    assert(!this.#hasBegun, 'a container is confined between two transactions');
    const isInside = limit <= this.blocks && kept.every(({ start, count }) => start + count <= limit);
    assert(isInside, 'it is confined to a part of itself');
    this.#barred = new Barred([...kept, { start: limit, count: this.blocks - limit }]);
    this.#barredFree = 0;
    for (const { start, length } of this.freeRanges())
      this.#barredFree += this.#barred.among(start / BLOCK_SIZE, length / BLOCK_SIZE);
    this.#releasable = this.#queuedBlocks();
  }
  /** Blocks that the last checkpoints need no more, once the next one is there. */
  get waiting(): number {
    return this.#queue.blocksBefore(this.#xid - 1);
  }
  get reserve(): number {
    return reserveOf(this.blocks);
  }
  /** True if so much was freed, `pending` pieces beside what the queue has, that the queue may soon be full, or so many chunks changed that the pool works hard. */
  isCommitDue(pending: number): boolean {
    return this.#queue.records + pending > this.#queue.capacity / 2 || this.#changed.size > 1024;
  }

  /** @throws VolumeFullError unless so many blocks can be taken; `removal` may use what is kept back for it */
  require(blocks: number, purpose: 'growth' | 'removal'): void {
    const spare = purpose === 'growth' ? this.reserve : COMMIT_BLOCKS;
    if (blocks + spare > this.available) throw this.full(blocks);
  }
  full(blocks: number): VolumeFullError {
    return new VolumeFullError(blocks * BLOCK_SIZE, Math.max(0, this.available - this.reserve) * BLOCK_SIZE);
  }
  /** One block for metadata. The caller has asked `require`. */
  takeMetadata(): number {
    this.#begin();
    let start = this.#find(this.#nextMetadata, this.#metadataEnd, 1);
    if (start < 0) start = this.#find(0, this.#nextMetadata, 1);
    if (start < 0) {
      start = this.#find(this.#metadataEnd, this.blocks, 1);
      if (start >= 0)
        this.#metadataEnd = Math.min(this.blocks, (Math.floor(start / BLOCKS_PER_CHUNK) + 1) * BLOCKS_PER_CHUNK);
    }
    if (start < 0) {
      assert(this.#releasable > 0, 'there is a free block for metadata');
      this.#release(this.#xid - 1);
      return this.takeMetadata();
    }
    this.#mark(start, 1);
    this.#nextMetadata = start + 1;
    return start;
  }

  /** Blocks for data, in as few runs as can be found quickly. The caller has asked `require`. */
  take(count: number): Extent[] {
    this.#begin();
    const taken: Extent[] = [];
    let rest = count;
    for (let least = Math.min(count, GOOD_RUN); rest > 0; ) {
      const wanted = Math.min(least, rest);
      let start = this.#find(this.#nextData, this.blocks, wanted);
      if (start < 0) start = this.#find(0, Math.min(this.blocks, this.#nextData + wanted), wanted);
      if (start >= 0) {
        const length = this.#runAt(start, rest);
        this.#mark(start, length);
        taken.push({ start, count: length });
        this.#nextData = start + length;
        rest -= length;
      } else if (least > 1) least = least >= 8 ? Math.floor(least / 8) : 1;
      else {
        assert(this.#releasable > 0, 'there are free blocks for data');
        this.#release(this.#xid - 1);
      }
    }
    return taken;
  }
  /** As many blocks as are free right at `start`, up to `count`. */
  takeAt(start: number, count: number): number {
    if (start >= this.blocks || count <= 0 || this.#barred.among(start, 1) > 0) return 0;
    this.#begin();
    if (isSet(this.#bitmap(Math.floor(start / BLOCKS_PER_CHUNK)), start % BLOCKS_PER_CHUNK)) return 0;
    const length = this.#runAt(start, count);
    this.#mark(start, length);
    this.#nextData = start + length;
    return length;
  }
  /** These blocks, which the confinement keeps, for the one it keeps them for; false if one of them is in use. */
  takeKept(start: number, count: number): boolean {
    assert(this.#barred.among(start, count) === count, 'these blocks are kept');
    this.#begin();
    let isFree = true;
    this.#eachPart(start, count, (chunk, bit, length) => {
      const bytes = this.#bitmap(chunk);
      isFree &&= !isSet(bytes, bit) && runLength(bytes, bit, bit + length) === length;
    });
    if (isFree) this.#mark(start, count);
    return isFree;
  }

  #isFree(block: number): boolean {
    return block < this.blocks && !isSet(this.#bitmap(Math.floor(block / BLOCKS_PER_CHUNK)), block % BLOCKS_PER_CHUNK);
  }

  /** True if all blocks were taken since the last commit and are not shared. */
  isFresh(start: number, count: number): boolean {
    for (let block = start; block < start + count; block += 1) {
      const changed = this.#changed.get(Math.floor(block / BLOCKS_PER_CHUNK));
      if (!changed || isSet(changed.held, block % BLOCKS_PER_CHUNK)) return false;
    }
    return true;
  }
  /** These blocks are not to be written any more, fresh or not. */
  hold(start: number, count: number): void {
    this.#eachPart(start, count, (chunk, bit, length) => {
      const changed = this.#changed.get(chunk);
      if (changed) setBits(changed.held, bit, length);
    });
  }

  /** Fresh blocks are free at once, others after the next commit. */
  free(start: number, count: number): void {
    this.#begin();
    this.#eachPart(start, count, (chunk, bit, length) => {
      const bytes = this.#bitmap(chunk);
      const isUsed = isSet(bytes, bit) && runLength(bytes, bit, bit + length) === length;
      if (!isUsed) throw new CorruptError('spaceman_phys', 'bitmap', start, `freed blocks are not in use (${count})`);
      const held = this.#changed.get(chunk)?.held;
      for (let at = bit; at < bit + length; ) {
        const run = held ? runLength(held, at, bit + length) : bit + length - at;
        if (held && !isSet(held, at)) this.#clear(chunk, at, run);
        else this.#wait({ start: chunk * BLOCKS_PER_CHUNK + at, count: run });
        at += run;
      }
    });
  }
  #wait(extent: Extent): void {
    const isFull = (): boolean => this.#queue.records >= this.#queue.capacity;
    // Joining takes long: once.
    if (isFull() && this.#overflow.length === 0) this.#queue.fits();
    if (isFull()) {
      this.#overflow.push(extent);
      return;
    }
    this.#queue.add(this.#xid, extent.start, extent.count);
    this.#giveBack.freed(extent);
  }

  /** Free ranges in bytes, ascending. What waits in the queue is not free. */
  *freeRanges(): Generator<Range> {
    let start = 0;
    let count = 0;
    for (let chunk = 0; chunk < this.#table.count; chunk += 1) {
      const size = this.#table.sizeOf(chunk);
      for (let bit = 0; bit < size; ) {
        const isWholeChunk = this.#table.free[chunk] === size;
        const bytes = isWholeChunk ? ALL_FREE : this.#bitmap(chunk);
        const run = runLength(bytes, bit, size);
        if (isSet(bytes, bit)) {
          if (count > 0) yield { start: start * BLOCK_SIZE, length: count * BLOCK_SIZE };
          count = 0;
        } else {
          if (count === 0) start = chunk * BLOCKS_PER_CHUNK + bit;
          count += run;
        }
        bit += run;
      }
    }
    if (count > 0) yield { start: start * BLOCK_SIZE, length: count * BLOCK_SIZE };
  }

  /** Everything of this transaction into fresh blocks of the pool, and `view` as it is to be written; nodes of the queues. */
  prepare(newOid: () => number): { oid: number; node: Node }[] {
    this.#begin();
    this.#letGo();
    assert(this.#queue.fits(), 'the free queue holds what was freed');
    for (const { start, count } of this.#overflow) this.#clearAll(start, count);
    const changed = new Map([...this.#changed].map(([chunk, { bytes }]) => [chunk, bytes] as const));
    this.#table.write(this.view, this.#xid, changed);
    put64(this.view, SpacemanObject.at.sm_dev + SpacemanDevice.at.sm_free_count, this.#free);
    const nodes = this.#pool.queue.pack(this.view, this.#pool.queueAt, newOid);
    nodes.push(...this.#queue.pack(this.view, MAIN_QUEUE_AT, newOid));
    this.#pool.write(this.view, this.#xid);
    return nodes;
  }
  /** The checkpoint is durable: what it refers to is not fresh any more. The one before it stays whole. */
  settle(): void {
    const needed = new Barred(this.#overflow);
    const isFree = (block: number): boolean => this.#isFree(block) && needed.among(block, 1) === 0;
    this.#giveBack.settle({ nodesEnd: this.#metadataEnd, isFree }, this.#overflowBefore);
    this.#overflowBefore = this.#overflow;
    this.#overflow = [];
    for (const [chunk, { bytes }] of this.#changed) this.#keep(chunk, bytes);
    this.#changed.clear();
    this.#xid += 1;
    this.#hasBegun = false;
    this.#releasable = this.#queuedBlocks();
  }
  #queuedBlocks(): number {
    let sum = this.#queue.blocks;
    if (this.#barred.extents.length > 0)
      this.#queue.each((start, count) => {
        sum -= this.#barred.among(start, count);
      });
    return sum;
  }

  #begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    this.#withhold();
    this.#pool.release(this.#xid - 2);
    this.#release(this.#xid - 2);
    if (!this.#queue.fits()) this.#release(this.#xid - 1);
  }
  /** What transactions up to `xid` freed is free. */
  #release(xid: number): void {
    // They may be written again before this transaction is durable.
    if (xid >= this.#xid - 1) {
      this.#giveBack.releasedBefore();
      this.#letGo();
      this.#overflowBefore = [];
    }
    this.#queue.release(xid, (start, count) => {
      if (start + count > this.blocks)
        throw new CorruptError('spaceman_free_queue', 'sfqk_paddr', start, 'lies outside the container');
      this.#releasable -= count - this.#barred.among(start, count);
      this.#eachPart(start, count, (chunk, bit, length) => {
        const changed = this.#change(chunk);
        if (countSetIn(changed.bytes, bit, length) !== length)
          throw new CorruptError('spaceman_free_queue', 'sfqk_paddr', start, 'a queued block is not in use');
        clearBits(changed.held, bit, length);
        this.#clear(chunk, bit, length);
      });
      this.#giveBack.released({ start, count });
    });
  }

  #mark(start: number, count: number): void {
    this.#free -= count;
    this.#barredFree -= this.#barred.among(start, count);
    this.#eachPart(start, count, (chunk, bit, length) => {
      setBits(this.#change(chunk).bytes, bit, length);
      this.#table.free[chunk] = (this.#table.free[chunk] as number) - length;
    });
  }
  #clear(chunk: number, bit: number, count: number): void {
    this.#free += count;
    this.#barredFree += this.#barred.among(chunk * BLOCKS_PER_CHUNK + bit, count);
    clearBits(this.#change(chunk).bytes, bit, count);
    this.#table.free[chunk] = (this.#table.free[chunk] as number) + count;
  }

  /** What the transaction before freed without the queue is not taken, unless nothing else is left. */
  #withhold(): void {
    for (const { start, count } of this.#overflowBefore) {
      this.#mark(start, count);
      this.#releasable += count - this.#barred.among(start, count);
    }
    this.#isWithheld = true;
  }
  #letGo(): void {
    if (!this.#isWithheld) return;
    this.#isWithheld = false;
    for (const { start, count } of this.#overflowBefore) {
      this.#clearAll(start, count);
      this.#releasable -= count - this.#barred.among(start, count);
    }
  }

  #clearAll(start: number, count: number): void {
    this.#eachPart(start, count, (chunk, bit, length) => this.#clear(chunk, bit, length));
  }

  /** The first run of `least` free blocks in one chunk of `[from, to)` that are not barred, or -1. */
  #find(from: number, to: number, least: number): number {
    let begin = from;
    const { extents } = this.#barred;
    for (let i = this.#barred.indexFrom(from); i < extents.length && begin < to; i += 1) {
      const { start, count } = extents[i] as Extent;
      const found = this.#findIn(begin, Math.min(to, start), least);
      if (found >= 0) return found;
      begin = Math.max(begin, start + count);
    }
    return this.#findIn(begin, to, least);
  }
  #findIn(from: number, to: number, least: number): number {
    for (let block = from; block < to; ) {
      const chunk = Math.floor(block / BLOCKS_PER_CHUNK);
      const start = chunk * BLOCKS_PER_CHUNK;
      if ((this.#table.free[chunk] as number) >= least) {
        const end = Math.min(to - start, this.#table.sizeOf(chunk));
        const bit = findClear(this.#bitmap(chunk), block - start, end, least);
        if (bit >= 0) return start + bit;
      }
      block = start + BLOCKS_PER_CHUNK;
    }
    return -1;
  }
  /** Free blocks from a free one on, across chunks, at most `most`. */
  #runAt(start: number, most: number): number {
    const end = this.#barred.extents[this.#barred.indexFrom(start)]?.start ?? this.blocks;
    const limit = Math.min(most, end - start);
    let count = 0;
    while (count < limit) {
      const chunk = Math.floor((start + count) / BLOCKS_PER_CHUNK);
      const bit = (start + count) % BLOCKS_PER_CHUNK;
      const bytes = this.#bitmap(chunk);
      if (isSet(bytes, bit)) break;
      const run = runLength(bytes, bit, Math.min(this.#table.sizeOf(chunk), bit + limit - count));
      count += run;
      if (bit + run < this.#table.sizeOf(chunk)) break;
    }
    return count;
  }

  #eachPart(start: number, count: number, visit: (chunk: number, bit: number, length: number) => void): void {
    if (start < 0 || count < 0 || start + count > this.blocks)
      throw new CorruptError('spaceman_phys', 'block', start, `${count} blocks lie outside the container`);
    for (let block = start; block < start + count; ) {
      const chunk = Math.floor(block / BLOCKS_PER_CHUNK);
      const bit = block % BLOCKS_PER_CHUNK;
      const length = Math.min(BLOCKS_PER_CHUNK - bit, start + count - block);
      visit(chunk, bit, length);
      block += length;
    }
  }

  #bitmap(chunk: number): Uint8Array {
    const known = this.#changed.get(chunk)?.bytes ?? this.#clean.get(chunk);
    return known ?? this.#keep(chunk, this.#load(chunk));
  }
  #change(chunk: number): Changed {
    const known = this.#changed.get(chunk);
    if (known) return known;
    const bytes = this.#bitmap(chunk);
    const changed = { bytes, held: bytes.slice() };
    this.#clean.delete(chunk);
    this.#changed.set(chunk, changed);
    return changed;
  }
  #keep(chunk: number, bytes: Uint8Array): Uint8Array {
    if (this.#clean.size >= CACHED_CHUNKS)
      for (const first of this.#clean.keys()) {
        this.#clean.delete(first);
        break;
      }
    this.#clean.set(chunk, bytes);
    return bytes;
  }
  #load(chunk: number): Uint8Array {
    const block = this.#table.bitmaps[chunk] as number;
    if (block === 0) return new Uint8Array(BLOCK_SIZE);
    if (!this.#pool.contains(block))
      throw new CorruptError('chunk_info', 'ci_bitmap_addr', block, 'lies outside the internal pool');
    const bytes = readBlock(this.#device, block);
    const used = this.#table.sizeOf(chunk) - (this.#table.free[chunk] as number);
    if (countSet(bytes) !== used)
      throw new CorruptError(
        'chunk_info',
        'ci_free_count',
        block,
        `the bitmap of chunk ${chunk} does not have ${used} used`,
      );
    return bytes;
  }
}

/** Where data begins. `fixed`: blocks of ring and pool, which take nearly all of the first chunk of a large container. */
function metadataEnd(blocks: number, fixed: number): number {
  if (blocks <= 3 * BLOCKS_PER_CHUNK) return Math.ceil(blocks / 8);
  const room = Math.max(BLOCKS_PER_CHUNK, METADATA_SHARE * blocks);
  return BLOCKS_PER_CHUNK * Math.round((fixed + room) / BLOCKS_PER_CHUNK);
}

function countSetIn(bytes: Uint8Array, bit: number, length: number): number {
  return length > 0 && isSet(bytes, bit) ? runLength(bytes, bit, bit + length) : 0;
}
