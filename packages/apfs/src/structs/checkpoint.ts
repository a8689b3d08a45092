// Checkpoint maps: where a checkpoint's ephemeral objects lie. Source: Apple File System Reference (checkpoint_map_phys_t).

import { struct, u32, u64 } from '@tintype/core';
import { objectFields } from './object.js';

export const CHECKPOINT_MAP_LAST = 1;
/** (4096 - 40) / 40. */
export const MAPPINGS_PER_BLOCK = 101;

export const CheckpointMap = struct(
  'checkpoint_map_phys',
  { order: 'little', size: 40, source: 'Apple File System Reference' },
  {
    ...objectFields(),
    cpm_flags: u32('1: last block of the checkpoint'),
    cpm_count: u32('mappings that follow'),
  },
);

export const CheckpointMapping = struct(
  'checkpoint_mapping',
  { order: 'little', size: 40, source: 'Apple File System Reference' },
  {
    cpm_type: u32('o_type of the object'),
    cpm_subtype: u32('o_subtype of the object'),
    cpm_size: u32('bytes'),
    cpm_pad: u32(),
    cpm_fs_oid: u64('volume it belongs to, or 0'),
    cpm_oid: u64('ephemeral oid'),
    cpm_paddr: u64('block, inside the data area'),
  },
);
