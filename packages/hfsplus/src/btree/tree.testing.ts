// Small trees for tests: an empty one on a disk of its own, with keys as the attributes tree has them. Only tests import
// this.

import { SparseDevice } from '@tintype/testkit';
import { Allocation } from '../allocation.js';
import { compareAttributes, KEY_TESTS } from '../records/keys.js';
import { SpecialFork } from '../special-fork.js';
import { HEADER_RECORD_AT, HeaderRecord, NODE_KIND } from '../structs/btree.js';
import type { Node } from './node.js';
import { NodeFile } from './node-file.js';
import { type KeyCompare, Tree } from './tree.js';

const BLOCK = 512;

export interface SmallTreeOptions {
  readonly nodeSize: number;
  readonly nodes: number;
  /** Blocks of 512 bytes of the whole disk. */
  readonly blocks: number;
  readonly cacheBytes?: number;
}

export interface SmallTree {
  readonly device: SparseDevice;
  readonly allocation: Allocation;
  readonly fork: SpecialFork;
  readonly file: NodeFile;
  readonly tree: Tree;
}

/** Block 1 on: the bitmap; then the tree's file. */
export function smallTree({ nodeSize, nodes, blocks, cacheBytes = 1 << 20 }: SmallTreeOptions): SmallTree {
  const device = new SparseDevice(blocks * BLOCK);
  const bitmapBlocks = Math.ceil(blocks / 8 / BLOCK);
  const start = 1 + bitmapBlocks;
  const count = (nodes * nodeSize) / BLOCK;
  const bitmap = new Uint8Array(bitmapBlocks * BLOCK);
  for (let block = 0; block < start + count; block += 1)
    bitmap[block >> 3] = (bitmap[block >> 3] as number) | (0x80 >> (block & 7));
  device.write(BLOCK, bitmap);
  device.write(start * BLOCK, headerNode(nodeSize, nodes));
  const allocation = new Allocation(device, {
    totalBlocks: blocks,
    freeBlocks: blocks - start - count - 1,
    nextAllocation: 0,
    blockSize: BLOCK,
    extents: [{ start: 1, count: bitmapBlocks }],
  });
  return { device, allocation, ...opened(device, allocation, { start, count, cacheBytes }) };
}

/** The same disk, mounted anew. */
export function opened(
  device: SparseDevice,
  allocation: Allocation,
  { start, count, cacheBytes }: { start: number; count: number; cacheBytes: number },
): Pick<SmallTree, 'fork' | 'file' | 'tree'> {
  const extents = [{ start, count }];
  const options = { name: 'small', extents, clumpSize: 4 * BLOCK, blockSize: BLOCK, extentLimit: 1000 };
  const fork = new SpecialFork(device, allocation, options);
  const file = new NodeFile(device, fork, { name: 'small', cacheBytes, keyFits: KEY_TESTS.attributes });
  const compare: KeyCompare = compareAttributes;
  return { fork, file, tree: new Tree(file, { name: 'small', compare }) };
}

function headerNode(nodeSize: number, nodes: number): Uint8Array {
  const bytes = new Uint8Array(nodeSize);
  const view = new DataView(bytes.buffer);
  bytes[8] = NODE_KIND.header;
  view.setUint16(10, 3);
  HeaderRecord.write(view, HEADER_RECORD_AT, {
    treeDepth: 0,
    rootNode: 0,
    leafRecords: 0,
    firstLeafNode: 0,
    lastLeafNode: 0,
    nodeSize,
    maxKeyLength: 266,
    totalNodes: nodes,
    freeNodes: nodes - 1,
    reserved1: 0,
    clumpSize: 4 * BLOCK,
    btreeType: 0,
    keyCompareType: 0,
    attributes: 6,
    reserved3: new Uint8Array(64),
  });
  bytes[248] = 0x80;
  for (const [i, offset] of [14, 120, 248, nodeSize - 8].entries()) view.setUint16(nodeSize - 2 * (i + 1), offset);
  return bytes;
}

/** A record: key (id, name), then data of an even length. */
export function smallRecord(id: number, name: string, dataLength: number): Uint8Array {
  const record = new Uint8Array(14 + 2 * name.length + dataLength).fill(id & 0xff, 14 + 2 * name.length);
  const view = new DataView(record.buffer);
  view.setUint16(0, 12 + 2 * name.length);
  view.setUint32(4, id);
  view.setUint16(12, name.length);
  for (let i = 0; i < name.length; i += 1) view.setUint16(14 + 2 * i, name.charCodeAt(i));
  return record;
}

/** Every rule that a tree must keep, by walking it; answers the records in order. Throws where one is broken. */
export function recordsOf({ device, fork, file, tree }: Omit<SmallTree, 'allocation'>): Uint8Array[] {
  const records: Uint8Array[] = [];
  const used = new Set([0]);
  for (let map = file.header.fLink; map !== 0; map = file.node(map).fLink) used.add(map);
  const levels: Node[][] = [];
  if (tree.root !== 0) levels.push([file.node(tree.root)]);
  for (let level = levels[0]; level; level = levels.at(-1)) {
    const next: Node[] = [];
    for (const [i, node] of level.entries()) {
      require(!used.has(node.number), `node ${node.number} is reached twice`);
      used.add(node.number);
      require(node.height === tree.depth - levels.length + 1, `height of node ${node.number}`);
      require(node.count > 0, `node ${node.number} is empty`);
      require(node.bLink === (level[i - 1]?.number ?? 0) && node.fLink === (level[i + 1]?.number ?? 0), 'siblings');
      node.validate('small', 0, KEY_TESTS.attributes);
      for (let r = 0; r < node.count; r += 1) {
        const at = node.at(r);
        if (node.isLeaf) {
          records.push(node.bytes.slice(at, node.at(r + 1)));
          continue;
        }
        const child = file.node(node.child(r));
        require(keyText(node.bytes, at) === keyText(child.bytes, child.at(0)), `index key of node ${child.number}`);
        next.push(child);
      }
    }
    if (next.length === 0) break;
    levels.push(next);
  }
  const leaves = levels.at(-1) ?? [];
  require(levels.length === tree.depth, 'depth');
  require(tree.firstLeaf === (leaves[0]?.number ?? 0) &&
    tree.lastLeaf === (leaves.at(-1)?.number ?? 0), 'first and last');
  require(records.length === tree.leafRecords, 'count of records');
  require(file.totalNodes - file.freeNodes === used.size, `${used.size} nodes are used, ${file.freeNodes} free`);
  const changed = new Map([...file.dirtyNodes()].map((node) => [node.number, node.bytes]));
  const stored = new Uint8Array(file.nodeSize);
  for (let n = 0; n < file.totalNodes; n += 1) {
    if (used.has(n)) continue;
    device.read(fork.position(n * file.nodeSize, file.nodeSize), stored);
    require((changed.get(n) ?? stored).every((byte) => byte === 0), `unused node ${n} is zero`);
  }
  return records;
}

function keyText(bytes: Uint8Array, at: number): string {
  const length = 2 + ((bytes[at] as number) << 8) + (bytes[at + 1] as number);
  return Buffer.from(bytes.subarray(at, at + length)).toString('hex');
}

function require(condition: boolean, rule: string): void {
  if (!condition) throw new Error(`broken: ${rule}`);
}
