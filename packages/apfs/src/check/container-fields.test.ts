// Single fields of the container, its checkpoint and its space manager: each change is found under its kind.

import { describe, expect, test } from 'vitest';
import { isMissing } from '../sample.testing.js';
import { CheckpointMap, CheckpointMapping } from '../structs/checkpoint.js';
import { NxSuperblock } from '../structs/container.js';
import { Omap } from '../structs/object-map.js';
import { NxReaper } from '../structs/reaper.js';
import {
  ChunkInfo,
  ChunkInfoBlock,
  FreeQueue,
  FreeQueueKey,
  Spaceman,
  SpacemanDevice,
  SpacemanZone,
} from '../structs/spaceman.js';
import { Damaged, type Entry } from './damage.testing.js';

type Change = (view: DataView) => void;
const set8 =
  (at: number, value: number): Change =>
  (view) =>
    view.setUint8(at, value);
const nx = NxSuperblock.at;
const nr = NxReaper.at;
const sm = Spaceman.at;
const fq = FreeQueue.at;
const dev = SpacemanDevice.at;
const tier2 = sm.sm_dev + SpacemanDevice.size;
const MAP_BLOCK = 1;
const FIRST_MAPPING = CheckpointMap.size;

const superblock: [string, Change][] = [
  ['features', set8(nx.nx_features + 1, 1)],
  ['read-only features', set8(nx.nx_readonly_compatible_features, 1)],
  ['test type', set8(nx.nx_test_type, 1)],
  ['flags', set8(nx.nx_flags + 2, 1)],
  ['UUID of a Fusion drive', set8(nx.nx_fusion_uuid + 9, 1)],
  ['ephemeral info', set8(nx.nx_ephemeral_info + 4, 77)],
  ['middle tree', set8(nx.nx_fusion_mt_oid, 1)],
];
const maps: [string, Change][] = [
  ['flags', set8(CheckpointMap.at.cpm_flags + 1, 1)],
  ['pad of a mapping', set8(FIRST_MAPPING + CheckpointMapping.at.cpm_pad, 1)],
  ['type in a mapping', set8(FIRST_MAPPING + CheckpointMapping.at.cpm_type + 2, 1)],
];
const reaper: [string, Change][] = [
  ['next job', set8(nr.nr_next_reap_id, 2)],
  ['last job', set8(nr.nr_completed_id, 1)],
  ['first list', set8(nr.nr_head + 1, 9)],
  ['last list', set8(nr.nr_tail, 1)],
  ['number of lists', set8(nr.nr_rlcount, 1)],
  ['object in work', set8(nr.nr_oid, 1)],
  ['its volume', set8(nr.nr_fs_oid, 1)],
  ['state', set8(NxReaper.size + 3000, 1)],
];
const spaceman: [string, string, Change][] = [
  ['spaceman', 'flags', set8(sm.sm_flags, 3)],
  ['spaceman', 'size', set8(sm.sm_struct_size, 1)],
  ['spaceman', 'reserved of the main device', set8(sm.sm_dev + dev.sm_reserved, 1)],
  ['spaceman', 'blocks of a second device', set8(tier2 + dev.sm_block_count, 1)],
  ['spaceman', 'free blocks of a second device', set8(tier2 + dev.sm_free_count, 1)],
  ['spaceman', 'blocks of addresses', set8(sm.sm_dev + dev.sm_cab_count, 1)],
  ['spaceman', 'limit of a queue', set8(sm.sm_fq + fq.sfq_tree_node_limit + 1, 1)],
  ['free-queue', 'limit below what is there', set8(sm.sm_fq + FreeQueue.size + fq.sfq_tree_node_limit, 0)],
  ['spaceman', 'pad of a queue', set8(sm.sm_fq + fq.sfq_pad32, 1)],
  ['spaceman', 'queue of a second device', set8(sm.sm_fq + 2 * FreeQueue.size + fq.sfq_count, 1)],
  ['spaceman', 'reserved blocks', set8(sm.sm_fs_reserve_block_count, 1)],
  ['spaceman', 'reserved blocks in use', set8(sm.sm_fs_reserve_alloc_count, 1)],
  ['pool', 'place of the transactions', set8(sm.sm_ip_bm_xid_offset + 1, 1)],
  ['pool', 'place of the slots', set8(sm.sm_ip_bitmap_offset + 1, 0xff)],
  ['pool', 'transaction of a bitmap', (v) => v.setUint8(v.getUint32(sm.sm_ip_bm_xid_offset, true) + 4, 1)],
  [
    'pool',
    'something behind the last free slot',
    (v) =>
      v.setUint16(
        v.getUint32(sm.sm_ip_bm_free_next_offset, true) + 2 * v.getUint16(sm.sm_ip_bm_free_tail, true),
        1,
        true,
      ),
  ],
  [
    'pool',
    'a used slot among the free ones',
    (v) => {
      const slot = v.getUint16(v.getUint32(sm.sm_ip_bitmap_offset, true), true);
      v.setUint16(v.getUint32(sm.sm_ip_bm_free_next_offset, true) + 2 * slot, 1, true);
    },
  ],
  [
    'pool',
    'place of the addresses',
    (v) => {
      const at = sm.sm_dev + dev.sm_addr_offset;
      v.setUint32(at, v.getUint32(at, true) - 4, true);
    },
  ],
  ['zone', 'without a number', set8(sm.sm_datazone + SpacemanZone.at.saz_end, 1)],
  ['zone', 'reserved field', set8(sm.sm_datazone + SpacemanZone.at.saz_reserved, 1)],
  ['zone', 'nothing in it', set8(sm.sm_datazone + SpacemanZone.at.saz_zone_id, 1)],
  [
    'zone',
    'more before it than are kept',
    (v) => {
      v.setUint8(sm.sm_datazone + SpacemanZone.at.saz_zone_id, 1);
      v.setUint8(sm.sm_datazone + SpacemanZone.at.saz_end, 1);
      v.setUint8(sm.sm_datazone + SpacemanZone.at.saz_previous_index, 8);
    },
  ],
  ['zone', 'an end that is no end', (v) => putZone(v, 0, { id: 1, start: 0, end: 4097 })],
  [
    'zone',
    'one in another',
    (v) => {
      putZone(v, 0, { id: 1, start: 0, end: 8192 });
      putZone(v, 1, { id: 2, start: 4096, end: 12_288 });
    },
  ],
  [
    'zone',
    'one before the first',
    (v) => {
      putZone(v, 0, { id: 1, start: 0, end: 4096 });
      v.setUint8(sm.sm_datazone + SpacemanZone.at.saz_previous, 1);
    },
  ],
];

interface Zone {
  readonly id: number;
  readonly start: number;
  readonly end: number;
}
function putZone(view: DataView, index: number, { id, start, end }: Zone): void {
  const at = sm.sm_datazone + index * SpacemanZone.size;
  view.setUint32(at + SpacemanZone.at.saz_start, start, true);
  view.setUint32(at + SpacemanZone.at.saz_end, end, true);
  view.setUint16(at + SpacemanZone.at.saz_zone_id, id, true);
}

describe.skipIf(isMissing('basic'))('is found', () => {
  test.each(superblock)('in the superblock: %s', (_, change) => {
    expect(new Damaged().superblock(change).kinds()).toContain('superblock-field');
  });
  test('in the superblock: a media key bag of no blocks', () => {
    expect(new Damaged().superblock(set8(nx.nx_mkb_locker + 8, 1)).kinds()).toContain('keybag');
  });
  test('in the superblock: ranges that are still to be evicted', () => {
    expect(new Damaged().superblock(set8(nx.nx_evict_mapping_tree_oid, 1)).kinds()).toEqual(['resize-pending']);
  });
  test('in the space manager: a queue that nothing leads to', () => {
    const root = sm.sm_fq + FreeQueue.size + fq.sfq_tree_oid;
    const container = new Damaged().ephemeral('nx_spaceman_oid', (view) => view.setUint32(root, 0, true));
    expect(container.kinds()).toContain('checkpoint-map');
  });
  test('in the superblock: a key bag of no blocks', () => {
    expect(new Damaged().superblock(set8(nx.nx_keylocker_count, 1)).kinds()).toContain('keybag');
  });
  test.each(maps)('in a map of the checkpoint: %s', (_, change) => {
    expect(new Damaged().edit(MAP_BLOCK, change).kinds()).toContain('checkpoint-map');
  });
  test.each(reaper)('in the reaper: %s', (_, change) => {
    expect(new Damaged().ephemeral('nx_reaper_oid', change).kinds()).toContain('reaper');
  });
  test.each(spaceman)('%s, in the space manager: %s', (kind, _, change) => {
    expect(new Damaged().ephemeral('nx_spaceman_oid', change).kinds()).toContain(kind);
  });
  test.each([
    ['its place among them', set8(ChunkInfoBlock.at.cib_index, 1)],
    ['an unknown flag of a chunk', set8(ChunkInfoBlock.size + ChunkInfo.at.ci_block_count + 3, 1)],
  ])('in a chunk info block: %s', (_, change) => {
    const container = new Damaged();
    expect(container.edit(container.cib, change).kinds()).toContain('chunk');
  });
  test('two zones side by side are no finding', () => {
    const zones: Change = (view) => {
      putZone(view, 0, { id: 1, start: 0, end: 4096 });
      putZone(view, 1, { id: 2, start: 4096, end: 12_288 });
    };
    expect(new Damaged().ephemeral('nx_spaceman_oid', zones).kinds()).toEqual([]);
  });
  test.each([
    ['outside the pool', 600],
    ['that has chunk infos', 0],
  ])('a bitmap in a block %s', (_, block) => {
    const container = new Damaged();
    const change: Change = (view) =>
      view.setUint32(ChunkInfoBlock.size + ChunkInfo.at.ci_bitmap_addr, block || container.cib, true);
    expect(container.edit(container.cib, change).kinds()).toContain('pool');
  });
  test('a block of the pool that is queued and in use', () => {
    const container = new Damaged();
    const change = ({ view, key }: Entry): void =>
      view.setUint32(key + FreeQueueKey.at.sfqk_paddr, container.cib, true);
    const { block, kind } = container.poolQueue;
    expect(container.entry(block, kind, 0, change).kinds()).toContain('free-queue');
  });
  test('a chunk in a zone is no finding', () => {
    const container = new Damaged();
    const flags = set8(ChunkInfoBlock.size + ChunkInfo.at.ci_block_count + 3, 0x0c);
    expect(container.edit(container.cib, flags).kinds()).toEqual([]);
  });
  test.each([
    ['flags', set8(Omap.at.om_flags + 1, 1)],
    ['type of the tree', set8(Omap.at.om_tree_type, 3)],
    ['type of the tree of snapshots', set8(Omap.at.om_snapshot_tree_type + 3, 0)],
    ['newest snapshot', set8(Omap.at.om_most_recent_snap, 3)],
  ])('in an object map: %s', (_, change) => {
    const container = new Damaged();
    expect(container.edit(container.head.number('apfs_omap_oid'), change).kinds()).toContain('omap');
  });
});
