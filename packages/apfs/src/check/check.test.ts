// What macOS wrote is sound; each change to it is found under its name.

import { MemoryDevice, PassphraseError } from '@tintype/core';
import { describe, expect, test } from 'vitest';
import { OMAP_TREE } from '../btree/kinds.js';
import { Node, RecordBuffer } from '../btree/node.js';
import { isMissing, PASSPHRASE, sample, sampleNames } from '../sample.testing.js';
import { BtreeInfo, BtreeNode } from '../structs/btree.js';
import { NxSuperblock } from '../structs/container.js';
import { Omap, OmapValue } from '../structs/object-map.js';
import { NxReaper } from '../structs/reaper.js';
import { DirectoryValue, InodeValue, PhysicalExtentValue, RECORD_TYPE, SiblingValue } from '../structs/records.js';
import { ChunkInfo, ChunkInfoBlock, FreeQueue, Spaceman, SpacemanDevice } from '../structs/spaceman.js';
import { VolumeSuperblock } from '../structs/volume.js';
import { check } from './check.js';
import { Damaged, type Entry, of } from './damage.testing.js';
import { KINDS, type Kind } from './kinds.js';

test.each(sampleNames)('%s has no findings', (name) => {
  if (isMissing(name)) return;
  expect([...check(new MemoryDevice(sample(name)), { passphrase: PASSPHRASE })]).toEqual([]);
});

test.skipIf(isMissing('filevault'))('an encrypted volume without its passphrase is told, and only that', () => {
  const found = [...check(new MemoryDevice(sample('filevault')), {})];
  expect(found.map(({ kind, severity }) => [kind, severity])).toEqual([['volume-locked', 'warning']]);
  const wrong = { passphrase: Buffer.from('wrong') };
  expect(() => [...check(new MemoryDevice(sample('filevault')), wrong)]).toThrow(PassphraseError);
});

const add32 = (view: DataView, at: number, value = 1): void =>
  view.setUint32(at, view.getUint32(at, true) + value, true);
const { inode, xattr, directory, fileExtent, dstreamId, siblingLink, siblingMap } = RECORD_TYPE;
const sm = Spaceman.at;
const vs = VolumeSuperblock.at;
const nx = NxSuperblock.at;
const value = (field: number) => (entry: Entry) => add32(entry.view, entry.value + field);

/** A version of object 5000 in block 3000. */
function addMapping(view: DataView): void {
  const record = new RecordBuffer();
  record.view.setUint32(0, 5000, true);
  record.view.setUint32(8, 4, true);
  record.view.setUint32(20, 4096, true);
  record.view.setUint32(24, 3000, true);
  record.keyLength = 16;
  record.valueLength = 16;
  const node = new Node(OMAP_TREE, new Uint8Array(view.buffer, view.byteOffset, 4096), 0);
  expect(node.insert(node.count, record)).toBe(true);
  add32(view, 4096 - BtreeInfo.size + BtreeInfo.at.bt_key_count);
}

const damages: [Kind, string, (container: Damaged) => unknown][] = [
  ['container', 'all superblocks are gone', (c) => c.bytes.fill(0, 0, 9 * 4096)],
  ['checkpoint-discarded', 'the newest map is damaged', (c) => (c.bytes[4096 + 200] = 1)],
  ['checkpoint-ring', 'the next descriptor', (c) => c.superblock((v) => add32(v, nx.nx_xp_desc_next))],
  ['checkpoint-ring', 'the length of the data', (c) => c.superblock((v) => add32(v, nx.nx_xp_data_len))],
  ['checkpoint-order', 'the start of the data', (c) => c.superblock((v) => add32(v, nx.nx_xp_data_index))],
  ['copy-damaged', 'block 0 is gone', (c) => c.bytes.fill(0, 0, 4096)],
  ['copy-differs', 'block 0 is another', (c) => c.edit(0, (v) => add32(v, nx.nx_next_oid))],
  ['superblock-field', 'the next transaction', (c) => c.superblock((v) => add32(v, nx.nx_next_xid))],
  ['superblock-field', 'the number of volumes', (c) => c.superblock((v) => add32(v, nx.nx_max_file_systems))],
  ['resize-pending', 'blocked out', (c) => c.superblock((v) => add32(v, nx.nx_blocked_out_prange + 8))],
  ['oid-range', 'the next oid', (c) => c.superblock((v) => v.setUint32(nx.nx_next_oid, 1025, true))],
  ['oid-range', 'the next oid, after that of a node', (c) => c.superblock((v) => add32(v, nx.nx_next_oid, -2))],
  ['reaper', 'flags', (c) => c.ephemeral('nx_reaper_oid', (v) => v.setUint32(NxReaper.at.nr_flags, 4, true))],
  ['reaper-busy', 'at work', (c) => c.ephemeral('nx_reaper_oid', (v) => v.setUint32(NxReaper.at.nr_flags, 3, true))],
  ['efi-jumpstart', 'at a block that is none', (c) => c.superblock((v) => v.setUint32(nx.nx_efi_jumpstart, 600, true))],
  [
    'block-outside',
    'a queue',
    (c) =>
      c
        .superblock((v) => v.setUint32(nx.nx_mkb_locker, 5000, true))
        .superblock((v) => v.setUint32(nx.nx_mkb_locker + 8, 1, true)),
  ],
  [
    'block-shared',
    'a media key bag over the map',
    (c) =>
      c
        .superblock((v) => v.setUint32(nx.nx_mkb_locker, 506, true))
        .superblock((v) => v.setUint32(nx.nx_mkb_locker + 8, 1, true)),
  ],
  [
    'bitmap-missing',
    'a media key bag in free blocks',
    (c) =>
      c
        .superblock((v) => v.setUint32(nx.nx_mkb_locker, 4000, true))
        .superblock((v) => v.setUint32(nx.nx_mkb_locker + 8, 2, true)),
  ],
  ['spaceman', 'the pool', (c) => c.ephemeral('nx_spaceman_oid', (v) => add32(v, sm.sm_ip_block_count))],
  [
    'free-count',
    'the sum',
    (c) => c.ephemeral('nx_spaceman_oid', (v) => add32(v, sm.sm_dev + SpacemanDevice.at.sm_free_count)),
  ],
  ['free-queue', 'the count', (c) => c.ephemeral('nx_spaceman_oid', (v) => add32(v, sm.sm_fq + FreeQueue.size))],
  [
    'free-queue',
    'the oldest',
    (c) => c.ephemeral('nx_spaceman_oid', (v) => add32(v, sm.sm_fq + FreeQueue.at.sfq_oldest_xid)),
  ],
  [
    'pool',
    'the tail of the ring',
    (c) => c.ephemeral('nx_spaceman_oid', (v) => v.setUint16(sm.sm_ip_bm_free_tail, 9, true)),
  ],
  ['pool-bitmap', 'another slot', (c) => c.ephemeral('nx_spaceman_oid', (v) => v.setUint16(2528, 7, true))],
  ['chunk', 'the first block', (c) => c.edit(c.cib, (v) => add32(v, ChunkInfoBlock.size + ChunkInfo.at.ci_addr))],
  [
    'chunk-xid',
    'older than its chunk',
    (c) => c.edit(c.cib, (v) => add32(v, ChunkInfoBlock.size + ChunkInfo.at.ci_xid, -1)),
  ],
  [
    'chunk-free-count',
    'one too many',
    (c) => c.edit(c.cib, (v) => add32(v, ChunkInfoBlock.size + ChunkInfo.at.ci_free_count)),
  ],
  [
    'bitmap-lost',
    'a block more',
    (c) => {
      const bitmap = new DataView(c.bytes.buffer, c.cib * 4096).getUint32(
        ChunkInfoBlock.size + ChunkInfo.at.ci_bitmap_addr,
        true,
      );
      c.bytes[bitmap * 4096 + 500] = (c.bytes[bitmap * 4096 + 500] ?? 0) | 1;
    },
  ],
  ['tree-node', 'a leaf is damaged', (c) => c.bytes.fill(1, 498 * 4096, 498 * 4096 + 100)],
  [
    'tree-areas',
    'a total',
    (c) =>
      c.edit(498, (v) =>
        v.setUint16(BtreeNode.at.btn_val_free_len, v.getUint16(BtreeNode.at.btn_val_free_len, true) + 4, true),
      ),
  ],
  ['tree-areas', 'a hole that is none', (c) => c.edit(498, (v) => v.setUint16(BtreeNode.at.btn_key_free_off, 0, true))],
  ['tree-flags', 'unknown', (c) => c.edit(498, (v) => v.setUint16(BtreeNode.at.btn_flags, 0x102, true))],
  [
    'tree-first-key',
    'in the parent',
    (c) => c.edit(498, (v) => add32(v, 56 + v.getUint16(42, true) + v.getUint16(56, true), -1)),
  ],
  ['tree-footer', 'records', (c) => c.edit(490, (v) => add32(v, 4096 - BtreeInfo.size + BtreeInfo.at.bt_key_count))],
  ['tree-footer', 'nodes', (c) => c.edit(500, (v) => add32(v, 4096 - BtreeInfo.size + BtreeInfo.at.bt_node_count))],
  ['tree-footer', 'flags', (c) => c.edit(490, (v) => add32(v, 4096 - BtreeInfo.size, 4))],
  ['omap', 'flags of the volume’s', (c) => c.edit(499, (v) => v.setUint32(Omap.at.om_flags, 1, true))],
  ['omap', 'snapshots', (c) => c.edit(499, (v) => v.setUint32(Omap.at.om_snap_count, 1, true))],
  ['omap-record', 'size', (c) => c.mapping(1, value(OmapValue.at.ov_size))],
  ['omap-record', 'flags', (c) => c.mapping(1, (e) => e.view.setUint32(e.value, 0x100, true))],
  ['omap-unused', 'an object that nothing names', (c) => c.edit(500, addMapping)],
  ['volume-superblock', 'is damaged', (c) => c.bytes.fill(1, 505 * 4096, 505 * 4096 + 64)],
  ['volume-field', 'slot', (c) => c.volume((v) => add32(v, vs.apfs_fs_index))],
  ['volume-field', 'features', (c) => c.volume((v) => v.setUint32(vs.apfs_incompatible_features, 0x4001, true))],
  ['volume-field', 'name', (c) => c.volume((v) => v.setUint8(vs.apfs_volname, 0))],
  ['revert-pending', 'to a snapshot', (c) => c.volume((v) => add32(v, vs.apfs_revert_to_xid))],
  ['revert-pending', 'to a superblock', (c) => c.volume((v) => add32(v, vs.apfs_revert_to_sblock_oid, 600))],
  ['revert-pending', 'begun', (c) => c.edit(499, (v) => add32(v, Omap.at.om_pending_revert_max, 3))],
  ['snapshot', 'a mounted one that is not there', (c) => c.volume((v) => add32(v, vs.apfs_root_to_xid, 3))],
  ['volume-odd', 'encryption that is being changed', (c) => c.volume((v) => add32(v, vs.apfs_er_state_oid, 1029))],
  ['volume-odd', 'the same, as its map says', (c) => c.edit(499, (v) => add32(v, Omap.at.om_flags, 2))],
  ['volume-odd', 'a group, without its ids', (c) => c.volume((v) => v.setUint8(vs.apfs_volume_group_id, 7))],
  ['volume-odd', 'ids of a group', (c) => c.volume((v) => add32(v, vs.apfs_features, 0x10))],
  ['omap-record', 'newer than its node', (c) => c.mapping(1, (e) => e.view.setUint32(e.key + 8, 9, true))],
  ['volume-count', 'files', (c) => c.volume((v) => add32(v, vs.apfs_num_files))],
  ['volume-count', 'blocks', (c) => c.volume((v) => add32(v, vs.apfs_fs_alloc_count))],
  ['record', 'an unknown type', (c) => c.record(siblingMap, (e) => e.view.setUint8(e.key + 7, 0xe0))],
  [
    'name-hash',
    'of a name',
    (c) => c.record(directory, (e) => e.view.setUint8(e.node.keyAt(e.index) + 12 + 2, 0x78), of(18)),
  ],
  [
    'entry-parent',
    'a folder that is none',
    (c) => c.record(inode, (e) => e.view.setUint16(e.value + InodeValue.at.mode, 0o100644, true), of(18)),
  ],
  ['entry-target', 'an inode that is none', (c) => c.record(directory, value(1), of(18))],
  [
    'entry-type',
    'of a file',
    (c) => c.record(directory, (e) => e.view.setUint16(e.value + DirectoryValue.at.flags, 4, true), of(18)),
  ],
  ['folder-count', 'of the root', (c) => c.record(inode, value(InodeValue.at.nchildren_or_nlink), of(2))],
  ['folder-loop', 'a folder in itself', (c) => c.record(directory, (e) => e.view.setUint32(e.value, 17, true), of(17))],
  ['inode-missing', 'the private folder', (c) => c.record(inode, (e) => e.view.setUint32(e.key, 4, true), of(3))],
  [
    'inode-record',
    'a fifo with data',
    (c) => c.record(inode, (e) => e.view.setUint16(e.value + InodeValue.at.mode, 0o010644, true), of(19)),
  ],
  ['inode-name', 'another folder', (c) => c.record(inode, value(InodeValue.at.parent_id), of(19))],
  [
    'inode-flags',
    'a fork that is none',
    (c) => c.record(inode, (e) => e.view.setUint32(e.value + InodeValue.at.internal_flags, 0x4000, true), of(19)),
  ],
  [
    'inode-flags',
    'compressed',
    (c) => c.record(inode, (e) => e.view.setUint32(e.value + InodeValue.at.bsd_flags, 0x20, true), of(19)),
  ],
  [
    'truncation-pending',
    'of a file',
    (c) => c.record(inode, (e) => e.view.setUint32(e.value + InodeValue.at.internal_flags, 0x8080, true), of(19)),
  ],
  ['link-count', 'of a file', (c) => c.record(inode, value(InodeValue.at.nchildren_or_nlink), of(19))],
  ['link-siblings', 'a name', (c) => c.record(siblingLink, (e) => e.view.setUint8(e.value + SiblingValue.size, 0x78))],
  ['link-siblings', 'the way back', (c) => c.record(siblingMap, value(0))],
  ['xattr-record', 'flags', (c) => c.record(xattr, (e) => e.view.setUint16(e.value, 0x42, true), of(19))],
  ['xattr-orphan', 'of an inode that is none', (c) => c.record(inode, (e) => e.view.setUint8(e.key + 7, 0x20), of(22))],
  ['stream-gap', 'an extent', (c) => c.record(fileExtent, (e) => e.view.setUint32(e.key + 8, 4096, true), of(19))],
  ['stream-extent', 'half a block', (c) => c.record(fileExtent, (e) => e.view.setUint32(e.value, 2048, true), of(19))],
  ['stream-size', 'too short', (c) => c.record(fileExtent, (e) => e.view.setUint32(e.value, 8192, true), of(19))],
  ['stream-count', 'two inodes', (c) => c.record(dstreamId, value(0), of(19))],
  ['reference-record', 'no kind', (c) => c.reference(0, (e) => e.view.setUint8(e.value + 7, 0x50))],
  [
    'reference-record',
    'nothing',
    (c) => c.reference(0, (e) => e.view.setUint32(e.value + PhysicalExtentValue.at.refcnt, 0, true)),
  ],
  ['reference-count', 'one too many', (c) => c.reference(0, value(PhysicalExtentValue.at.refcnt))],
  ['reference-count', 'data elsewhere', (c) => c.record(fileExtent, value(8), of(19))],
  ['snapshot', 'in the map only', (c) => c.edit(499, (v) => v.setUint32(Omap.at.om_snapshot_tree_oid, 500, true))],
];

describe.skipIf(isMissing('basic'))('is found', () => {
  test.each(damages)('%s: %s', (kind, _, change) => {
    const container = new Damaged();
    change(container);
    expect(container.kinds()).toContain(kind);
  });
  test('and nothing else where one thing is wrong', () => {
    const container = new Damaged().volume((view) => add32(view, vs.apfs_num_symlinks));
    expect(container.kinds()).toEqual(['volume-count']);
    expect(new Damaged().kinds()).toEqual([]);
  });
});

test.skipIf(isMissing('basic'))('a container that was not closed is sound: block 0 may be older', () => {
  expect(new Damaged().edit(0, (view) => add32(view, nx.o_xid, -1)).kinds()).toEqual([]);
});

test('every kind that a single change can cause is caused here', () => {
  const elsewhere: Kind[] = [
    'keybag',
    'tree-toc',
    'tree-order',
    'tree-xid',
    'volume-locked',
    'crypto-state',
    'volume-odd',
    'object-header',
    'entry-record',
    'link-record',
    'checkpoint-map',
    'zone',
    'volume-sealed',
    'integrity',
    'stream-shared',
    'more-findings',
  ];
  const caused = new Set<Kind>([...damages.map(([kind]) => kind), ...elsewhere]);
  expect((Object.keys(KINDS) as Kind[]).filter((kind) => !caused.has(kind))).toEqual([]);
});
