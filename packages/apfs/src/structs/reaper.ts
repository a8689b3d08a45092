// The reaper, which only macOS sets to work; others carry it along. Source: Apple File System Reference (nx_reaper_phys_t).

import { struct, u32, u64 } from '@tintype/core';
import { objectFields } from './object.js';

export const REAPER_FLAGS = { magicBlockHeadersMaintained: 1, continues: 2 } as const;
/** Block size - 112. */
export const REAPER_STATE_SIZE = 3984;

export const NxReaper = struct(
  'nx_reaper_phys',
  { order: 'little', size: 112, source: 'Apple File System Reference' },
  {
    ...objectFields(),
    nr_next_reap_id: u64('of the next job'),
    nr_completed_id: u64('of the last job done'),
    nr_head: u64('first reap list block, ephemeral'),
    nr_tail: u64('last reap list block, ephemeral'),
    nr_flags: u32('1 always; 2: a job is in work'),
    nr_rlcount: u32('reap list blocks'),
    nr_type: u32('of the object in work'),
    nr_size: u32('of the object in work'),
    nr_fs_oid: u64('of the object in work'),
    nr_oid: u64('of the object in work'),
    nr_xid: u64('of the object in work'),
    nr_nrle_flags: u32('of the entry in work'),
    nr_state_buffer_size: u32('bytes that follow'),
  },
);
