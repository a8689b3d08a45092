// A B-tree made anew from its leaf records in order: header, map nodes, full leaves, and the index above them.

import { assert } from '@tintype/core';
import {
  HEADER_MAP_AT,
  HEADER_RECORD_AT,
  HEADER_USER_RECORD_AT,
  HeaderRecord,
  NODE_KIND,
  NodeDescriptor,
} from '../structs/btree.js';
import { bytesOf, type LeafRecord, recordIn } from './leaf-record.js';

export interface TreeForm {
  readonly nodeSize: number;
  /** What the file has room for. */
  readonly totalNodes: number;
  readonly maxKeyLength: number;
  readonly keyCompareType: number;
  readonly clumpSize: number;
  readonly attributes: number;
  /** The header node as it was, for what nobody here knows of it; zeros if it is lost. */
  readonly oldHeader: Uint8Array;
}

const DEPTH_LIMIT = 8;

/** Nodes that a tree of these records takes at the least: the file may have to grow to it. */
export function nodesFor(records: readonly LeafRecord[], form: TreeForm): number {
  return layOut(records, form).nodes.length;
}

/** The nodes from number 0 on; those behind are unused, which is all zeros. */
export function buildTree(records: readonly LeafRecord[], form: TreeForm): Uint8Array[] {
  const { nodes, levels, leaves } = layOut(records, form);
  assert(nodes.length <= form.totalNodes, 'the tree fits into its file');
  assert(levels <= DEPTH_LIMIT, 'the tree stays within the depth that macOS accepts');
  const first = form.totalNodes > 0 ? 1 + mapNodes(form) : 0;
  putHeader(nodes, form, {
    treeDepth: levels,
    rootNode: levels === 0 ? 0 : nodes.length - 1,
    leafRecords: records.length,
    firstLeafNode: leaves === 0 ? 0 : first,
    lastLeafNode: leaves === 0 ? 0 : first + leaves - 1,
  });
  return nodes;
}

function layOut(records: readonly LeafRecord[], form: TreeForm) {
  const nodes: Uint8Array[] = [new Uint8Array(form.nodeSize)];
  for (let i = 0; i < mapNodes(form); i += 1) nodes.push(new Uint8Array(form.nodeSize));
  let level = fillLevel(records, 1, nodes, form.nodeSize);
  const leaves = level.length;
  let levels = leaves === 0 ? 0 : 1;
  for (; level.length > 1; levels += 1) level = fillLevel(level, levels + 1, nodes, form.nodeSize);
  return { nodes, levels, leaves };
}

/** Map nodes that a file of this many nodes needs beside the header. */
function mapNodes({ nodeSize, totalNodes }: TreeForm): number {
  return Math.max(0, Math.ceil((Math.ceil(totalNodes / 8) - (nodeSize - 256)) / (nodeSize - 20)));
}

/** Adds a level's nodes; answers their index records. */
function fillLevel(records: readonly LeafRecord[], height: number, nodes: Uint8Array[], nodeSize: number) {
  const index: LeafRecord[] = [];
  for (let next = 0; next < records.length; ) {
    const node = new Uint8Array(nodeSize);
    const view = new DataView(node.buffer);
    const number = nodes.length;
    const first = records[next] as LeafRecord;
    let offset: number = NodeDescriptor.size;
    let count = 0;
    for (; next < records.length; next += 1, count += 1) {
      const bytes = bytesOf(records[next] as LeafRecord);
      if (offset + bytes.length + 2 * (count + 2) > nodeSize) break;
      node.set(bytes, offset);
      view.setUint16(nodeSize - 2 * (count + 1), offset);
      offset += bytes.length;
    }
    assert(count > 0, 'a record fits into a node');
    view.setUint16(nodeSize - 2 * (count + 1), offset);
    NodeDescriptor.write(view, 0, {
      fLink: next < records.length ? number + 1 : 0,
      bLink: index.length > 0 ? number - 1 : 0,
      kind: height === 1 ? NODE_KIND.leaf : NODE_KIND.index,
      height,
      numRecords: count,
      reserved: 0,
    });
    nodes.push(node);
    index.push(indexRecord(first, number));
  }
  return index;
}

function indexRecord({ view, key, data }: LeafRecord, node: number): LeafRecord {
  const bytes = new Uint8Array(data - key + 4);
  bytes.set(new Uint8Array(view.buffer, view.byteOffset + key, data - key));
  new DataView(bytes.buffer).setUint32(data - key, node);
  return recordIn(bytes);
}

type Counts = Pick<
  ReturnType<typeof HeaderRecord.read>,
  'treeDepth' | 'rootNode' | 'leafRecords' | 'firstLeafNode' | 'lastLeafNode'
>;

function putHeader(nodes: readonly Uint8Array[], form: TreeForm, counts: Counts): void {
  const { nodeSize, totalNodes, oldHeader } = form;
  const header = nodes[0] as Uint8Array;
  const view = new DataView(header.buffer);
  const maps = mapNodes(form);
  header.set(oldHeader.subarray(HEADER_USER_RECORD_AT, HEADER_MAP_AT), HEADER_USER_RECORD_AT);
  NodeDescriptor.write(view, 0, {
    fLink: maps > 0 ? 1 : 0,
    bLink: 0,
    kind: NODE_KIND.header,
    height: 0,
    numRecords: 3,
    reserved: 0,
  });
  HeaderRecord.write(view, HEADER_RECORD_AT, {
    ...counts,
    nodeSize,
    maxKeyLength: form.maxKeyLength,
    totalNodes,
    freeNodes: totalNodes - nodes.length,
    reserved1: 0,
    clumpSize: form.clumpSize,
    btreeType: 0,
    keyCompareType: form.keyCompareType,
    attributes: form.attributes,
    reserved3: new Uint8Array(64),
  });
  [HEADER_RECORD_AT, HEADER_USER_RECORD_AT, HEADER_MAP_AT, nodeSize - 8].forEach((offset, i) => {
    view.setUint16(nodeSize - 2 * (i + 1), offset);
  });
  putMap(nodes, maps, nodeSize);
}

function putMap(nodes: readonly Uint8Array[], maps: number, nodeSize: number): void {
  const parts = [(nodes[0] as Uint8Array).subarray(HEADER_MAP_AT, nodeSize - 8)];
  for (let i = 1; i <= maps; i += 1) {
    const node = nodes[i] as Uint8Array;
    const view = new DataView(node.buffer);
    const descriptor = { bLink: 0, kind: NODE_KIND.map, height: 0, numRecords: 1, reserved: 0 };
    NodeDescriptor.write(view, 0, { fLink: i < maps ? i + 1 : 0, ...descriptor });
    view.setUint16(nodeSize - 2, NodeDescriptor.size);
    view.setUint16(nodeSize - 4, nodeSize - 6);
    parts.push(node.subarray(NodeDescriptor.size, nodeSize - 6));
  }
  let used = nodes.length;
  for (const part of parts)
    for (let at = 0; at < part.length && used > 0; at += 1, used -= 8)
      part[at] = used >= 8 ? 0xff : (0xff << (8 - used)) & 0xff;
}
