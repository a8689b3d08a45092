// The reaper, which only macOS sets to work; others carry it along. Source: Apple File System Reference (nx_reaper_phys_t).

import { struct, u32, u64 } from '@tintype/core';
import { objectFields } from './object.js';

export const REAPER_FLAGS = { magicBlockHeadersMaintained: 1, continues: 2 } as const;
/** Block size - 112. */
export const REAPER_STATE_SIZE = 3984;

/** Of an entry in work or to do: valid, of a record of the job, called, at its end, or to be cleaned up. */
export const REAP_ENTRY_FLAGS = 0x1f;
/** In lists of entries: nothing follows. */
export const REAP_INDEX_NONE = 0xffff_ffff;

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

export const NxReapList = struct(
  'nx_reap_list_phys',
  { order: 'little', size: 64, source: 'Apple File System Reference' },
  {
    ...objectFields(),
    nrl_next: u64('next list block, 0: none'),
    nrl_flags: u32(),
    nrl_max: u32('entries that it has room for'),
    nrl_count: u32('entries in use'),
    nrl_first: u32('first in use; ffffffff: none'),
    nrl_last: u32('last in use'),
    nrl_free: u32('first that is free'),
  },
);

export const NxReapListEntry = struct(
  'nx_reap_list_entry',
  { order: 'little', size: 40, source: 'Apple File System Reference' },
  {
    nrle_next: u32('next of its list of entries'),
    nrle_flags: u32('1: in use'),
    nrle_type: u32('of the object'),
    nrle_size: u32('of the object'),
    nrle_fs_oid: u64('volume'),
    nrle_oid: u64('object'),
    nrle_xid: u64(),
  },
);
