// Which blocks are free. The bitmap is loaded in chunks, as they are looked at.
//
// Invariants: a block that is freed stays unavailable until the commit that frees it; a block taken since the last commit
// is `fresh`, and only fresh blocks may be written to.

import { assert, type BlockDevice, CorruptError, type Range, RangeSet, VolumeFullError } from '@tintype/core';
import { blocksOf, type Extent } from './extent.js';

const CHUNK_BYTES = 32_768;
const CHUNK_BLOCKS = CHUNK_BYTES * 8;

interface Chunk {
  readonly bytes: Uint8Array;
  dirty: boolean;
}

export interface AllocationOptions {
  readonly totalBlocks: number;
  readonly freeBlocks: number;
  readonly nextAllocation: number;
  readonly blockSize: number;
  /** Where the bitmap lies. */
  readonly extents: readonly Extent[];
}

export class Allocation {
  readonly #device: BlockDevice;
  #options: AllocationOptions;
  readonly #chunks = new Map<number, Chunk>();
  readonly #fresh = new RangeSet();
  /** Bytes of the bitmap's file. */
  #fileBytes: number;
  /** Freed since the last commit. */
  #released: Extent[] = [];
  /** Chunks of the bitmap that these lie in. */
  readonly #releasedChunks = new Set<number>();
  /** Blocks that can be taken now. */
  #available: number;
  next: number;
  /** Blocks from here on are not given out, and how many of them are free. */
  #limit = Number.POSITIVE_INFINITY;
  #beyond = 0;

  constructor(device: BlockDevice, options: AllocationOptions) {
    this.#device = device;
    this.#options = options;
    this.#available = options.freeBlocks;
    this.#fileBytes = blocksOf(options.extents) * options.blockSize;
    this.next = options.nextAllocation < options.totalBlocks ? options.nextAllocation : 0;
  }

  /** As the volume header counts: what the next commit will leave free. */
  get freeBlocks(): number {
    let released = 0;
    for (const { count } of this.#released) released += count;
    return this.#available + released;
  }
  get available(): number {
    return this.#available - this.#beyond;
  }
  get extents(): readonly Extent[] {
    return this.#options.extents;
  }

  /** From now on no block from `limit` on is given out; null: all are again. Nothing may wait for a commit. */
  setLimit(limit: number | null): void {
    this.#limit = Number.POSITIVE_INFINITY;
    this.#beyond = limit === null ? 0 : this.#freeIn(limit, this.#end);
    this.#limit = limit ?? Number.POSITIVE_INFINITY;
    this.next = Math.min(this.next, this.#end - 1);
  }
  /** True if no block of `[from, to)` is in use. */
  isUnused(from: number, to: number): boolean {
    return this.#freeIn(from, to) === to - from;
  }

  /**
   * The bitmap of another number of blocks, or in other places; bits of new blocks there are on the device, those that
   * are changed here go with the next commit. Nothing may wait for one.
   */
  rebase({ totalBlocks, extents }: Pick<AllocationOptions, 'totalBlocks' | 'extents'>): void {
    assert(this.#released.length === 0, 'nothing waits for a commit');
    const added = totalBlocks - this.#options.totalBlocks;
    this.#options = { ...this.#options, totalBlocks, extents };
    this.#fileBytes = blocksOf(extents) * this.#options.blockSize;
    for (const [index, { bytes, dirty }] of this.#chunks) {
      const length = Math.min(CHUNK_BYTES, this.#fileBytes - index * CHUNK_BYTES);
      if (!dirty || length <= 0) this.#chunks.delete(index);
      else if (length < bytes.length) this.#chunks.set(index, { bytes: bytes.slice(0, length), dirty });
      if (!dirty || length <= bytes.length) continue;
      const longer = new Uint8Array(length);
      longer.set(bytes);
      this.#chunks.set(index, { bytes: longer, dirty });
    }
    this.#available += added;
  }
  /** Sets bits without counting them: of the volume's last blocks, which are not free and belong to no file. */
  setReserved(extent: Extent, use: 'reserved' | 'none'): void {
    this.#setBits(extent, use === 'reserved');
  }
  /** Takes just these blocks, which are free. */
  takeExactly(extent: Extent): void {
    assert(this.isUnused(extent.start, extent.start + extent.count), 'the blocks are free');
    this.#mark(extent);
  }

  #freeIn(from: number, to: number): number {
    let free = 0;
    for (let at = from; at < to; ) {
      const start = this.#nextFree(at, to);
      if (start === null) break;
      const length = this.#freeLengthTo(start, to);
      free += length;
      at = start + length;
    }
    return free;
  }

  full(bytes: number): VolumeFullError {
    return new VolumeFullError(bytes, this.available * this.#options.blockSize);
  }

  /** Takes `count` blocks in as few pieces as can be. @throws VolumeFullError, with nothing taken */
  take(count: number): Extent[] {
    if (count > this.available) throw this.full(count * this.#options.blockSize);
    const whole = this.takeContiguous(count, this.next);
    if (whole) {
      this.next = whole.start + whole.count;
      return [whole];
    }
    const extents: Extent[] = [];
    let left = count;
    for (let from = this.next, turns = 0; left > 0 && turns < 2; ) {
      const run = this.#nextRun(from, left);
      if (!run) {
        from = 1;
        turns += 1;
        continue;
      }
      this.#mark(run);
      extents.push(run);
      left -= run.count;
      from = run.start + run.count;
      this.next = from;
    }
    if (left > 0) {
      for (const extent of extents) this.giveBack(extent);
      throw new CorruptError('HFSPlusVolumeHeader', 'freeBlocks', 0, 'the bitmap has fewer free blocks');
    }
    return extents;
  }

  /** Takes `count` blocks in one piece, from `after` on if there, else from anywhere behind, else from anywhere. */
  takeContiguous(count: number, after: number): Extent | null {
    if (count > this.available || count === 0) return null;
    for (const [from, to] of [
      [Math.max(1, after), this.#end],
      [1, Math.min(this.#end, after + count)],
    ] as const) {
      for (let at = from; at < to; ) {
        const start = this.#nextFree(at, to);
        if (start === null) break;
        const length = this.#freeLength(start, count);
        if (length >= count) {
          const extent = { start, count };
          this.#mark(extent);
          return extent;
        }
        at = start + length;
      }
    }
    return null;
  }

  /** Takes the blocks right behind an extent, as many as are free there, up to `count`. */
  takeAfter(block: number, count: number): Extent | null {
    if (block >= this.#end) return null;
    const length = this.#freeLength(block, Math.min(count, this.available));
    if (length === 0) return null;
    const extent = { start: block, count: length };
    this.#mark(extent);
    return extent;
  }

  /** Blocks that were taken and never used: free again at once. Only for fresh ones. */
  giveBack(extent: Extent): void {
    this.#setBits(extent, false);
    this.#fresh.remove(extent.start, extent.count);
    this.#available += extent.count;
  }

  /** Frees blocks: fresh ones at once, others with the next commit. */
  free(extent: Extent): void {
    if (extent.count === 0) return;
    if (this.isFresh(extent)) this.giveBack(extent);
    else {
      this.#released.push(extent);
      const last = Math.floor((extent.start + extent.count - 1) / CHUNK_BLOCKS);
      for (let i = Math.floor(extent.start / CHUNK_BLOCKS); i <= last; i += 1) this.#releasedChunks.add(i);
    }
  }

  /** True if all of these blocks were taken since the last commit, so that they may be written to. */
  isFresh(extent: Extent): boolean {
    return this.#fresh.covers(extent.start, extent.count);
  }

  /** Puts the freed blocks into the bitmap. Call before a commit; then `dirtyBlocks`, and `settle` after it. */
  prepare(): void {
    for (const extent of this.#released) this.#setBits(extent, false);
  }

  /** Changed blocks of the bitmap: position on the device and bytes, in pieces of `size`. */
  *dirtyPieces(size: number): Generator<{ position: number; bytes: Uint8Array }> {
    for (const [index, chunk] of [...this.#chunks].sort((a, b) => a[0] - b[0])) {
      if (!chunk.dirty) continue;
      const start = index * CHUNK_BYTES;
      for (let at = 0; at < chunk.bytes.length; at += size)
        yield { position: this.#position(start + at), bytes: chunk.bytes.subarray(at, at + size) };
    }
  }
  /** Bytes of the bitmap that the next commit writes. */
  get dirtyBytes(): number {
    const changed = new Set(this.#releasedChunks);
    for (const [index, chunk] of this.#chunks) if (chunk.dirty) changed.add(index);
    let bytes = 0;
    for (const index of changed) bytes += Math.min(CHUNK_BYTES, this.#fileBytes - index * CHUNK_BYTES);
    return bytes;
  }

  /** After a commit: freed blocks can be used. Answers them, for giving them back to the host. */
  settle(): readonly Extent[] {
    const released = this.#released;
    for (const { start, count } of released) {
      this.#available += count;
      this.#beyond += Math.max(0, Math.min(count, start + count - this.#limit));
    }
    this.#released = [];
    this.#releasedChunks.clear();
    this.#fresh.clear();
    for (const chunk of this.#chunks.values()) chunk.dirty = false;
    return released;
  }

  /** Free ranges in bytes, ascending: as of now, without what is only released. */
  *freeRanges(): Generator<Range> {
    const { blockSize } = this.#options;
    const end = this.#options.totalBlocks - 1;
    for (let at = 0; at < end; ) {
      const start = this.#nextFree(at, end);
      if (start === null) return;
      const count = this.#freeLengthTo(start, end);
      yield { start: start * blockSize, length: count * blockSize };
      at = start + count;
    }
  }

  /** The last block can never be taken: macOS keeps it for the alternate header. */
  get #end(): number {
    return Math.min(this.#options.totalBlocks - 1, this.#limit);
  }

  #nextRun(from: number, most: number): Extent | null {
    const start = this.#nextFree(Math.max(1, from), this.#end);
    return start === null ? null : { start, count: this.#freeLength(start, most) };
  }

  #mark(extent: Extent): void {
    this.#setBits(extent, true);
    this.#fresh.add(extent.start, extent.count);
    this.#available -= extent.count;
  }

  #nextFree(from: number, to: number): number | null {
    for (let block = from; block < to; ) {
      const { bytes } = this.#chunk(Math.floor(block / CHUNK_BLOCKS));
      const base = block - (block % CHUNK_BLOCKS);
      const end = Math.min(to - base, bytes.length * 8);
      for (let bit = block - base; bit < end; ) {
        const byte = bytes[bit >> 3] as number;
        if (byte === 0xff) bit = (bit | 7) + 1;
        else if ((byte & (0x80 >> (bit & 7))) === 0) return base + bit;
        else bit += 1;
      }
      block = base + Math.max(end, block - base + 1);
    }
    return null;
  }

  /** How many blocks from `start` on are free, at most `most`. */
  #freeLength(start: number, most: number): number {
    return this.#freeLengthTo(start, Math.min(this.#end, start + most));
  }
  #freeLengthTo(start: number, to: number): number {
    for (let block = start; block < to; ) {
      const { bytes } = this.#chunk(Math.floor(block / CHUNK_BLOCKS));
      const base = block - (block % CHUNK_BLOCKS);
      const end = Math.min(to - base, CHUNK_BLOCKS);
      for (let bit = block - base; bit < end; ) {
        const byte = bytes[bit >> 3] as number;
        if (byte === 0 && (bit & 7) === 0) bit += 8;
        else if ((byte & (0x80 >> (bit & 7))) === 0) bit += 1;
        else return base + bit - start;
      }
      block = base + end;
    }
    return to - start;
  }

  #setBits({ start, count }: Extent, used: boolean): void {
    for (let block = start; block < start + count; ) {
      const chunk = this.#chunk(Math.floor(block / CHUNK_BLOCKS));
      const bit = block % CHUNK_BLOCKS;
      const end = Math.min(start + count - block + bit, CHUNK_BLOCKS);
      setBits(chunk.bytes, bit, end, used);
      chunk.dirty = true;
      block += end - bit;
    }
  }

  #chunk(index: number): Chunk {
    let chunk = this.#chunks.get(index);
    if (!chunk) {
      const { totalBlocks, blockSize } = this.#options;
      const start = index * CHUNK_BYTES;
      const fileBytes = this.#fileBytes;
      if (start * 8 >= totalBlocks || start >= fileBytes)
        throw new CorruptError('allocation file', 'logicalSize', start, 'the bitmap ends before the volume does');
      const bytes = new Uint8Array(Math.min(CHUNK_BYTES, fileBytes - start));
      for (let at = 0; at < bytes.length; at += Math.min(blockSize, CHUNK_BYTES))
        this.#device.read(this.#position(start + at), bytes.subarray(at, at + Math.min(blockSize, CHUNK_BYTES)));
      chunk = { bytes, dirty: false };
      this.#chunks.set(index, chunk);
    }
    return chunk;
  }

  /** Byte on the device of byte `offset` of the bitmap. */
  #position(offset: number): number {
    const { blockSize } = this.#options;
    let at = 0;
    for (const { start, count } of this.#options.extents) {
      if (offset < at + count * blockSize) return start * blockSize + offset - at;
      at += count * blockSize;
    }
    throw new CorruptError('allocation file', 'extents', offset, 'lies behind the bitmap');
  }
}

function setBits(bytes: Uint8Array, from: number, to: number, used: boolean): void {
  let bit = from;
  for (; bit < to && (bit & 7) !== 0; bit += 1) setBit(bytes, bit, used);
  const whole = (to - bit) >> 3;
  if (whole > 0) bytes.fill(used ? 0xff : 0, bit >> 3, (bit >> 3) + whole);
  for (bit += whole * 8; bit < to; bit += 1) setBit(bytes, bit, used);
}

function setBit(bytes: Uint8Array, bit: number, used: boolean): void {
  const mask = 0x80 >> (bit & 7);
  const byte = bytes[bit >> 3] as number;
  bytes[bit >> 3] = used ? byte | mask : byte & ~mask;
}
