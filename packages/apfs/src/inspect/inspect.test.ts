import { MemoryDevice, UnsupportedError } from '@tintype/core';
import { expect, test } from 'vitest';
import { apfs } from '../driver.js';
import { isMissing, sample } from '../sample.testing.js';
import { inspect } from './inspect.js';
import { inspectNode } from './node.js';

const lines = (place: string | null): string => [...apfs.inspect(new MemoryDevice(sample('basic')), place)].join('\n');

test.skipIf(isMissing('basic'))('without a place: the list of places', () => {
  expect(lines(null)).toContain('block:N');
});

test.skipIf(isMissing('basic')).each([
  ['superblock', ['nx_superblock at byte 0', 'nx_block_count: 0xff6', 'nx_next_xid: 0x6']],
  ['copy', ['nx_superblock', 'o_xid: 0x5']],
  ['checkpoint', ['checkpoint_map_phys', 'checkpoint_mapping', 'object 1024 at block 23', 'o_oid: 0x401']],
  ['spaceman', ['spaceman_phys', 'sm_block_count', 'blocks are free']],
  ['omap', ['omap_phys', 'om_tree_oid: 0x1fb']],
  ['omap:0', ['omap_phys', 'om_tree_oid: 0x1f4']],
  ['volume:0', ['apfs_superblock', 'apfs_num_files']],
  ['root:0', ['object 1028 at block 490', 'btree_info', 'child 1031', 'child 1030', 'directory', '"private-dir"']],
  ['block:507', ['omap_key', 'ok_oid: 0x402', 'omap_val', 'ov_paddr: 0x1f9']],
  ['block:498', ['j_inode_val', 'xattr', '"com.example.big"']],
  ['block:501', ['j_drec_val', '"hello.txt"', 'j_file_extent_val', 'phys_block_num: 0x5d']],
  ['block:93', ['is no object', '00000005d000  68656c6c6f2066726f6d2061706673']],
])('%s', (place, texts) => {
  const text = lines(place);
  expect(texts.filter((expected) => !text.includes(expected))).toEqual([]);
});

test.skipIf(isMissing('basic'))('places that are not there', () => {
  for (const place of ['catalog', 'volume:7', 'superblock:1', 'block', ''])
    expect(() => [...inspect(new MemoryDevice(sample('basic')), place)], place).toThrow(UnsupportedError);
  expect(() => [...inspectNode(new DataView(new ArrayBuffer(4096)))]).toThrow(/btree_node_phys/);
});
