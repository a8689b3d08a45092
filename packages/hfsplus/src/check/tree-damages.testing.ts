// One damage for each rule, with the kinds that the check must name: btree.test.ts tries them, and so do the tests of repair.

import { HEADER_MAP_AT, HeaderRecord, NodeDescriptor } from '../structs/btree.js';
import { type Damage, indexEnd, swap } from './damage.testing.js';

const { at: tree } = HeaderRecord;
const { at: node } = NodeDescriptor;

export const treeDamages: readonly Damage[] = [
  {
    what: 'catalog header node zeroed',
    kinds: ['tree-header'],
    fsck: 'refuses',
    damage: (v) => v.bytes.fill(0, v.tree('catalog'), v.tree('catalog') + 4096),
  },
  {
    what: 'a record of the header node moved',
    kinds: ['tree-header'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint16(v.tree('catalog') + 4096 - 4, 122),
  },
  {
    what: 'maxKeyLength',
    kinds: ['tree-header-field'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint16(v.record('catalog') + tree.maxKeyLength, 514),
  },
  {
    what: 'keyCompareType on HFS+, binary',
    kinds: ['tree-header-field'],
    damage: (v) => v.view.setUint8(v.record('catalog') + tree.keyCompareType, 0xbc),
  },
  {
    what: 'lastLeafNode',
    kinds: ['tree-header-field'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint32(v.record('catalog') + tree.lastLeafNode, 4),
  },
  {
    what: 'tree attributes',
    kinds: ['tree-header-hint'],
    fsck: 'accepts',
    damage: (v) => v.view.setUint32(v.record('catalog') + tree.attributes, 0),
  },
  {
    what: 'treeDepth',
    kinds: ['tree-depth'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint16(v.record('catalog') + tree.treeDepth, 3),
  },
  {
    what: 'totalNodes',
    kinds: ['tree-total-nodes'],
    fsck: 'refuses',
    damage: (v) => v.addTo(v.record('catalog') + tree.totalNodes, -1),
  },
  {
    what: 'freeNodes',
    kinds: ['tree-free-nodes'],
    fsck: 'refuses',
    damage: (v) => v.addTo(v.record('catalog') + tree.freeNodes, -1),
  },
  {
    what: 'leafRecords',
    kinds: ['tree-leaf-records'],
    fsck: 'refuses',
    damage: (v) => v.addTo(v.record('catalog') + tree.leafRecords, 1),
  },
  {
    what: 'a free node marked used in the map',
    kinds: ['tree-map'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint8(v.tree('catalog') + HEADER_MAP_AT + 1, 1),
  },
  {
    what: 'a used node marked free in the map',
    kinds: ['tree-map'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint8(v.tree('catalog') + HEADER_MAP_AT, 0x78),
  },
  {
    what: 'a map node where none is needed',
    kinds: ['tree-map-node'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint32(v.tree('catalog') + node.fLink, 7),
  },
  {
    what: 'a free node that is not zero',
    kinds: ['tree-unused-node'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint8(v.node('catalog', 9) + 2000, 1),
  },
  {
    what: 'an odd record offset',
    kinds: ['tree-node-structure'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint16(v.node('catalog', 2) + 4096 - 4, 301),
  },
  {
    what: 'too many records',
    kinds: ['tree-node-structure'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint16(v.node('catalog', 2) + node.numRecords, 5000),
  },
  {
    what: 'the kind of a leaf',
    kinds: ['tree-node-kind'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint8(v.node('catalog', 2) + node.kind, 2),
  },
  {
    what: 'the height of a leaf',
    kinds: ['tree-node-height'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint8(v.node('catalog', 2) + node.height, 2),
  },
  {
    what: 'the reserved field of a node',
    kinds: ['tree-node-reserved'],
    damage: (v) => v.view.setUint16(v.node('catalog', 2) + node.reserved, 2),
  },
  {
    what: 'the root is outside the tree',
    kinds: ['tree-child'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint32(v.record('catalog') + tree.rootNode, 99),
  },
  {
    what: 'no root, but a depth',
    kinds: ['tree-depth'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint32(v.record('catalog') + tree.rootNode, 0),
  },
  {
    what: 'an index record that points to the root',
    kinds: ['tree-node-shared'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint32(indexEnd(v, 1) - 4, 3),
  },
  {
    what: 'an index record that points outside',
    kinds: ['tree-child'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint32(indexEnd(v, 1) - 4, 16),
  },
  {
    what: 'an index key that is not its child',
    kinds: ['tree-index-key'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint16(indexEnd(v, 1) - 6, 0x7a),
  },
  {
    what: 'fLink',
    kinds: ['tree-sibling-link'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint32(v.node('catalog', 1) + node.fLink, 9),
  },
  {
    what: 'bLink',
    kinds: ['tree-sibling-link'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint32(v.node('catalog', 2) + node.bLink, 9),
  },
  {
    what: 'a key length that does not fit the name',
    kinds: ['tree-key'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint16(v.find('link1').key, 14),
  },
  {
    what: 'a key longer than its record',
    kinds: ['tree-key'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint16(v.find('link1').key, 516),
  },
  {
    what: 'two records exchanged',
    kinds: ['tree-key-order'],
    fsck: 'refuses',
    damage: (v) => v.edit('catalog', v.find('link1').node, (list) => swap(list, v.find('link1').record)),
  },
];
