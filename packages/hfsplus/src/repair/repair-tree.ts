// One of the three trees while it is mended: its leaf records in memory, what is added and what is removed, and how it is
// written back. Records that are only changed stay where they are; any other change makes the whole tree anew.

import type { BlockDevice } from '@tintype/core';
import { checkTree, readTreeHeader, type TreeHeader, type TreeRules, treeRules } from '../check/btree.js';
import type { ForkFile } from '../check/fork-file.js';
import { Report } from '../check/report.js';
import type { KeyRules } from '../check/tree-keys.js';
import { isZero } from '../check/tree-node.js';
import { HEADER_RECORD_AT, HeaderRecord, KEY_COMPARE } from '../structs/btree.js';
import type { Acts } from './acts.js';
import { type LeafNode, type NodeShape, withTail } from './leaf-node.js';
import { type LeafRecord, recordIn } from './leaf-record.js';
import { buildTree, nodesFor, type TreeForm } from './tree-builder.js';
import type { TreeName } from './tree-data.js';
import { chainedLeaves, copyNode, type FoundLeaves, likelyNodeSize, scatteredLeaves } from './tree-nodes.js';

export interface TreeSource {
  readonly name: TreeName;
  readonly file: ForkFile;
  readonly journaled: boolean;
  readonly caseSensitiveAllowed: boolean;
  /** Of the fork in the volume header. */
  readonly clumpSize: number;
}

export interface Neighbours {
  readonly before: LeafRecord;
  readonly after: LeafRecord;
}

export class RepairTree {
  readonly name: TreeName;
  readonly keys: KeyRules;
  readonly form: TreeForm;
  /** Things in use that could not be read: their records are lost. */
  readonly lost: number;
  /** The shape is unsound: it is made anew in any case. */
  readonly isRuined: boolean;
  /** In the order of the keys, if the tree is sound. */
  readonly records: readonly LeafRecord[];
  /** Records whose key is out of place though those before and behind them in their node are in order. */
  readonly misplaced: ReadonlyMap<LeafRecord, Neighbours>;
  readonly #nodes: readonly LeafNode[];
  readonly #removed = new Set<LeafRecord>();
  readonly #added = new Set<LeafRecord>();

  private constructor(name: TreeName, form: TreeForm, keys: KeyRules, found: FoundLeaves, isRuined: boolean) {
    this.name = name;
    this.form = form;
    this.keys = keys;
    this.lost = found.lost;
    this.isRuined = isRuined;
    this.#nodes = found.nodes;
    this.misplaced = isRuined ? misplacedIn(found.nodes, keys) : new Map();
    const records = found.nodes.flatMap((node) => node.records);
    this.records = isRuined ? records.sort((a, b) => keys.compare(a.view, a.key, b.view, b.key)) : records;
  }

  /** Null if nothing tells where its records are. */
  static read(source: TreeSource): RepairTree | null {
    const { name, file } = source;
    const rules = treeRules(name, source.caseSensitiveAllowed);
    const header = readTreeHeader(file, name, new Report());
    const shape = shapeOf(source, rules, header);
    if (!shape) return null;
    const chained = header && isSound(source, rules) ? chainedLeaves(file, header, shape) : null;
    const found = chained ?? withUncounted(scatteredLeaves(file, header, shape), header, shape);
    const keyCompareType = chained && header ? header.keyCompareType : compareType(source, rules, header, found);
    const form = formOf(source, rules, header, { keyCompareType, nodeSize: shape.nodeSize });
    return new RepairTree(name, form, rules.keys(keyCompareType), found, chained === null);
  }

  /** Records as they are to be, without those removed, in no order. */
  *live(): Generator<LeafRecord> {
    for (const record of this.records) if (!this.#removed.has(record)) yield record;
    yield* this.#added;
  }
  has(record: LeafRecord): boolean {
    return this.#added.has(record) || !this.#removed.has(record);
  }
  remove(record: LeafRecord): void {
    if (!this.#added.delete(record)) this.#removed.add(record);
  }
  add(bytes: Uint8Array): LeafRecord {
    const record = recordIn(bytes);
    this.#added.add(record);
    return record;
  }

  /** The whole tree is written anew. */
  get isReshaped(): boolean {
    return this.isRuined || this.#removed.size > 0 || this.#added.size > 0;
  }

  sorted(): readonly LeafRecord[] {
    if (this.#removed.size === 0 && this.#added.size === 0) return this.records;
    return [...this.live()].sort((a, b) => this.keys.compare(a.view, a.key, b.view, b.key));
  }

  /** Nodes that the file must have. */
  nodesNeeded(): number {
    return this.isReshaped ? nodesFor(this.sorted(), this.form) : 0;
  }

  /** Writes what differs from the file. `file` may have grown since it was read. */
  write(file: ForkFile, device: BlockDevice, acts: Acts): void {
    const { nodeSize } = this.form;
    if (!this.isReshaped) {
      for (const { number, bytes } of this.#nodes) putNode(file, device, number, bytes);
      return;
    }
    const totalNodes = Math.floor(file.size / nodeSize);
    const nodes = buildTree(this.sorted(), { ...this.form, totalNodes });
    const unused = new Uint8Array(nodeSize);
    for (let number = 0; number < totalNodes; number += 1) putNode(file, device, number, nodes[number] ?? unused);
    if (this.isRuined) acts.note(`made the ${this.name} tree anew from its readable leaves`);
  }
}

function misplacedIn(nodes: readonly LeafNode[], { compare }: KeyRules): Map<LeafRecord, Neighbours> {
  const misplaced = new Map<LeafRecord, Neighbours>();
  const ascends = (a: LeafRecord, b: LeafRecord) => compare(a.view, a.key, b.view, b.key) < 0;
  for (const { records } of nodes)
    for (let i = 1; i + 1 < records.length; i += 1) {
      const [before, record, after] = records.slice(i - 1, i + 2) as [LeafRecord, LeafRecord, LeafRecord];
      if (ascends(before, record) && ascends(record, after)) continue;
      if (ascends(before, after)) misplaced.set(record, { before, after });
    }
  return misplaced;
}

/**
 * A leaf that counts too few of its records: those behind count if with them there are just as many as the header says,
 * taken from one leaf or from all.
 */
function withUncounted(found: FoundLeaves, header: TreeHeader | null, shape: NodeShape): FoundLeaves {
  const count = (nodes: readonly LeafNode[]) => nodes.reduce((sum, { records }) => sum + records.length, 0);
  const missing = (header?.leafRecords ?? 0) - count(found.nodes);
  if (missing <= 0) return found;
  const longer = found.nodes.map((node) => withTail(node, shape));
  if (count(longer) - count(found.nodes) === missing) return { ...found, nodes: longer };
  const fitting = longer.filter((node, i) => node.records.length - (found.nodes[i]?.records.length ?? 0) === missing);
  if (fitting.length !== 1) return found;
  return { ...found, nodes: found.nodes.map((node) => fitting.find(({ number }) => number === node.number) ?? node) };
}

function putNode(file: ForkFile, device: BlockDevice, number: number, bytes: Uint8Array): void {
  const position = number * bytes.length;
  if (file.knownZeros(position, bytes.length) === bytes.length && isZero(bytes, 0, bytes.length)) return;
  if (Buffer.compare(copyNode(file, number, bytes.length), bytes) !== 0) writeFork(file, device, position, bytes);
}

/** Writes bytes of a fork, wherever its extents lie. */
export function writeFork(file: ForkFile, device: BlockDevice, position: number, bytes: Uint8Array): void {
  const { extents, blockSize } = file;
  let start = 0;
  for (let i = 0; i + 1 < extents.length; i += 2) {
    const length = (extents[i + 1] ?? 0) * blockSize;
    const from = Math.max(position, start);
    const to = Math.min(position + bytes.length, start + length);
    if (to > from)
      device.write((extents[i] ?? 0) * blockSize + from - start, bytes.subarray(from - position, to - position));
    start += length;
  }
}

function isSound(source: TreeSource, rules: TreeRules): boolean {
  const report = new Report();
  const { name, file, journaled, clumpSize } = source;
  const visit = () => {};
  const result = checkTree({ name, file, journaled, clumpSize, ...rules, visit, tick: () => {} }, report);
  return result !== null && report.take().every(({ kind }) => kind === 'tree-split-node');
}

function shapeOf(source: TreeSource, rules: TreeRules, header: TreeHeader | null): NodeShape | null {
  const { name, file } = source;
  const keys = rules.keys(header?.keyCompareType ?? KEY_COMPARE.folding);
  const nodeSize = header?.nodeSize ?? statedNodeSize(file) ?? (likelyNodeSize(file, { name, keys }) || null);
  return nodeSize !== null && nodeSize <= file.size ? { name, keys, nodeSize } : null;
}

/** What a header record says that is sound in itself, though its node is not. */
function statedNodeSize(file: ForkFile): number | null {
  if (file.size < 512) return null;
  const { view, at } = file.load(0, 512);
  const { nodeSize, totalNodes } = HeaderRecord.read(view, at + HEADER_RECORD_AT);
  const isPower = nodeSize >= 512 && nodeSize <= 32_768 && (nodeSize & (nodeSize - 1)) === 0;
  return isPower && totalNodes === Math.floor(file.size / nodeSize) ? nodeSize : null;
}

/** Of a catalog that may be case-sensitive, the leaves tell: the order under which fewer keys are out of place. */
function compareType(
  { name, caseSensitiveAllowed }: TreeSource,
  rules: TreeRules,
  header: TreeHeader | null,
  { nodes }: FoundLeaves,
): number {
  const [usual = 0] = rules.keyCompareTypes;
  if (name !== 'catalog' || !caseSensitiveAllowed)
    return header && rules.keyCompareTypes.includes(header.keyCompareType) ? header.keyCompareType : usual;
  const strays = (type: number) => {
    const { compare } = rules.keys(type);
    let found = 0;
    for (const { records } of nodes)
      records.forEach((record, i) => {
        const before = records[i - 1];
        if (before && compare(before.view, before.key, record.view, record.key) >= 0) found += 1;
      });
    return found;
  };
  const [folding, binary] = [strays(KEY_COMPARE.folding), strays(KEY_COMPARE.binary)];
  if (folding !== binary) return folding < binary ? KEY_COMPARE.folding : KEY_COMPARE.binary;
  return header?.keyCompareType === KEY_COMPARE.folding ? KEY_COMPARE.folding : KEY_COMPARE.binary;
}

function formOf(
  { file, clumpSize }: TreeSource,
  rules: TreeRules,
  header: TreeHeader | null,
  { keyCompareType, nodeSize }: Pick<TreeForm, 'keyCompareType' | 'nodeSize'>,
): TreeForm {
  const known = header?.clumpSize ?? 0;
  return {
    nodeSize,
    keyCompareType,
    totalNodes: Math.floor(file.size / nodeSize),
    maxKeyLength: rules.maxKeyLength,
    clumpSize: known !== 0 && known % file.blockSize === 0 ? known : clumpSize,
    attributes: ((header?.attributes ?? 0) | rules.attributes) >>> 0,
    oldHeader: header ? copyNode(file, 0, nodeSize) : new Uint8Array(nodeSize),
  };
}
