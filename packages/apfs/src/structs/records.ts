// Records of the file-system tree, the extent reference tree and the snapshot metadata tree. Names, extended fields and
// attribute data follow the fixed parts. Source: Apple File System Reference; see docs/formats/apfs.md.

import { bytes, struct, u16, u32, u64 } from '@tintype/core';

/** High four bits of a key's first word. */
export const RECORD_TYPE = {
  snapshotMetadata: 1,
  extent: 2,
  inode: 3,
  xattr: 4,
  siblingLink: 5,
  dstreamId: 6,
  cryptoState: 7,
  fileExtent: 8,
  directory: 9,
  directoryStats: 0xa,
  snapshotName: 0xb,
  siblingMap: 0xc,
  fileInfo: 0xd,
} as const;

export const INODE_FLAGS = {
  isPrivate: 1,
  maintainDirectoryStats: 2,
  directoryStatsOrigin: 4,
  wasCloned: 0x10,
  hasSecurity: 0x40,
  beingTruncated: 0x80,
  hasFinderInfo: 0x100,
  isSparse: 0x200,
  wasEverCloned: 0x400,
  hasResourceFork: 0x4000,
  noResourceFork: 0x8000,
  hasUncompressedSize: 0x4_0000,
  hasPurgeable: 0x200_0000,
} as const;

export const XATTR_FLAGS = { dataStream: 1, dataEmbedded: 2, fileSystemOwned: 4 } as const;
/** Longest value that stands in the record itself. */
export const XATTR_EMBEDDED_LIMIT = 3804;
export const EXTENT_KIND = { new: 1, update: 2, dead: 3 } as const;

const layout = (size: number) => ({ order: 'little', size, source: 'Apple File System Reference' }) as const;

export const InodeValue = struct('j_inode_val', layout(92), {
  parent_id: u64('of the primary link'),
  private_id: u64('data stream'),
  create_time: bytes(8, 'nanoseconds since 1970'),
  mod_time: bytes(8, 'nanoseconds since 1970'),
  change_time: bytes(8, 'nanoseconds since 1970'),
  access_time: bytes(8, 'nanoseconds since 1970'),
  internal_flags: bytes(8),
  nchildren_or_nlink: u32('of a directory or of others'),
  default_protection_class: u32(),
  write_generation_counter: u32(),
  bsd_flags: u32(),
  owner: u32(),
  group: u32(),
  mode: u16('type and permissions'),
  pad1: u16(),
  uncompressed_size: bytes(8, 'valid with internal flag 40000'),
});

export const DirectoryValue = struct('j_drec_val', layout(18), {
  file_id: u64('inode'),
  date_added: bytes(8, 'nanoseconds since 1970'),
  flags: u16('file type'),
});

export const XattrValue = struct('j_xattr_val', layout(4), {
  flags: u16('1: in a stream, 2: embedded'),
  xdata_len: u16('bytes that follow'),
});

export const Dstream = struct('j_dstream', layout(40), {
  size: u64('bytes'),
  alloced_size: u64('bytes, holes included'),
  default_crypto_id: u64(),
  total_bytes_written: bytes(8),
  total_bytes_read: bytes(8),
});

export const FileExtentValue = struct('j_file_extent_val', layout(24), {
  len_and_flags: bytes(8, 'low 56 bits: bytes'),
  phys_block_num: u64('0: a hole'),
  crypto_id: bytes(8),
});

export const PhysicalExtentValue = struct('j_phys_ext_val', layout(20), {
  len_and_kind: bytes(8, 'low 60 bits: blocks'),
  owning_obj_id: bytes(8, 'stream'),
  refcnt: u32('signed'),
});

export const SiblingValue = struct('j_sibling_val', layout(10), {
  parent_id: u64('folder'),
  name_len: u16('bytes of the name that follows, NUL included'),
});

export const CryptoStateValue = struct('j_crypto_val', layout(24), {
  refcnt: u32('users'),
  major_version: u16('5'),
  minor_version: u16('0'),
  cpflags: u32(),
  persistent_class: u32('protection class'),
  key_os_version: u32(),
  key_revision: u16(),
  key_len: u16('bytes of the wrapped key that follows'),
});

export const DirectoryStatsValue = struct('j_dir_stats_val', layout(32), {
  num_children: u64('files and folders in it'),
  total_size: u64('bytes of all files in it'),
  chained_key: bytes(8, 'of the folder above that has statistics, too'),
  gen_count: bytes(8, 'grows with each change'),
});

export const SnapshotMetadataValue = struct('j_snap_metadata_val', layout(50), {
  extentref_tree_oid: u64('physical'),
  sblock_oid: u64('physical'),
  create_time: bytes(8),
  change_time: bytes(8),
  inum: u64(),
  extentref_tree_type: u32(),
  flags: u32(),
  name_len: u16('bytes of the name that follows, NUL included'),
});
