// The fork of a B-tree file: where its bytes lie, and how it grows.

import { type BlockDevice, CorruptError } from '@tintype/core';
import type { Allocation } from './allocation.js';
import { blocksOf, type Extent, pushExtent } from './extent.js';

const LARGEST_GROWTH = 16 << 20;

export interface SpecialForkOptions {
  readonly name: string;
  readonly extents: Extent[];
  readonly clumpSize: number;
  readonly blockSize: number;
  /** Eight for the extents file, which cannot have overflow records of its own. */
  readonly extentLimit: number;
}

export class SpecialFork {
  readonly #device: BlockDevice;
  readonly #allocation: Allocation;
  readonly #options: SpecialForkOptions;
  readonly extents: Extent[];
  /** Extents differ from those of the last commit. */
  changed = false;

  constructor(device: BlockDevice, allocation: Allocation, options: SpecialForkOptions) {
    this.#device = device;
    this.#allocation = allocation;
    this.#options = options;
    this.extents = options.extents;
  }

  get blocks(): number {
    return blocksOf(this.extents);
  }
  get size(): number {
    return this.blocks * this.#options.blockSize;
  }
  get clumpSize(): number {
    return this.#options.clumpSize;
  }

  /** Byte on the volume of byte `offset` of the fork; `length` bytes must follow in one piece. @throws CorruptError */
  position(offset: number, length: number): number {
    const { blockSize, name } = this.#options;
    let start = 0;
    for (const extent of this.extents) {
      const size = extent.count * blockSize;
      if (offset < start + size) {
        if (offset + length > start + size)
          throw new CorruptError(name, 'extents', offset, 'a node is split across extents');
        return extent.start * blockSize + offset - start;
      }
      start += size;
    }
    throw new CorruptError(name, 'extents', offset, `lies behind the fork's ${start} bytes`);
  }

  /** Bytes from `offset` on that lie in one piece on the volume, at most `limit`. */
  contiguous(offset: number, limit: number): number {
    let start = 0;
    for (const { count } of this.extents) {
      const size = count * this.#options.blockSize;
      if (offset < start + size) return Math.min(limit, start + size - offset);
      start += size;
    }
    return 0;
  }

  /**
   * Grows by at least `bytes`, in multiples of `unit`; by as much as `wanted`, at most a clump, where there is room. The
   * new part reads as zeros.
   * @throws VolumeFullError
   */
  grow(bytes: number, wanted: number, unit: number): { grownBytes: number } {
    const { blockSize, clumpSize, extentLimit } = this.#options;
    const granule = Math.max(unit, blockSize);
    const inGranules = (length: number) => Math.ceil(length / granule) * granule;
    const least = inGranules(bytes);
    const most = Math.max(least, inGranules(Math.min(wanted, clumpSize, LARGEST_GROWTH)));
    const last = this.extents.at(-1);
    const after = last ? last.start + last.count : 0;
    const extent =
      this.#allocation.takeContiguous(most / blockSize, after) ??
      this.#allocation.takeContiguous(least / blockSize, after);
    if (!extent || (this.extents.length >= extentLimit && extent.start !== after)) {
      if (extent) this.#allocation.giveBack(extent);
      throw this.#allocation.full(least);
    }
    pushExtent(this.extents, extent);
    this.changed = true;
    const grownBytes = extent.count * blockSize;
    this.#device.zero(extent.start * blockSize, grownBytes);
    return { grownBytes };
  }
}
