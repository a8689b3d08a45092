// What has a fixed place in a container, so that no smaller one can end before it: the areas of the checkpoints, what firmware
// starts from, and key bags, whose encryption depends on where they lie.

import type { BlockDevice } from '@tintype/core';
import { readKeybag, volumeBagPlaces } from '../encryption/keybag.js';
import { VOLUME_SHARE } from '../geometry.js';
import { get64 } from '../object.js';
import { Blocks } from '../reading/blocks.js';
import { driverExtents } from '../reading/efi-jumpstart.js';
import type { Extent } from '../spaceman.js';
import { BLOCK_SIZE, NX_MAX_FILE_SYSTEMS, NxSuperblock } from '../structs/container.js';

const at = NxSuperblock.at;

/**
 * The block behind the last of what is not moved, and no less than the slots of the volumes allow.
 * @throws CorruptError, UnsupportedError for key bags that hardware protects
 */
export function fixedEnd(device: BlockDevice, superblock: DataView): number {
  let slots = NX_MAX_FILE_SYSTEMS;
  while (slots > 0 && get64(superblock, at.nx_fs_oid + 8 * (slots - 1)) === 0) slots -= 1;
  const blocksForSlots = slots > 1 ? ((slots - 1) * VOLUME_SHARE) / BLOCK_SIZE + 1 : 0;
  return fixedExtents(device, superblock).reduce(
    (end, { start, count }) => Math.max(end, start + count),
    blocksForSlots,
  );
}

function fixedExtents(device: BlockDevice, superblock: DataView): Extent[] {
  const blocks = new Blocks(device, BLOCK_SIZE, get64(superblock, at.nx_block_count));
  const areas = (['desc', 'data'] as const).map((kind) => ({
    start: get64(superblock, at[`nx_xp_${kind}_base`]),
    count: superblock.getUint32(at[`nx_xp_${kind}_blocks`], true),
  }));
  return [...areas, ...jumpstart(blocks, superblock), ...keyBags(blocks, superblock)];
}

function jumpstart(blocks: Blocks, superblock: DataView): Extent[] {
  const start = get64(superblock, at.nx_efi_jumpstart);
  if (start === 0) return [];
  return [{ start, count: 1 }, ...driverExtents(blocks, start, get64(superblock, at.o_xid))];
}

function keyBags(blocks: Blocks, superblock: DataView): Extent[] {
  const media = { start: get64(superblock, at.nx_mkb_locker), count: get64(superblock, at.nx_mkb_locker + 8) };
  const bag = { start: get64(superblock, at.nx_keylocker_start), count: get64(superblock, at.nx_keylocker_count) };
  if (bag.start === 0) return [media];
  const uuid = new Uint8Array(superblock.buffer, superblock.byteOffset + at.nx_uuid, 16);
  const entries = readKeybag(blocks, { ...bag, uuid, kind: 'container' });
  return [media, bag, ...volumeBagPlaces(entries)];
}
