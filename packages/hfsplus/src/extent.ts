// Extents of a fork, as lists of whole blocks.

import { CorruptError, type RecordOf } from '@tintype/core';
import type { ExtentDescriptor, ForkData } from './structs/volume-header.js';

export interface Extent {
  readonly start: number;
  readonly count: number;
}

export type ForkRecord = RecordOf<typeof ForkData.fields>;
export type ExtentRecord = RecordOf<typeof ExtentDescriptor.fields>;

export const EMPTY_FORK: ForkRecord = {
  logicalSize: 0,
  clumpSize: 0,
  totalBlocks: 0,
  extents: Array.from({ length: 8 }, () => ({ startBlock: 0, blockCount: 0 })),
};

export function blocksOf(extents: readonly Extent[]): number {
  let blocks = 0;
  for (const { count } of extents) blocks += count;
  return blocks;
}

/** Adds an extent, merged with the last one where it follows it. */
export function pushExtent(extents: Extent[], extent: Extent): void {
  const last = extents.at(-1);
  if (last && last.start + last.count === extent.start)
    extents[extents.length - 1] = { start: last.start, count: last.count + extent.count };
  else extents.push(extent);
}

/** The extents of a record of eight, up to the first empty one. @throws CorruptError for blocks outside the volume */
export function extentsOf(records: readonly ExtentRecord[], totalBlocks: number, owner: string): Extent[] {
  const extents: Extent[] = [];
  for (const { startBlock, blockCount } of records) {
    if (blockCount === 0) break;
    if (startBlock === 0 || startBlock + blockCount > totalBlocks)
      throw new CorruptError(
        owner,
        'extents',
        startBlock,
        `${blockCount} blocks from ${startBlock} lie outside the volume of ${totalBlocks} blocks`,
      );
    extents.push({ start: startBlock, count: blockCount });
  }
  return extents;
}

/** Eight extents as a record has them. */
export function extentRecords(extents: readonly Extent[]): ExtentRecord[] {
  return Array.from({ length: 8 }, (_, i) => ({
    startBlock: extents[i]?.start ?? 0,
    blockCount: extents[i]?.count ?? 0,
  }));
}

/** The part `[from, to)` of a fork, in blocks of the fork, as extents on the volume. */
export function sliceExtents(extents: readonly Extent[], from: number, to: number): Extent[] {
  const slice: Extent[] = [];
  let at = 0;
  for (const { start, count } of extents) {
    const low = Math.max(from, at);
    const high = Math.min(to, at + count);
    if (high > low) pushExtent(slice, { start: start + low - at, count: high - low });
    at += count;
  }
  return slice;
}
