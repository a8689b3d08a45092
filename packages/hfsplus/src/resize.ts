// Another size for a volume, in steps that are commits each: whatever a cut leaves is a sound volume of the old size, or of the
// new one. Growing is one commit. Shrinking first moves what lies behind the new end, then says the new size.
//
// The bitmap grows by an extent of its own at the start of the new room; that part is zero before it counts.

import { assert, type SizeLimits, UnsupportedError } from '@tintype/core';
import { blocksOf, type Extent, extentRecords, pushExtent, sliceExtents } from './extent.js';
import type { Journal, JournalPlace } from './journal.js';
import { moveJournal } from './journal-growth.js';
import type { Mounted } from './mounted.js';
import { bitmapElsewhere, endOf, moveTree } from './relocation.js';
import type { HfsVolume } from './volume.js';

/** Beside what is in use a shrunk volume keeps room for the moves: a fiftieth, and 4 MiB. */
const SPARE_SHARE = 0.02;
const SPARE_BYTES = 4 << 20;
const MOST_BLOCKS = 0xffff_ffff;
/** Bytes at the volume's end that hold the alternate header, and what Apple reserves behind it. */
const TAIL = 1024;

export interface Resizing {
  readonly mounted: Mounted;
  readonly volume: HfsVolume;
  readonly journal: Journal;
  /** Bytes that the volume will have. */
  readonly size: number;
  commit(): void;
  commitIfDue(): void;
  /** Commits, with the journal at another place from then on. */
  commitMoved(place: JournalPlace): void;
  /** Commits, with alternate headers before these bytes. */
  commitEnds(ends: readonly number[]): void;
}

/** `deviceSize`: what the volume can have without another device. */
export function sizeLimits({ header, allocation, blockSize }: Mounted, deviceSize: number): SizeLimits {
  const used = (header.totalBlocks - allocation.freeBlocks) * blockSize;
  const wanted = Math.ceil((used * (1 + SPARE_SHARE) + SPARE_BYTES) / blockSize) * blockSize;
  const info = (header.journalInfoBlock + 2) * blockSize + TAIL;
  const smallest = Math.min(Math.max(wanted, info), header.totalBlocks * blockSize);
  return { smallest, largest: Math.max(deviceSize, Math.min(MOST_BLOCKS * blockSize, Number.MAX_SAFE_INTEGER)) };
}

/** Nothing waits for a commit. @throws VolumeFullError, UnsupportedError */
export function resizeVolume(resizing: Resizing): void {
  const { mounted, size } = resizing;
  const { header, blockSize } = mounted;
  const totalBlocks = Math.floor(size / blockSize);
  if (totalBlocks > MOST_BLOCKS)
    throw new UnsupportedError(`an HFS+ volume with blocks of ${blockSize} bytes has ${MOST_BLOCKS} of them at most`);
  if (totalBlocks < header.totalBlocks) {
    const { smallest } = sizeLimits(mounted, size);
    if (totalBlocks * blockSize < smallest) throw mounted.allocation.full(smallest - totalBlocks * blockSize);
    moveAll(resizing, totalBlocks - tailBlocks(blockSize));
    const needed = Math.ceil(totalBlocks / 8 / blockSize);
    setTotal(resizing, totalBlocks, sliceExtents(mounted.allocation.extents, 0, needed));
  } else if (totalBlocks > header.totalBlocks) setTotal(resizing, totalBlocks, grownBitmap(mounted, totalBlocks));
  else resizing.commitEnds([size]);
}

/** The volume's last blocks are in use and belong to no file. */
const tailBlocks = (blockSize: number): number => Math.ceil(TAIL / blockSize);

/** Where the bitmap lies when there are so many blocks: as now, and one more extent where it must be longer. */
function grownBitmap(mounted: Mounted, totalBlocks: number): readonly Extent[] {
  const { allocation, blockSize, header, device } = mounted;
  const needed = Math.ceil(totalBlocks / 8 / blockSize) - blocksOf(allocation.extents);
  if (needed <= 0) return allocation.extents;
  const added = { start: header.totalBlocks, count: needed };
  if (added.start + needed > totalBlocks - tailBlocks(blockSize)) throw allocation.full(needed * blockSize);
  const extents = [...allocation.extents];
  pushExtent(extents, added);
  if (extents.length > 8) throw new UnsupportedError('the bitmap is in too many pieces to grow');
  device.zero(added.start * blockSize, needed * blockSize);
  return extents;
}

/** One commit: bitmap, counts, and headers at both ends. */
function setTotal({ mounted, size, commitEnds }: Resizing, totalBlocks: number, extents: readonly Extent[]): void {
  const { allocation, header, blockSize } = mounted;
  const before = header.totalBlocks;
  const tail = tailBlocks(blockSize);
  const old = allocation.extents;
  const own = blocksOf(old);
  const added = blocksOf(extents) - own;
  allocation.setReserved({ start: before - tail, count: tail }, 'none');
  allocation.setLimit(null);
  allocation.rebase({ totalBlocks, extents });
  // Bits behind the end meant nothing so far, and are to be zero.
  const known = Math.min(own * blockSize * 8, totalBlocks);
  if (known > before && !allocation.isUnused(before, known))
    allocation.setReserved({ start: before, count: known - before }, 'none');
  allocation.setReserved({ start: totalBlocks - tail, count: tail }, 'reserved');
  if (added > 0) allocation.takeExactly({ start: before, count: added });
  for (const extent of sliceExtents(old, blocksOf(extents), own)) allocation.free(extent);
  header.totalBlocks = totalBlocks;
  putBitmap(mounted, extents);
  commitEnds([size]);
}

function putBitmap({ header, blockSize }: Mounted, extents: readonly Extent[]): void {
  const totalBlocks = blocksOf(extents);
  header.allocationFile = {
    ...header.allocationFile,
    logicalSize: totalBlocks * blockSize,
    totalBlocks,
    extents: extentRecords(extents),
  };
}

/** Everything from block `limit` on goes before it, a kind at a time. */
function moveAll({ mounted, volume, journal, commit, commitIfDue, commitMoved }: Resizing, limit: number): void {
  const { allocation, header, blockSize } = mounted;
  if (header.journalInfoBlock >= limit) throw allocation.full(blockSize);
  allocation.setLimit(limit);
  try {
    if (endOf(allocation.extents) > limit) moveBitmap(mounted, commit);
    if (journal.place.offset + journal.place.size > limit * blockSize) commitMoved(moveJournal(mounted, journal));
    for (const tree of mounted.treeFiles) {
      if (endOf(tree.fork.extents) <= limit) continue;
      moveTree(mounted, tree, limit);
      commit();
    }
    volume.moveBelow(limit, commitIfDue);
    commit();
    const end = header.totalBlocks - tailBlocks(blockSize);
    if (!allocation.isUnused(limit, end))
      throw new UnsupportedError('behind the new end lies something that cannot be moved');
  } catch (error) {
    allocation.setLimit(null);
    throw error;
  }
}

function moveBitmap(mounted: Mounted, commit: () => void): void {
  const { allocation, header } = mounted;
  const before = allocation.extents;
  const extents = bitmapElsewhere(mounted, blocksOf(before));
  assert(blocksOf(extents) === blocksOf(before), 'the bitmap keeps its length');
  allocation.rebase({ totalBlocks: header.totalBlocks, extents });
  for (const extent of before) allocation.free(extent);
  putBitmap(mounted, extents);
  mounted.headerChanged = true;
  commit();
}
