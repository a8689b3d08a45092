// The container superblock. Source: Apple File System Reference (nx_superblock_t); values of container images made by macOS.

import { array, bytes, struct, u32, u64 } from '@tintype/core';
import { objectFields } from './object.js';

export const BLOCK_SIZE = 4096;
/** `NXSB` as a little-endian number. */
export const NX_MAGIC = 0x4253_584e;
export const NX_SUPERBLOCK_OID = 1;
/** The first object id that is given to an object. */
export const OID_RESERVED_COUNT = 1024;
export const NX_MAX_FILE_SYSTEMS = 100;

export const NX_INCOMPAT = { version1: 1, version2: 2, fusion: 0x100 } as const;
export const NX_FLAGS = { cryptoSoftware: 4 } as const;

export const FsOid = struct(
  'nx_fs_oid',
  { order: 'little', size: 8, source: 'Apple File System Reference' },
  {
    oid: u64('virtual, 0: none'),
  },
);

export const NxSuperblock = struct(
  'nx_superblock',
  { order: 'little', size: 0x580, source: 'Apple File System Reference' },
  {
    ...objectFields(),
    nx_magic: u32('NXSB'),
    nx_block_size: u32('bytes'),
    nx_block_count: u64('blocks'),
    nx_features: bytes(8, 'optional features'),
    nx_readonly_compatible_features: bytes(8, 'none defined'),
    nx_incompatible_features: u64('2: version 2'),
    nx_uuid: bytes(16),
    nx_next_oid: u64('next virtual or ephemeral oid'),
    nx_next_xid: u64('xid + 1'),
    nx_xp_desc_blocks: u32('blocks of the descriptor area; bit 31: a tree'),
    nx_xp_data_blocks: u32('blocks of the data area; bit 31: a tree'),
    nx_xp_desc_base: u64('first block of the descriptor area'),
    nx_xp_data_base: u64('first block of the data area'),
    nx_xp_desc_next: u32('index where the next checkpoint goes'),
    nx_xp_data_next: u32('index where its objects go'),
    nx_xp_desc_index: u32('index of the first descriptor block'),
    nx_xp_desc_len: u32('descriptor blocks, this superblock included'),
    nx_xp_data_index: u32('index of the first data block'),
    nx_xp_data_len: u32('data blocks'),
    nx_spaceman_oid: u64('ephemeral'),
    nx_omap_oid: u64('physical'),
    nx_reaper_oid: u64('ephemeral'),
    nx_test_type: u32(),
    nx_max_file_systems: u32('slots of nx_fs_oid that may be used'),
    nx_fs_oid: array(FsOid, NX_MAX_FILE_SYSTEMS, 'volume superblocks'),
    nx_counters: bytes(256, 'statistics of checksums'),
    nx_blocked_out_prange: bytes(16, 'while shrinking'),
    nx_evict_mapping_tree_oid: u64('while shrinking'),
    nx_flags: u64('4: software encryption'),
    nx_efi_jumpstart: u64('physical'),
    nx_fusion_uuid: bytes(16),
    nx_keylocker_start: u64('block of the key bag'),
    nx_keylocker_count: u64('blocks of the key bag'),
    nx_ephemeral_info: bytes(32, 'limits of ephemeral objects'),
    nx_test_oid: u64(),
    nx_fusion_mt_oid: u64('physical'),
    nx_fusion_wbc_oid: u64('ephemeral'),
    nx_fusion_wbc: bytes(16),
    nx_newest_mounted_version: bytes(8, 'of the newest driver that mounted it'),
    nx_mkb_locker: bytes(16, 'media key bag'),
  },
);
