// Where the bytes of a fork lie, as far as records tell: stretches of the fork, some of them nowhere.

import type { LostRange } from '@tintype/core';
import { EXTENT_RECORD_SIZE } from '../structs/extents.js';
import { ExtentDescriptor, ForkData } from '../structs/volume-header.js';
import type { SalvageSource } from './source.js';

/** `[position, position + length)` of the fork; `at`: byte of the device, null: nothing tells. */
export interface Stretch {
  readonly position: number;
  readonly length: number;
  readonly at: number | null;
}

export interface ForkShape {
  readonly size: number;
  readonly stretches: readonly Stretch[];
}

/** An overflow record: eight extents from this block of the fork on. */
export interface OverflowRecord {
  readonly startBlock: number;
  readonly extents: DataView;
}

export interface BlockShape {
  /** Byte of the device where block 0 begins. */
  readonly origin: number;
  readonly blockSize: number;
  readonly totalBlocks: number;
}

/** The fork whose description lies at `at`. `overflow` need not be in order. */
export function forkShape(
  view: DataView,
  at: number,
  overflow: readonly OverflowRecord[],
  shape: BlockShape,
): ForkShape {
  const size = Math.min(view.getUint32(at) * 0x1_0000_0000 + view.getUint32(at + 4), Number.MAX_SAFE_INTEGER);
  return { size, stretches: within(stretchesOf(view, at + ForkData.at.extents, overflow, shape), size) };
}

/** Whole blocks of the eight extents at `at` and of overflow records, ascending; there may be gaps between. */
export function stretchesOf(
  view: DataView,
  at: number,
  overflow: readonly OverflowRecord[],
  { origin, blockSize, totalBlocks }: BlockShape,
): Stretch[] {
  const stretches: Stretch[] = [];
  let block = 0;
  const take = (records: DataView, offset: number): void => {
    for (let i = 0; i < 8; i += 1) {
      const start = records.getUint32(offset + i * ExtentDescriptor.size);
      const count = records.getUint32(offset + i * ExtentDescriptor.size + 4);
      if (count === 0) return;
      const isInside = start > 0 && start + count <= totalBlocks;
      stretches.push({
        position: block * blockSize,
        length: count * blockSize,
        at: isInside ? origin + start * blockSize : null,
      });
      block += count;
    }
  };
  take(view, at);
  for (const { startBlock, extents } of [...overflow].sort((a, b) => a.startBlock - b.startBlock)) {
    if (startBlock < block || extents.byteLength < EXTENT_RECORD_SIZE) continue;
    block = startBlock;
    take(extents, 0);
  }
  return stretches;
}

/** The same for the first `size` bytes, with what is between and behind. */
function within(pieces: readonly Stretch[], size: number): Stretch[] {
  const stretches: Stretch[] = [];
  let end = 0;
  for (const piece of pieces) {
    if (end >= size) break;
    if (piece.position > end) stretches.push({ position: end, length: Math.min(piece.position, size) - end, at: null });
    if (piece.position >= size) return stretches;
    stretches.push({ ...piece, length: Math.min(piece.length, size - piece.position) });
    end = piece.position + piece.length;
  }
  if (end < size) stretches.push({ position: end, length: size - end, at: null });
  return stretches;
}

/** What of a fork is nowhere, or is not stored. Ascending. */
export function lostOf({ stretches }: ForkShape, source: SalvageSource): LostRange[] {
  const lost: LostRange[] = [];
  for (const { position, length, at } of stretches) {
    if (at === null) lost.push({ start: position, length, reason: 'unmapped' });
    else
      for (const range of source.notStored(at, length))
        lost.push({ start: position + range.start - at, length: range.length, reason: 'not-stored' });
  }
  return lost;
}

/** Fills `target` as far as it lies in the fork; answers how much. What is nowhere reads as zeros. @throws TintypeError */
export function readFork(
  { size, stretches }: ForkShape,
  source: SalvageSource,
  position: number,
  target: Uint8Array,
): number {
  const length = Math.max(0, Math.min(target.length, size - position));
  for (const stretch of stretches) {
    const from = Math.max(position, stretch.position);
    const to = Math.min(position + length, stretch.position + stretch.length);
    if (to <= from) continue;
    const part = target.subarray(from - position, to - position);
    if (stretch.at === null) part.fill(0);
    else source.require(stretch.at + from - stretch.position, part);
  }
  return length;
}
