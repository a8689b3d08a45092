// The space manager: which blocks are free. Source: Apple File System Reference (spaceman_phys_t, chunk_info_block_t,
// cib_addr_block_t); counts checked on images made by macOS.

import { array, bytes, struct, u16, u32, u64 } from '@tintype/core';
import { objectFields } from './object.js';

export const BLOCKS_PER_CHUNK = 32_768;
/** (4096 - 40) / 32. */
export const CHUNKS_PER_CIB = 126;
/** (4096 - 40) / 8. */
export const CIBS_PER_CAB = 507;
/** Slots of the ring of pool bitmaps per bitmap block. */
export const IP_BM_TX_MULTIPLIER = 16;
/** Low bits of ci_block_count and ci_free_count; the others are flags. */
export const CI_COUNT_MASK = 0x000f_ffff;
/** The flags that are known: in the zone of metadata, and in some zone. */
export const CI_FLAGS = 0x0c00_0000;
/** In the list of ring slots: nothing follows, or the slot is in use. */
export const IP_BM_INDEX_INVALID = 0xffff;
export const SM_FLAG_VERSIONED = 1;
/** Bytes of the versioned form, which has zones. */
export const SPACEMAN_SIZE = 2520;

const layout = (size: number) => ({ order: 'little', size, source: 'Apple File System Reference' }) as const;

export const SpacemanDevice = struct('spaceman_device', layout(48), {
  sm_block_count: u64('blocks'),
  sm_chunk_count: u64('chunks'),
  sm_cib_count: u32('chunk info blocks'),
  sm_cab_count: u32('blocks of their addresses; 0: these stand in the space manager'),
  sm_free_count: u64('blocks'),
  sm_addr_offset: u32('bytes from the start of the object to the addresses'),
  sm_reserved: u32(),
  sm_reserved2: u64(),
});

export const FreeQueue = struct('spaceman_free_queue', layout(40), {
  sfq_count: u64('blocks queued'),
  sfq_tree_oid: u64('ephemeral; 0 before the first use'),
  sfq_oldest_xid: u64('0 if empty'),
  sfq_tree_node_limit: u16('most nodes of the tree'),
  sfq_pad16: u16(),
  sfq_pad32: u32(),
  sfq_reserved: u64(),
});

/** Where the two devices and the three queues stand: queues of the internal pool, the main device, the second tier. */
export const Spaceman = struct('spaceman_phys', layout(SPACEMAN_SIZE), {
  ...objectFields(),
  sm_block_size: u32('bytes'),
  sm_blocks_per_chunk: u32(),
  sm_chunks_per_cib: u32(),
  sm_cibs_per_cab: u32(),
  sm_dev: array(SpacemanDevice, 2, 'main device and second tier'),
  sm_flags: u32('1: versioned'),
  sm_ip_bm_tx_multiplier: u32('16'),
  sm_ip_block_count: u64('blocks of the internal pool'),
  sm_ip_bm_size_in_blocks: u32('blocks of one bitmap of the pool'),
  sm_ip_bm_block_count: u32('blocks of the ring of such bitmaps'),
  sm_ip_bm_base: u64('first block of the ring'),
  sm_ip_base: u64('first block of the pool'),
  sm_fs_reserve_block_count: u64('reserved for volumes'),
  sm_fs_reserve_alloc_count: u64('of these in use'),
  sm_fq: array(FreeQueue, 3, 'pool, main device, second tier'),
  sm_ip_bm_free_head: u16('first free slot of the ring'),
  sm_ip_bm_free_tail: u16('last free slot of the ring'),
  sm_ip_bm_xid_offset: u32('bytes to the xids of the bitmap blocks'),
  sm_ip_bitmap_offset: u32('bytes to their slots'),
  sm_ip_bm_free_next_offset: u32('bytes to the list of slots'),
  sm_version: u32('1'),
  sm_struct_size: u32('2520'),
  sm_datazone: bytes(SPACEMAN_SIZE - 0x158, 'allocation zones: hints'),
});

/** One of eight for each device, in sm_datazone. */
export const SpacemanZone = struct('spaceman_allocation_zone_info', layout(136), {
  saz_start: u64('first block'),
  saz_end: u64('behind its last block'),
  saz_previous: bytes(112, 'seven earlier pairs of start and end'),
  saz_zone_id: u16('0: none'),
  saz_previous_index: u16('of the last of the earlier pairs'),
  saz_reserved: u32(),
});

export const ChunkInfo = struct('chunk_info', layout(32), {
  ci_xid: u64('transaction that changed the chunk last'),
  ci_addr: u64('first block of the chunk'),
  ci_block_count: u32('blocks, and flags in the upper 12 bits'),
  ci_free_count: u32('blocks, and flags in the upper 12 bits'),
  ci_bitmap_addr: u64('block of the bitmap; 0: all are free'),
});

export const ChunkInfoBlock = struct('chunk_info_block', layout(40), {
  ...objectFields(),
  cib_index: u32('of all in the device'),
  cib_chunk_info_count: u32('chunk_info that follow'),
});

export const CibAddrBlock = struct('cib_addr_block', layout(40), {
  ...objectFields(),
  cab_index: u32(),
  cab_cib_count: u32('addresses that follow'),
});

export const FreeQueueKey = struct('spaceman_free_queue_key', layout(16), {
  sfqk_xid: u64('transaction that freed the blocks'),
  sfqk_paddr: u64('first block'),
});
