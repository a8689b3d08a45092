// The volume superblock. Source: Apple File System Reference (apfs_superblock_t); fields from 0x420 on as newer images of
// macOS show them.

import { array, bytes, struct, u16, u32, u64 } from '@tintype/core';
import { objectFields } from './object.js';

/** `APSB` as a little-endian number. */
export const APFS_MAGIC = 0x4253_5041;
export const VOLUME_FEATURE_HARDLINK_MAP = 2;
/** Of the volumes of a group: ids of the System volume begin at 2^59. */
export const VOLUME_FEATURE_GROUP_IDS = 0x10;
export const VOLUME_ROLE = { system: 1, data: 0x40 } as const;
export const VOLUME_INCOMPAT = {
  caseInsensitive: 1,
  datalessSnapshots: 2,
  encryptionRolled: 4,
  normalizationInsensitive: 8,
  incompleteRestore: 0x10,
  sealed: 0x20,
  perFileKeys: 0x40,
  preallocated: 0x80,
  secondaryRoot: 0x100,
} as const;
export const VOLUME_FLAGS = { unencrypted: 1, oneKey: 8 } as const;
/** Reserved inode numbers, and the first that is given. */
export const INODE = { rootParent: 1, root: 2, privateFolder: 3, snapshots: 6, purgeable: 7, firstUser: 16 } as const;
export const MIN_DOC_ID = 3;
export const VOLUME_NAME_SIZE = 256;

const layout = (size: number) => ({ order: 'little', size, source: 'Apple File System Reference' }) as const;

export const ModifiedBy = struct('apfs_modified_by', layout(48), {
  id: bytes(32, 'program, NUL-terminated'),
  timestamp: bytes(8, 'nanoseconds since 1970'),
  last_xid: u64(),
});

export const VolumeSuperblock = struct('apfs_superblock', layout(0x470), {
  ...objectFields(),
  apfs_magic: u32('APSB'),
  apfs_fs_index: u32('slot in nx_fs_oid'),
  apfs_features: u64('2: hard link map records'),
  apfs_readonly_compatible_features: bytes(8),
  apfs_incompatible_features: u64('1: case-insensitive, 8: normalization-insensitive'),
  apfs_unmount_time: bytes(8, 'nanoseconds since 1970'),
  apfs_fs_reserve_block_count: u64('blocks'),
  apfs_fs_quota_block_count: u64('blocks, 0: none'),
  apfs_fs_alloc_count: u64('blocks in use'),
  apfs_meta_crypto_major: u16('5'),
  apfs_meta_crypto_minor: u16(),
  apfs_meta_crypto_flags: u32(),
  apfs_meta_crypto_class: u32('6'),
  apfs_meta_crypto_os_version: u32(),
  apfs_meta_crypto_revision: u16('1'),
  apfs_meta_crypto_unused: u16(),
  apfs_root_tree_type: u32('2'),
  apfs_extentref_tree_type: u32('40000002'),
  apfs_snap_meta_tree_type: u32('40000002'),
  apfs_omap_oid: u64('physical'),
  apfs_root_tree_oid: u64('virtual'),
  apfs_extentref_tree_oid: u64('physical'),
  apfs_snap_meta_tree_oid: u64('physical'),
  apfs_revert_to_xid: u64(),
  apfs_revert_to_sblock_oid: u64(),
  apfs_next_obj_id: u64('next file-system id'),
  apfs_num_files: u64('regular files'),
  apfs_num_directories: u64('without the file system’s own'),
  apfs_num_symlinks: u64(),
  apfs_num_other_fsobjects: u64(),
  apfs_num_snapshots: u64(),
  apfs_total_blocks_alloced: u64('ever'),
  apfs_total_blocks_freed: u64('ever'),
  apfs_vol_uuid: bytes(16),
  apfs_last_mod_time: bytes(8, 'nanoseconds since 1970'),
  apfs_fs_flags: u64('1: not encrypted'),
  apfs_formatted_by: array(ModifiedBy, 1),
  apfs_modified_by: array(ModifiedBy, 8, 'newest first'),
  apfs_volname: bytes(VOLUME_NAME_SIZE, 'UTF-8, NUL-terminated'),
  apfs_next_doc_id: u32(),
  apfs_role: u16(),
  apfs_reserved: u16(),
  apfs_root_to_xid: u64(),
  apfs_er_state_oid: u64(),
  apfs_cloneinfo_id_epoch: u64(),
  apfs_cloneinfo_xid: u64(),
  apfs_snap_meta_ext_oid: u64('virtual'),
  apfs_volume_group_id: bytes(16),
  apfs_integrity_meta_oid: u64('virtual'),
  apfs_fext_tree_oid: u64('physical'),
  apfs_fext_tree_type: u32(),
  apfs_reserved_type: u32(),
  apfs_reserved_oid: u64(),
  apfs_doc_id_index_xid: u64(),
  apfs_doc_id_index_flags: u32(),
  apfs_doc_id_tree_type: u32(),
  apfs_doc_id_tree_oid: u64(),
  apfs_prev_doc_id_tree_oid: u64(),
  apfs_doc_id_fixup_cursor: u64(),
  apfs_sec_root_tree_oid: u64(),
  apfs_sec_root_tree_type: u32(),
  apfs_clone_group_tree_flags: u32(),
  apfs_unknown_458: bytes(8),
  apfs_unknown_460: bytes(8, 'xid of the last commit in images of 2026'),
  apfs_unknown_468: bytes(8),
});

/** What is known of a snapshot beside its records. */
export const SnapshotMetadataExtension = struct('snap_meta_ext_obj_phys', layout(0x48), {
  ...objectFields(),
  sme_version: u32('1'),
  sme_flags: u32(),
  sme_snap_xid: u64('of the snapshot'),
  sme_uuid: bytes(16, 'of the snapshot'),
  sme_token: bytes(8),
});
