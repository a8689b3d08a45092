// Object maps: from virtual ids to blocks. Source: Apple File System Reference (omap_phys_t).

import { struct, u32, u64 } from '@tintype/core';
import { objectFields } from './object.js';

export const OMAP_MANUALLY_MANAGED = 1;
export const OMAP_VALUE_FLAGS = { deleted: 1, saved: 2, encrypted: 4, noHeader: 8, cryptoGeneration: 0x10 } as const;

const layout = (size: number) => ({ order: 'little', size, source: 'Apple File System Reference' }) as const;

export const Omap = struct('omap_phys', layout(88), {
  ...objectFields(),
  om_flags: u32('1: of the container'),
  om_snap_count: u32('snapshots'),
  om_tree_type: u32('o_type of the tree'),
  om_snapshot_tree_type: u32('o_type of the tree of snapshots'),
  om_tree_oid: u64('physical'),
  om_snapshot_tree_oid: u64('physical, 0: none'),
  om_most_recent_snap: u64('xid'),
  om_pending_revert_min: u64('xid'),
  om_pending_revert_max: u64('xid'),
});

export const OmapKey = struct('omap_key', layout(16), { ok_oid: u64(), ok_xid: u64() });
export const OmapValue = struct('omap_val', layout(16), {
  ov_flags: u32(),
  ov_size: u32('bytes'),
  ov_paddr: u64('block'),
});

/** Of a snapshot in a map: gone, or about to go. */
export const OMAP_SNAPSHOT_GONE = 3;

export const OmapSnapshotValue = struct('omap_snapshot', layout(16), {
  oms_flags: u32('1: deleted, 2: reverted'),
  oms_pad: u32(),
  oms_oid: u64('0'),
});
