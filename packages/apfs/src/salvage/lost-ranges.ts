// What of a stream is not there: between its extents, in blocks that are stored nowhere, in blocks that newer streams have.

import type { BlockDevice, LostRange, RangeSet } from '@tintype/core';
import type { StreamExtent } from '../records/streams.js';

export interface StreamShape {
  readonly size: number;
  readonly extents: readonly StreamExtent[];
}

export interface BlockRoom {
  readonly device: BlockDevice;
  readonly blockSize: number;
  /** Blocks of the container. */
  readonly blocks: number;
}

/** Ascending. Blocks in `taken` belong to others. */
export function lostRanges(
  { size, extents }: StreamShape,
  { device, blockSize, blocks }: BlockRoom,
  taken: RangeSet | null,
): LostRange[] {
  const lost: LostRange[] = [];
  let end = 0;
  for (const { position, length, block } of extents) {
    if (end >= size) break;
    if (position > end) lost.push({ start: end, length: Math.min(position, size) - end, reason: 'unmapped' });
    const part = Math.min(length, size - position);
    end = position + length;
    if (block === 0 || part <= 0) continue;
    const start = block * blockSize;
    if (block + Math.ceil(part / blockSize) > blocks || start + part > device.size)
      lost.push({ start: position, length: part, reason: 'unmapped' });
    else if (taken?.overlaps(start, part)) lost.push({ start: position, length: part, reason: 'overwritten' });
    else lost.push(...notStored(device, start, part, position));
  }
  if (end < size) lost.push({ start: end, length: size - end, reason: 'unmapped' });
  return lost;
}

function notStored(device: BlockDevice, start: number, length: number, position: number): LostRange[] {
  const lost: LostRange[] = [];
  for (let at = start; at < start + length; ) {
    const { length: step, kind } = device.extent(at);
    if (step <= 0) break;
    const part = Math.min(step, start + length - at);
    if (kind === 'zero') lost.push({ start: position + at - start, length: part, reason: 'not-stored' });
    at += part;
  }
  return lost;
}
