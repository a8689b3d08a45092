// Nodes and the header record of the three B-trees. Source: TN1150.

import { bytes, struct, u8, u16, u32 } from '@tintype/core';

export const NodeDescriptor = struct(
  'BTNodeDescriptor',
  { order: 'big', size: 14, source: 'TN1150' },
  {
    fLink: u32('next node of this level'),
    bLink: u32('previous node of this level'),
    kind: u8('255 leaf, 0 index, 1 header, 2 map'),
    height: u8('leaf 1, parents one more; header and map 0'),
    numRecords: u16('records'),
    reserved: u16('0'),
  },
);

export const HeaderRecord = struct(
  'BTHeaderRec',
  { order: 'big', size: 106, source: 'TN1150' },
  {
    treeDepth: u16('levels'),
    rootNode: u32('node'),
    leafRecords: u32('records in leaves'),
    firstLeafNode: u32('node'),
    lastLeafNode: u32('node'),
    nodeSize: u16('bytes'),
    maxKeyLength: u16('bytes'),
    totalNodes: u32('nodes'),
    freeNodes: u32('nodes'),
    reserved1: u16('0'),
    clumpSize: u32('bytes'),
    btreeType: u8('0'),
    keyCompareType: u8('0xCF case folding, 0xBC binary'),
    attributes: u32('2 big keys, 4 variable index keys'),
    reserved3: bytes(64),
  },
);

export const NODE_KIND = { leaf: 255, index: 0, header: 1, map: 2 } as const;
/** Node number of the header, and where its records lie. */
export const HEADER_RECORD_AT = 14;
export const HEADER_USER_RECORD_AT = 120;
export const HEADER_MAP_AT = 248;
export const KEY_COMPARE = { folding: 0xcf, binary: 0xbc } as const;
export const TREE_ATTRIBUTES = { bigKeys: 2, variableIndexKeys: 4 } as const;
/** Longest keys of catalog, extents and attributes tree, without the length itself. */
export const MAX_KEY = { catalog: 516, extents: 10, attributes: 266 } as const;
