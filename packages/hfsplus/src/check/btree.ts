// One B-tree as a file: header node, map, counts, free nodes (hfsplus.md 3.1 to 3.3); its shape is tree-walk.ts.

import {
  HEADER_MAP_AT,
  HEADER_RECORD_AT,
  HEADER_USER_RECORD_AT,
  HeaderRecord,
  KEY_COMPARE,
  MAX_KEY,
  NODE_KIND,
  NodeDescriptor,
  TREE_ATTRIBUTES,
} from '../structs/btree.js';
import type { ForkFile } from './fork-file.js';
import { LIMITS } from './limits.js';
import type { Report } from './report.js';
import { attributeKeys, catalogKeys, extentKeys, type KeyRules } from './tree-keys.js';
import { isZero, recordCount, recordOffset } from './tree-node.js';
import { type LeafVisitor, TreeWalk } from './tree-walk.js';

export interface TreeOptions {
  readonly name: 'extents' | 'catalog' | 'attributes';
  readonly file: ForkFile;
  readonly journaled: boolean;
  /** Of the fork in the volume header. */
  readonly clumpSize: number;
  readonly maxKeyLength: number;
  /** Bits of the header's attributes that must be set. */
  readonly attributes: number;
  /** Values that `keyCompareType` may have. */
  readonly keyCompareTypes: readonly number[];
  /** Chosen after the header was read: by its `keyCompareType`. */
  readonly keys: (keyCompareType: number) => KeyRules;
  readonly visit: LeafVisitor;
  /** Called now and then; may throw to cancel. */
  readonly tick: () => void;
}

/** What the header and the keys of a tree must be, by the tree and by whether the volume may be case-sensitive. */
export type TreeRules = Pick<TreeOptions, 'attributes' | 'keyCompareTypes' | 'keys' | 'maxKeyLength'>;

export function treeRules(name: TreeOptions['name'], caseSensitiveAllowed: boolean): TreeRules {
  const maxKeyLength = MAX_KEY[name];
  switch (name) {
    case 'extents':
      return { attributes: TREE_ATTRIBUTES.bigKeys, keyCompareTypes: [0], keys: () => extentKeys, maxKeyLength };
    case 'attributes':
      return {
        attributes: VARIABLE,
        keyCompareTypes: [0, KEY_COMPARE.binary],
        keys: () => attributeKeys,
        maxKeyLength,
      };
    case 'catalog':
      return {
        attributes: VARIABLE,
        keyCompareTypes: catalogCompareTypes(caseSensitiveAllowed),
        keys: (type) => catalogKeys(!(caseSensitiveAllowed && type === KEY_COMPARE.binary)),
        maxKeyLength,
      };
  }
}

const VARIABLE = TREE_ATTRIBUTES.bigKeys | TREE_ATTRIBUTES.variableIndexKeys;

/** The fields of a header record, as far as the check needs them. */
export type TreeHeader = ReturnType<typeof HeaderRecord.read>;

export interface TreeResult {
  readonly header: TreeHeader;
  /** True if every node and every leaf record was seen. */
  readonly complete: boolean;
  readonly leafRecords: number;
}

/** The header record of a tree, or null with a finding if its node cannot be trusted at all. */
export function readTreeHeader(file: ForkFile, name: string, report: Report): TreeHeader | null {
  const refuse = (problem: string): null => {
    report.add('tree-header', `${name} header node`, problem);
    return null;
  };
  if (file.size < SMALLEST_NODE) return refuse(`the tree's file has ${file.size} bytes`);
  const first = file.load(0, SMALLEST_NODE);
  const header = HeaderRecord.read(first.view, first.at + HEADER_RECORD_AT);
  const { nodeSize } = header;
  if (nodeSize < SMALLEST_NODE || nodeSize > LARGEST_NODE || (nodeSize & (nodeSize - 1)) !== 0)
    return refuse(`the node size is ${nodeSize}`);
  if (file.size < nodeSize) return refuse(`a node has ${nodeSize} bytes, the tree's file ${file.size}`);
  const { view, at } = file.load(0, nodeSize);
  if (view.getUint8(at + NodeDescriptor.at.kind) !== NODE_KIND.header) return refuse('node 0 is no header node');
  if (view.getUint8(at + NodeDescriptor.at.height) !== 0) return refuse('the height of node 0 is not 0');
  if (recordCount(view, at) !== 3) return refuse(`node 0 has ${recordCount(view, at)} records, not 3`);
  const offsets = [HEADER_RECORD_AT, HEADER_USER_RECORD_AT, HEADER_MAP_AT, nodeSize - 8];
  const wrong = offsets.findIndex((offset, i) => recordOffset(view, at, nodeSize, i) !== offset);
  if (wrong >= 0) return refuse(`record ${wrong} begins at ${recordOffset(view, at, nodeSize, wrong)}`);
  return header;
}

export function checkTree(options: TreeOptions, report: Report): TreeResult | null {
  const header = readTreeHeader(options.file, options.name, report);
  if (!header) return null;
  const { file, name } = options;
  const totalNodes = Math.floor(file.size / header.nodeSize);
  if (totalNodes > LIMITS.treeNodes) {
    report.add('tree-header', `${name} header node`, `${totalNodes} nodes are more than this check can follow`);
    return null;
  }
  const keys = options.keys(header.keyCompareType);
  const { visit, tick } = options;
  const walk = new TreeWalk({ file, name, nodeSize: header.nodeSize, totalNodes, keys, visit, tick }, report);
  walk.markReached(0);
  checkHeader(options, header, totalNodes, report);
  const map = readMap(options, header, totalNodes, walk, report);
  const depth = checkDepth(options, header, walk, report);
  if (depth > 0) walk.run(header.rootNode, depth);
  checkCounts(options, header, totalNodes, walk, report);
  if (map) checkMap(options, map, totalNodes, walk, report);
  if (walk.complete) checkUnusedNodes(options, header.nodeSize, totalNodes, walk, report);
  return { header, complete: walk.complete, leafRecords: walk.leafRecords };
}

const SMALLEST_NODE = 512;
const LARGEST_NODE = 32_768;

function checkHeader(options: TreeOptions, header: TreeHeader, totalNodes: number, report: Report): void {
  const { name, file } = options;
  const place = `${name} header record`;
  if (header.totalNodes !== totalNodes)
    report.add('tree-total-nodes', place, `totalNodes is ${header.totalNodes}, but the file holds ${totalNodes}`);
  if (header.maxKeyLength !== options.maxKeyLength)
    report.add('tree-header-field', place, `maxKeyLength is ${header.maxKeyLength}, not ${options.maxKeyLength}`);
  if (!options.keyCompareTypes.includes(header.keyCompareType))
    report.add('tree-header-field', place, `keyCompareType is 0x${header.keyCompareType.toString(16)}`);
  if ((header.attributes & options.attributes) !== options.attributes)
    report.add('tree-header-hint', place, `attributes are ${header.attributes}, not ${options.attributes}`);
  if (header.btreeType !== 0) report.add('tree-header-hint', place, `btreeType is ${header.btreeType}, not 0`);
  // macOS leaves the old clump size in the tree when it resizes a volume (seen on dfvfs-udzo), so it need not be equal.
  if (header.clumpSize !== options.clumpSize && (header.clumpSize === 0 || header.clumpSize % file.blockSize !== 0))
    report.add('tree-header-hint', place, `clumpSize is ${header.clumpSize}, the fork's is ${options.clumpSize}`);
  const perNode = header.nodeSize / file.blockSize;
  if (!options.journaled || perNode <= 1) return;
  const split = file.extents.findIndex((value, i) => i % 2 === 1 && value % perNode !== 0);
  if (split >= 0)
    report.add('tree-split-node', `${name} file`, `an extent of ${file.extents[split]} blocks splits a node in two`);
}

/** The depth to walk with: the real one. 0 if the tree is empty or has no root. */
function checkDepth(options: TreeOptions, header: TreeHeader, walk: TreeWalk, report: Report): number {
  const place = `${options.name} header record`;
  if (header.rootNode === 0) {
    if (header.treeDepth !== 0) {
      report.add('tree-depth', place, `treeDepth is ${header.treeDepth}, but there is no root node`);
      walk.complete = false;
    }
    return 0;
  }
  const depth = walk.depthBelow(header.rootNode);
  if (depth > LIMITS.treeDepth) {
    report.add('tree-depth', place, `the tree has more than ${LIMITS.treeDepth} levels`);
    walk.complete = false;
    return 0;
  }
  if (depth !== 0 && depth !== header.treeDepth)
    report.add('tree-depth', place, `treeDepth is ${header.treeDepth}, but the tree has ${depth} levels`);
  return depth || Math.min(Math.max(header.treeDepth, 1), LIMITS.treeDepth);
}

function checkCounts(
  options: TreeOptions,
  header: TreeHeader,
  totalNodes: number,
  walk: TreeWalk,
  report: Report,
): void {
  if (!walk.complete) return;
  const place = `${options.name} header record`;
  if (header.leafRecords !== walk.leafRecords)
    report.add('tree-leaf-records', place, `leafRecords is ${header.leafRecords}, but there are ${walk.leafRecords}`);
  if (header.firstLeafNode !== walk.firstLeaf)
    report.add('tree-header-field', place, `firstLeafNode is ${header.firstLeafNode}, but it is ${walk.firstLeaf}`);
  if (header.lastLeafNode !== walk.lastLeaf)
    report.add('tree-header-field', place, `lastLeafNode is ${header.lastLeafNode}, but it is ${walk.lastLeaf}`);
  const free = totalNodes - walk.nodes;
  if (header.freeNodes !== free)
    report.add('tree-free-nodes', place, `freeNodes is ${header.freeNodes}, but there are ${free}`);
}

/** The stored map, a bit a node and the rest of its last record; null with a finding if its nodes cannot be read. */
function readMap(
  options: TreeOptions,
  header: TreeHeader,
  totalNodes: number,
  walk: TreeWalk,
  report: Report,
): Uint8Array | null {
  const { nodeSize } = header;
  const inHeader = nodeSize - HEADER_MAP_AT - 8;
  const perNode = nodeSize - 20;
  const wanted = Math.max(0, Math.ceil((Math.ceil(totalNodes / 8) - inHeader) / perNode));
  const map = new Uint8Array(inHeader + wanted * perNode);
  const first = options.file.load(0, nodeSize);
  map.set(first.bytes.subarray(first.at + HEADER_MAP_AT, first.at + HEADER_MAP_AT + inHeader));
  let next = first.view.getUint32(first.at + NodeDescriptor.at.fLink);
  let found = 0;
  const refuse = (problem: string): null => {
    report.add('tree-map-node', `${options.name} map node ${next}`, problem);
    walk.complete = false;
    return null;
  };
  for (; next !== 0; found += 1) {
    if (found >= wanted) return refuse(`the map needs ${wanted} nodes beside the header, but has more`);
    if (next >= totalNodes || walk.isReached(next)) return refuse('the number is too large, or was met before');
    walk.markReached(next);
    const { view, bytes, at } = options.file.load(next * nodeSize, nodeSize);
    if (view.getUint8(at + NodeDescriptor.at.kind) !== NODE_KIND.map) return refuse('the node is no map node');
    if (view.getUint8(at + NodeDescriptor.at.height) !== 0) return refuse('the height is not 0');
    if (recordCount(view, at) !== 1) return refuse(`it has ${recordCount(view, at)} records, not 1`);
    const start = recordOffset(view, at, nodeSize, 0);
    const end = recordOffset(view, at, nodeSize, 1);
    if (start !== NodeDescriptor.size || end !== nodeSize - 6)
      return refuse(`its record reaches from ${start} to ${end}`);
    map.set(bytes.subarray(at + start, at + end), inHeader + found * perNode);
    next = view.getUint32(at + NodeDescriptor.at.fLink);
  }
  return found < wanted ? refuse(`the map needs ${wanted} nodes beside the header, but has ${found}`) : map;
}

function checkMap(options: TreeOptions, map: Uint8Array, totalNodes: number, walk: TreeWalk, report: Report): void {
  const place = `${options.name} map`;
  let missing = 0;
  let extra = 0;
  let first = -1;
  for (let byte = 0; byte < map.length; byte += 1) {
    const have = map[byte] ?? 0;
    const want = walk.reached[byte] ?? 0;
    if (have === want) continue;
    for (let bit = 0; bit < 8; bit += 1) {
      const mask = 0x80 >> bit;
      if ((have & mask) === (want & mask)) continue;
      const node = byte * 8 + bit;
      if ((have & mask) !== 0 && node < totalNodes && !walk.complete) continue;
      if ((have & mask) !== 0) extra += 1;
      else missing += 1;
      if (first < 0) first = node;
    }
  }
  if (missing + extra === 0) return;
  const message = `${missing} nodes in use are marked free, ${extra} free ones used; the first is ${first}`;
  report.add('tree-map', place, message);
}

/** Every node that the tree does not reach must be all zeros (3.3). */
function checkUnusedNodes(
  options: TreeOptions,
  nodeSize: number,
  totalNodes: number,
  walk: TreeWalk,
  report: Report,
): void {
  const perPiece = PIECE / nodeSize;
  const piece = new Uint8Array(PIECE);
  let dirty = 0;
  let first = -1;
  for (let node = 0; node < totalNodes; ) {
    if (walk.isReached(node)) {
      node += 1;
      continue;
    }
    const zeros = options.file.knownZeros(node * nodeSize, options.file.size - node * nodeSize);
    if (zeros >= nodeSize) {
      node += Math.floor(zeros / nodeSize);
      continue;
    }
    let end = node + 1;
    while (end < totalNodes && end - node < perPiece && !walk.isReached(end)) end += 1;
    const length = (end - node) * nodeSize;
    options.tick();
    options.file.read(node * nodeSize, piece.subarray(0, length));
    for (let at = 0; at < length; at += nodeSize) {
      if (isZero(piece, at, at + nodeSize)) continue;
      dirty += 1;
      if (first < 0) first = node + at / nodeSize;
    }
    node = end;
  }
  if (dirty > 0)
    report.add('tree-unused-node', `${options.name} node ${first}`, `${dirty} unused nodes are not all zeros`);
}

const PIECE = 262_144;

/** What `keyCompareType` may be in the catalog of a volume of this signature. */
function catalogCompareTypes(caseSensitiveAllowed: boolean): number[] {
  return caseSensitiveAllowed ? [KEY_COMPARE.folding, KEY_COMPARE.binary] : [KEY_COMPARE.folding, 0];
}
