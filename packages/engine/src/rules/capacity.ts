// Capacity of new images (B15, B17): pure functions of stated numbers.

import { showSize } from '@tintype/core';
import { UsageError } from '../usage-error.js';

const MIB = 1 << 20;

/** No volume that is made here has more bytes than this, however large its host is. */
const LARGEST_VOLUME = 16e12;

/** In which every file system that is made here has room. */
const LEAST_DISK = 1_000_000;

/** Of a size that was asked for. @throws UsageError */
export function requireRoomForVolume(size: number): void {
  if (size < LEAST_DISK)
    throw new UsageError(`a disk of ${besides(size, LEAST_DISK)} has no room for a volume: the least is 1mb`);
}

/** The same for a new disk. @throws UsageError */
export function requireDiskSize(size: number): void {
  requireRoomForVolume(size);
  if (size > LARGEST_VOLUME)
    throw new UsageError(
      `a disk of ${besides(size, LARGEST_VOLUME)} is too large: the most is ${showSize(LARGEST_VOLUME)}`,
    );
}

/** A size beside a limit: to the byte where both would read alike. */
function besides(size: number, limit: number): string {
  return showSize(size) === showSize(limit) ? `${size} bytes` : showSize(size);
}

/** A new image without a size gets the free space of its host volume, rounded down to 1 MiB (B15). */
export function defaultCapacity(hostFree: number): number {
  return Math.floor(Math.min(hostFree, LARGEST_VOLUME) / MIB) * MIB;
}

/** True if a sparse image promises more than its host volume can hold (B17). */
export function isOverCommitted(size: number, hostCapacity: number): boolean {
  return size > hostCapacity;
}

/** The least by which a full image grows: a share of its size, and bytes. Each time the source is looked through again. */
export const LEAST_GROWTH = { share: 0.1, bytes: 64 * MIB } as const;
/** Host bytes that growth leaves alone. */
const HOST_SPARE = 16 * MIB;

/**
 * The size of an image that was full when `needed` bytes were to be written; never past what the host has free, and null
 * if that is not enough (B16).
 */
export function grownSize(inputs: { size: number; needed: number; hostFree: number }): number | null {
  const { size, needed, hostFree } = inputs;
  // Beside the contents there is metadata.
  const least = needed + Math.ceil(needed / 50) + MIB;
  const room = Math.floor((hostFree - HOST_SPARE) / MIB) * MIB;
  if (room < least) return null;
  const wanted = Math.max(least, Math.ceil(size * LEAST_GROWTH.share), LEAST_GROWTH.bytes);
  return Math.floor((size + Math.min(room, wanted)) / MIB) * MIB;
}

/** Of the volume in a read-only image: this share of the content, and bytes. */
export const ARCHIVE_ROOM = { share: 1.1, bytes: 16 * MIB } as const;
/** Records of an item, at the most that is usual; where files are small, they are more than the share. */
const ARCHIVE_METADATA_PER_ITEM = 1000;

/** Bytes of the disk in a read-only image, from what the source holds in whole blocks. */
export function archiveCapacity({ blocks, items }: { readonly blocks: number; readonly items: number }): number {
  const volume = Math.max(Math.ceil(blocks * ARCHIVE_ROOM.share), blocks + items * ARCHIVE_METADATA_PER_ITEM);
  return Math.ceil((volume + ARCHIVE_ROOM.bytes) / 4096) * 4096;
}
