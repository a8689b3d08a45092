// The allocation bitmap from the owners of all blocks.

import type { BlockDevice } from '@tintype/core';
import { bitCount, PAGE_BYTES } from '../check/block-map.js';
import type { ForkFile } from '../check/fork-file.js';
import type { Acts } from './acts.js';
import { writeFork } from './repair-tree.js';
import type { Space } from './space.js';

export interface BitmapOptions {
  readonly totalBlocks: number;
  /** False: some extents could not be read, so what is marked as used stays so. */
  readonly isComplete: boolean;
}

/** Answers the blocks that are free afterwards, or -1 if the file is too short to be a bitmap. */
export function mendBitmap(
  file: ForkFile,
  device: BlockDevice,
  space: Space,
  { totalBlocks, isComplete }: BitmapOptions,
  acts: Acts,
): number {
  if (file.size * 8 < totalBlocks) return -1;
  const none = new Uint8Array(PAGE_BYTES);
  let used = 0;
  let changed = false;
  for (let position = 0; position < file.size; position += PAGE_BYTES) {
    const length = Math.min(PAGE_BYTES, file.size - position);
    const owned = space.blocks.page(position / PAGE_BYTES) ?? none;
    if (owned === none && file.knownZeros(position, length) === length) continue;
    const stored = new Uint8Array(length);
    file.read(position, stored);
    const wanted = isComplete ? owned.slice(0, length) : joined(stored, owned);
    clearBehind(wanted, totalBlocks - position * 8);
    for (const byte of wanted) used += bitCount(byte);
    if (Buffer.compare(stored, wanted) === 0) continue;
    writeFork(file, device, position, wanted);
    changed = true;
  }
  if (changed) acts.note('wrote the map of used blocks anew, from the extents of all files');
  return totalBlocks - used;
}

function joined(stored: Uint8Array, owned: Uint8Array): Uint8Array {
  return stored.map((byte, i) => byte | (owned[i] ?? 0));
}

function clearBehind(bytes: Uint8Array, bits: number): void {
  if (bits >= bytes.length * 8) return;
  const byte = Math.max(0, bits) >>> 3;
  bytes[byte] = (bytes[byte] ?? 0) & ~(0xff >>> (Math.max(0, bits) & 7));
  bytes.fill(0, byte + 1);
}
