// B-tree nodes. Source: Apple File System Reference (btree_node_phys_t, btree_info_t); see docs/formats/apfs.md.

import { struct, u16, u32, u64 } from '@tintype/core';
import { objectFields } from './object.js';

export const NODE_FLAGS = { root: 1, leaf: 2, fixed: 4, hashed: 8, noHeader: 0x10 } as const;
export const TREE_FLAGS = {
  uint64Keys: 1,
  sequentialInsert: 2,
  allowGhosts: 4,
  ephemeral: 8,
  physical: 0x10,
  nonPersistent: 0x20,
  notAligned: 0x40,
  hashed: 0x80,
  noHeader: 0x100,
} as const;
/** An offset that leads nowhere: the end of a free list, the value of a ghost. */
export const BTOFF_INVALID = 0xffff;
/** Bytes that the table of contents grows by. */
export const TOC_INCREMENT = 64;

const layout = (size: number) => ({ order: 'little', size, source: 'Apple File System Reference' }) as const;

export const BtreeNode = struct('btree_node_phys', layout(56), {
  ...objectFields(),
  btn_flags: u16('1 root, 2 leaf, 4 fixed sizes'),
  btn_level: u16('0: leaf'),
  btn_nkeys: u32('entries'),
  btn_table_off: u16('bytes from here to the table of contents'),
  btn_table_len: u16('bytes of the table of contents'),
  btn_free_off: u16('bytes used by keys'),
  btn_free_len: u16('bytes between keys and values'),
  btn_key_free_off: u16('first hole among the keys'),
  btn_key_free_len: u16('bytes of all holes among the keys'),
  btn_val_free_off: u16('first hole among the values'),
  btn_val_free_len: u16('bytes of all holes among the values'),
});

/** At the end of a root. */
export const BtreeInfo = struct('btree_info', layout(40), {
  bt_flags: u32('of the tree'),
  bt_node_size: u32('bytes'),
  bt_key_size: u32('bytes, 0: variable'),
  bt_val_size: u32('bytes, 0: variable'),
  bt_longest_key: u32('ever, in bytes'),
  bt_longest_val: u32('ever, in bytes'),
  bt_key_count: u64('records in all leaves'),
  bt_node_count: u64('nodes'),
});
