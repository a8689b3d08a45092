// Where the driver lies that firmware starts from. See docs/formats/apfs.md.

import { get64 } from '../object.js';
import { EfiJumpstart } from '../structs/efi-jumpstart.js';
import { Prange } from '../structs/keybag.js';
import { OBJECT_TYPE, STORAGE } from '../structs/object.js';
import type { Blocks } from './blocks.js';

export interface DriverExtent {
  readonly start: number;
  readonly count: number;
}

/** The structure in `block`. @throws CorruptError */
export function readJumpstart(blocks: Blocks, block: number, xid: number): DataView {
  return blocks.readObject(block, {
    structure: 'nx_efi_jumpstart',
    type: OBJECT_TYPE.efiJumpstart,
    storage: STORAGE.physical,
    oid: block,
    xid: { most: xid },
  });
}

/** The pieces of the driver that the structure in `block` names, not looked at any closer. @throws CorruptError */
export function driverExtents(blocks: Blocks, block: number, xid: number): DriverExtent[] {
  const view = readJumpstart(blocks, block, xid);
  const fitting = Math.floor((blocks.size - EfiJumpstart.size) / Prange.size);
  const count = Math.min(view.getUint32(EfiJumpstart.at.nej_num_extents, true), fitting);
  return Array.from({ length: count }, (_, i) => ({
    start: get64(view, EfiJumpstart.size + Prange.size * i),
    count: get64(view, EfiJumpstart.size + Prange.size * i + 8),
  }));
}
