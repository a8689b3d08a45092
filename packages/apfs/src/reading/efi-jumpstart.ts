// Where the driver lies that firmware starts from. See docs/formats/apfs.md.

import { get64 } from '../object.js';
import { OBJECT_TYPE, STORAGE } from '../structs/object.js';
import type { Blocks } from './blocks.js';

const AT = { extents: 0x2c, list: 0xb0 } as const;
const EXTENT_SIZE = 16;

export interface DriverExtent {
  readonly start: number;
  readonly count: number;
}

/** The pieces of the driver that the structure in `block` names, not looked at any closer. @throws CorruptError */
export function driverExtents(blocks: Blocks, block: number, xid: number): DriverExtent[] {
  const view = blocks.readObject(block, {
    structure: 'nx_efi_jumpstart',
    type: OBJECT_TYPE.efiJumpstart,
    storage: STORAGE.physical,
    oid: block,
    xid: { most: xid },
  });
  const count = Math.min(view.getUint32(AT.extents, true), Math.floor((blocks.size - AT.list) / EXTENT_SIZE));
  return Array.from({ length: count }, (_, i) => ({
    start: get64(view, AT.list + EXTENT_SIZE * i),
    count: get64(view, AT.list + EXTENT_SIZE * i + 8),
  }));
}
