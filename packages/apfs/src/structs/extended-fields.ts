// Extended fields, which follow an inode's or a directory record's fixed part. Values are padded by their length, not by
// their place, and `xf_used_data` does not count the descriptors. Source: Apple File System Reference, corrected by images.

import { struct, u8, u16 } from '@tintype/core';

const layout = (size: number) => ({ order: 'little', size, source: 'Apple File System Reference' }) as const;

export const ExtendedFieldBlob = struct('xf_blob', layout(4), {
  xf_num_exts: u16('fields'),
  xf_used_data: u16('bytes of all values, padded'),
});

export const ExtendedFieldEntry = struct('x_field', layout(4), {
  x_type: u8(),
  x_flags: u8('1: depends on the data, 2: not copied, 8: inherited, 0x10: of the user, 0x20: of the system'),
  x_size: u16('bytes'),
});

export const INODE_FIELD = {
  snapshotXid: 1,
  deltaTree: 2,
  documentId: 3,
  name: 4,
  previousSize: 5,
  finderInfo: 7,
  dstream: 8,
  directoryStats: 0xa,
  fsUuid: 0xb,
  sparseBytes: 0xd,
  rdev: 0xe,
  purgeable: 0xf,
  originalSyncRoot: 0x10,
} as const;
export const DIRECTORY_FIELD = { siblingId: 1 } as const;
