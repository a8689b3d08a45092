// Keys of the extents overflow tree; a leaf's data is eight extent descriptors. Source: TN1150.

import { struct, u8, u16, u32 } from '@tintype/core';

export const ExtentKey = struct(
  'HFSPlusExtentKey',
  { order: 'big', size: 12, source: 'TN1150' },
  {
    keyLength: u16('10'),
    forkType: u8('0 data, 255 resource'),
    pad: u8('0'),
    fileID: u32('CNID'),
    startBlock: u32('block of the fork where the record begins'),
  },
);

export const FORK_TYPE = { data: 0, resource: 255 } as const;
/** Bytes of a record's data: eight extents. */
export const EXTENT_RECORD_SIZE = 64;
