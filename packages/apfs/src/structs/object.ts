// The header of every object, its types and storage kinds. Source: Apple File System Reference (obj_phys_t).

import { bytes, struct, u32, u64 } from '@tintype/core';

/** Of every object's first 32 bytes; each object's declaration begins with these. */
export const objectFields = () => ({
  o_cksum: bytes(8, 'Fletcher-64 of the rest'),
  o_oid: u64('identifier; of a physical object its own block'),
  o_xid: u64('transaction that wrote it'),
  o_type: u32('kind of object in the low half, storage kind and flags in the high half'),
  o_subtype: u32('what a tree holds'),
});

export const ObjectHeader = struct(
  'obj_phys',
  { order: 'little', size: 32, source: 'Apple File System Reference' },
  objectFields(),
);

/** Low half of o_type, and o_subtype. */
export const OBJECT_TYPE = {
  superblock: 1,
  btree: 2,
  btreeNode: 3,
  spaceman: 5,
  cibAddresses: 6,
  chunkInfo: 7,
  bitmap: 8,
  freeQueue: 9,
  omap: 0xb,
  checkpointMap: 0xc,
  volume: 0xd,
  fsTree: 0xe,
  extentReferences: 0xf,
  snapshotMetadata: 0x10,
  reaper: 0x11,
  reapList: 0x12,
  omapSnapshots: 0x13,
  efiJumpstart: 0x14,
  snapshotMetadataExtension: 0x1d,
  integrityMetadata: 0x1e,
  fileExtents: 0x1f,
} as const;

/** The two top bits of o_type: how an oid leads to a block. */
export const STORAGE = { virtual: 0, ephemeral: 0x8000_0000, physical: 0x4000_0000 } as const;
export const STORAGE_MASK = 0xc000_0000;
export const TYPE_MASK = 0xffff;
export const OBJECT_ENCRYPTED = 0x1000_0000;
