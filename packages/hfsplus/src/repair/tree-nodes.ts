// Which nodes of a tree hold its records: along the leaves where its shape is sound, else every node in use that can be
// read as a leaf.

import type { TreeHeader } from '../check/btree.js';
import type { ForkFile } from '../check/fork-file.js';
import { isZero, offsetsProblem, recordCount, recordOffset } from '../check/tree-node.js';
import { HEADER_MAP_AT, NODE_KIND, NodeDescriptor } from '../structs/btree.js';
import { type LeafNode, type NodeShape, readLeaf } from './leaf-node.js';

export interface FoundLeaves {
  readonly nodes: readonly LeafNode[];
  /** Nodes that are in use and hold something, but no record that can be read. */
  readonly lost: number;
}

const SIZES = [512, 1024, 2048, 4096, 8192, 16_384, 32_768];

export function copyNode(file: ForkFile, number: number, nodeSize: number): Uint8Array {
  const { bytes, at } = file.load(number * nodeSize, nodeSize);
  return bytes.slice(at, at + nodeSize);
}

/** Leaves from left to right, by their links; null if these do not lead through leaves only. */
export function chainedLeaves(file: ForkFile, header: TreeHeader, shape: NodeShape): FoundLeaves | null {
  const nodes: LeafNode[] = [];
  const totalNodes = Math.floor(file.size / shape.nodeSize);
  for (let number = header.firstLeafNode; number !== 0; ) {
    if (number >= totalNodes || nodes.length > totalNodes) return null;
    const node = readLeaf(number, copyNode(file, number, shape.nodeSize), shape);
    if (!node || node.bad > 0) return null;
    nodes.push(node);
    number = node.view.getUint32(NodeDescriptor.at.fLink);
  }
  return { nodes, lost: 0 };
}

/** All nodes that the index reaches or the map says are in use; without a header, all that there are. */
export function scatteredLeaves(file: ForkFile, header: TreeHeader | null, shape: NodeShape): FoundLeaves {
  const totalNodes = Math.floor(file.size / shape.nodeSize);
  const reached = header ? reachedNodes(file, header.rootNode, shape.nodeSize, totalNodes) : null;
  const nodes: LeafNode[] = [];
  let lost = 0;
  // Those that the index reaches first: of two records with one key, the other is a left-over.
  const orders = reached ? [true, false] : [false];
  for (const isReached of orders)
    for (let number = 1; number < totalNodes; number += 1) {
      if (reached && reached.has(number) !== isReached) continue;
      if (reached && !isReached && !isMarked(file, number, shape.nodeSize)) continue;
      if (file.knownZeros(number * shape.nodeSize, shape.nodeSize) === shape.nodeSize) continue;
      const bytes = copyNode(file, number, shape.nodeSize);
      const node = readLeaf(number, bytes, shape);
      if (node) {
        nodes.push(node);
        lost += node.bad;
      } else if (!isZero(bytes, 0, bytes.length) && !isInner(bytes, shape.nodeSize)) lost += 1;
    }
  return { nodes, lost };
}

/** Index nodes and map nodes hold no records of their own. */
function isInner(bytes: Uint8Array, nodeSize: number): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const kind = view.getUint8(NodeDescriptor.at.kind);
  if (kind === NODE_KIND.map || kind === NODE_KIND.header) return true;
  return kind === NODE_KIND.index && view.getUint8(NodeDescriptor.at.height) > 1 && nodeSize > 0;
}

/** What index nodes lead to from the root, as far as they can be read. */
function reachedNodes(file: ForkFile, root: number, nodeSize: number, totalNodes: number): Set<number> {
  const reached = new Set<number>();
  const waiting = [root];
  for (let number = waiting.pop(); number !== undefined; number = waiting.pop()) {
    if (number === 0 || number >= totalNodes || reached.has(number)) continue;
    reached.add(number);
    const { view, at } = file.load(number * nodeSize, nodeSize);
    if (view.getUint8(at + NodeDescriptor.at.kind) !== NODE_KIND.index) continue;
    if (offsetsProblem(view, at, nodeSize) !== '') continue;
    for (let record = 0; record < recordCount(view, at); record += 1)
      waiting.push(view.getUint32(at + recordOffset(view, at, nodeSize, record + 1) - 4));
  }
  return reached;
}

/** By the part of the map in the header node; what lies beyond it counts as in use. */
function isMarked(file: ForkFile, number: number, nodeSize: number): boolean {
  if (number >= (nodeSize - 256) * 8) return true;
  const { bytes, at } = file.load(0, nodeSize);
  return ((bytes[at + HEADER_MAP_AT + (number >>> 3)] ?? 0) & (0x80 >> (number & 7))) !== 0;
}

/** The size of node at which the most records can be read: for a tree whose header is lost. 0 if there is none. */
export function likelyNodeSize(file: ForkFile, shape: Omit<NodeShape, 'nodeSize'>): number {
  let best = 0;
  let most = 0;
  for (const nodeSize of SIZES) {
    let records = 0;
    for (let number = 1; (number + 1) * nodeSize <= file.size; number += 1) {
      const { view, at } = file.load(number * nodeSize, nodeSize);
      if (view.getUint8(at + NodeDescriptor.at.kind) !== NODE_KIND.leaf || offsetsProblem(view, at, nodeSize) !== '')
        continue;
      const leaf = readLeaf(number, copyNode(file, number, nodeSize), { ...shape, nodeSize });
      if (leaf?.bad === 0) records += leaf.records.length;
    }
    if (records <= most) continue;
    most = records;
    best = nodeSize;
  }
  return best;
}
