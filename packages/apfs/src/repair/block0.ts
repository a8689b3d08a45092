// Block 0 is a copy of the newest superblock: it is written again from there. A checkpoint that cannot be used is left behind by
// the next one, which goes where it was.

import type { BlockDevice } from '@tintype/core';
import { isSealed, viewOf } from '../object.js';
import type { ContainerReader } from '../reading/container-reader.js';

/** Answers what was done. */
export function mendBlock0(device: BlockDevice, { superblock, checkpoint, xid, blocks }: ContainerReader): string[] {
  const acts = checkpoint.discarded.map(
    ({ xid: damaged }) => `went back from checkpoint ${damaged}, which cannot be used, to ${xid}`,
  );
  const copy = new Uint8Array(blocks.size);
  device.read(0, copy);
  const newest = new Uint8Array(superblock.buffer, superblock.byteOffset, blocks.size);
  if (Buffer.compare(copy, newest) !== 0) {
    const isWhole = isSealed(viewOf(copy));
    device.write(0, newest);
    acts.push(isWhole ? `brought block 0 up to checkpoint ${xid}` : 'wrote block 0 anew from the newest superblock');
  }
  return acts;
}
