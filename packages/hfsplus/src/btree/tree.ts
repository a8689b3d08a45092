// A B-tree: searching, inserting, removing, growing. Works on nodes of a `NodeFile`; knows nothing of what records mean.
//
// Invariants: every index record's key equals the first key of its child; siblings are linked both ways; a node without
// records is freed; unused nodes are zero.

import { assert, CorruptError } from '@tintype/core';
import { HEADER_RECORD_AT, HeaderRecord, NODE_KIND } from '../structs/btree.js';
import { FIRST_RECORD, type Node } from './node.js';
import type { NodeFile } from './node-file.js';

/** Orders two keys, each given by its node's bytes and the offset of its length. */
export type KeyCompare = (a: DataView, aAt: number, b: DataView, bAt: number) => number;

export interface TreeSpec {
  readonly name: string;
  readonly compare: KeyCompare;
}

const DEPTH_LIMIT = 8;

/** Removals between two reservations, at the most: a hard link and its file, each with its thread. */
const MOST_REMOVALS = 4;

/** A place in a leaf. `found`: the record there has the wanted key; else the key would be inserted there. */
export interface Position {
  readonly leaf: Node;
  readonly index: number;
  readonly found: boolean;
}

interface Step {
  node: Node;
  /** Index record that was followed. */
  index: number;
}

export class Tree {
  readonly #file: NodeFile;
  readonly #spec: TreeSpec;
  depth = 0;
  root = 0;
  leafRecords = 0;
  firstLeaf = 0;
  lastLeaf = 0;
  /** Index nodes from the parent of the leaf found last, at level 0, up to the root. */
  readonly #path: Step[] = [];
  /** The leaf that `#path` leads to; the next key is looked for there first. */
  #hint: Node | null = null;
  #hintGeneration = 0;
  /** True while keys come in ascending order: then nodes are split where the next key goes, and left full. */
  inRun = false;

  constructor(file: NodeFile, spec: TreeSpec) {
    this.#file = file;
    this.#spec = spec;
    const { view } = file.header;
    const record = HeaderRecord.read(view, HEADER_RECORD_AT);
    this.depth = record.treeDepth;
    this.root = record.rootNode;
    this.leafRecords = record.leafRecords;
    this.firstLeaf = record.firstLeafNode;
    this.lastLeaf = record.lastLeafNode;
    if (this.depth > DEPTH_LIMIT || (this.depth === 0) !== (this.root === 0))
      throw HeaderRecord.corrupt(view, HEADER_RECORD_AT, 'treeDepth', 'no tree has this depth');
  }

  node(number: number): Node {
    return this.#file.node(number);
  }

  /** Where `key` (with its length) is, or would be. Null if the tree is empty. */
  find(key: DataView): Position | null {
    if (this.root === 0) return null;
    this.#file.trim();
    if (this.#hint && this.#hintHolds(key)) return this.#within(this.#hint, key);
    this.#hint = null;
    this.#path.length = this.depth - 1;
    let node = this.#file.node(this.root);
    for (let height = this.depth; height > 1; height -= 1) {
      if (node.kind !== NODE_KIND.index || node.height !== height || node.count === 0)
        throw this.#corruptNode(node, `is no index node of height ${height}`);
      const index = Math.max(0, this.#upper(node, key) - 1);
      this.#path[height - 2] = { node, index };
      node = this.#file.node(node.child(index));
    }
    if (!node.isLeaf || node.height !== 1) throw this.#corruptNode(node, 'is no leaf');
    this.#hint = node;
    this.#hintGeneration = this.#file.generation;
    return this.#within(node, key);
  }

  #hintHolds(key: DataView): boolean {
    const leaf = this.#hint as Node;
    const { compare } = this.#spec;
    if (this.#hintGeneration !== this.#file.generation || leaf.count === 0) return false;
    if (compare(leaf.view, leaf.at(0), key, 0) > 0) return false;
    for (const { node, index } of this.#path) {
      if (index + 1 < node.count) return compare(node.view, node.at(index + 1), key, 0) > 0;
    }
    return true;
  }

  #within(leaf: Node, key: DataView): Position {
    const upper = this.#upper(leaf, key);
    const found = upper > 0 && this.#spec.compare(leaf.view, leaf.at(upper - 1), key, 0) === 0;
    return { leaf, index: found ? upper - 1 : upper, found };
  }

  /** How many records of the node have keys up to `key`. */
  #upper(node: Node, key: DataView): number {
    const { compare } = this.#spec;
    let low = 0;
    let high = node.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compare(node.view, node.at(middle), key, 0) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Makes sure that so many insertions anywhere cannot fail half-way. @throws VolumeFullError, with nothing changed */
  reserve(insertions: number): void {
    this.#file.reserve(this.depth + 1 + 2 * insertions + this.#removalMargin);
  }

  /**
   * The same for runs of ascending keys of `bytes` in all, that fall into `gaps` places between the keys that are there.
   * @throws VolumeFullError, with nothing changed
   */
  reserveRuns(bytes: number, gaps: number): void {
    this.#file.reserve(this.#nodesForRuns(bytes, gaps));
  }

  /** Would `reserveRuns` find the nodes without making the file longer? */
  hasRoomForRuns(bytes: number, gaps: number): boolean {
    return this.#file.freeNodes >= this.#nodesForRuns(bytes, gaps);
  }

  #nodesForRuns(bytes: number, gaps: number): number {
    // No record is longer than half a node, so a node that is left behind is at least half full.
    const leaves = Math.ceil(bytes / (this.#file.nodeSize / 2)) + 2;
    return this.depth + 1 + leaves + 2 * gaps + this.#removalMargin;
  }

  /** Nodes that insertions leave free, so that removals, which may lengthen index keys, find room on a full volume. */
  get #removalMargin(): number {
    return nodesForRemovals(MOST_REMOVALS, this.depth + 1);
  }

  /** Makes sure that so many removals cannot fail half-way. @throws VolumeFullError, with nothing changed */
  reserveRemovals(removals: number): void {
    if (removals > 0) this.#file.reserve(nodesForRemovals(removals, this.depth));
  }

  /** Inserts a record (key with its length, then data; even length), of which `key` is a view. The key must be new. */
  insert(record: Uint8Array, key = new DataView(record.buffer, record.byteOffset, record.length)): void {
    assert(record.length + 2 <= (this.#file.nodeSize - FIRST_RECORD - 2) / 2, 'two records fit a node');
    const place = this.find(key);
    if (!place) this.#plant(record);
    else {
      assert(!place.found, 'a new record has a new key');
      const { leaf, index } = place;
      const right = this.#put(leaf, index, record);
      if (index === 0) this.#firstKeyChanged(0, leaf);
      if (right) {
        if (this.lastLeaf === leaf.number) this.lastLeaf = right.number;
        this.#addChild(0, leaf, right, false);
        this.#hint = null;
      }
    }
    this.leafRecords += 1;
  }

  #plant(record: Uint8Array): void {
    const leaf = this.#file.allocate(NODE_KIND.leaf, 1);
    leaf.insert(0, record);
    this.root = leaf.number;
    this.firstLeaf = leaf.number;
    this.lastLeaf = leaf.number;
    this.depth = 1;
    this.#hint = null;
  }

  /** Puts a record into a node. Answers the node that was split off to the right if it was full, already linked. */
  #put(node: Node, index: number, record: Uint8Array): Node | null {
    if (node.freeSpace >= record.length + 2) {
      node.insert(index, record);
      return null;
    }
    const right = this.#file.allocate(node.kind, node.height);
    const { cut, isLeft } = this.#cut(node, index, record.length + 2);
    node.moveTail(cut, right);
    if (isLeft) node.insert(index, record);
    else right.insert(index - cut, record);
    right.fLink = node.fLink;
    right.bLink = node.number;
    if (node.fLink !== 0) this.#relink(node.fLink, (next) => (next.bLink = right.number));
    node.fLink = right.number;
    node.dirty = true;
    return right;
  }

  /** Where a full node is split: records from `cut` on go to the right, and so does the new one if not `isLeft`. */
  #cut(node: Node, index: number, length: number): { cut: number; isLeft: boolean } {
    const { count } = node;
    if (index === count && (this.inRun || node.fLink === 0 || !node.isLeaf)) return { cut: count, isLeft: false };
    const used = node.at(count) - FIRST_RECORD + 2 * count;
    const room = node.bytes.length - FIRST_RECORD - 2;
    const before = (cut: number) => node.at(cut) - FIRST_RECORD + 2 * cut;
    // In a run the next record follows this one: it is to find an almost full node with room behind its last record.
    if (this.inRun && index > 0) return { cut: index, isLeft: before(index) + length <= room };
    let cut = 0;
    while (cut < count && before(cut) + (index < cut ? length : 0) < (used + length) / 2) cut += 1;
    const isLeft = index < cut;
    const left = before(cut) + (isLeft ? length : 0);
    if (cut > 0 && left <= room && used + length - left <= room && used + length > left) return { cut, isLeft };
    // Records of very different lengths: on one side of the new one there is room for it.
    return { cut: index, isLeft: index === 0 || (index < count && before(index) <= used / 2) };
  }

  /** Enters a node that was split off to the right of the child at `level` of the path, which then follows one of them. */
  #addChild(level: number, left: Node, right: Node, followRight: boolean): void {
    const step = this.#path[level];
    if (!step) {
      this.#newRoot(left, right, followRight);
      return;
    }
    const { index } = step;
    this.#insertIndex(level, index + 1, indexRecord(right), followRight ? index + 1 : index);
  }

  /** Puts an index record into the path's node at `level`; the path then follows record `followed`, as counted after that. */
  #insertIndex(level: number, at: number, record: Uint8Array, followed: number): void {
    const step = this.#path[level] as Step;
    const { node } = step;
    const right = this.#put(node, at, record);
    const isRight = right !== null && followed >= node.count;
    step.index = isRight ? followed - node.count : followed;
    if (isRight) step.node = right;
    if (right) this.#addChild(level + 1, node, right, isRight);
  }

  #newRoot(left: Node, right: Node, followRight: boolean): void {
    assert(this.depth < DEPTH_LIMIT, 'the tree stays within the depth that macOS accepts');
    const root = this.#file.allocate(NODE_KIND.index, this.depth + 1);
    root.insert(0, indexRecord(left));
    root.insert(1, indexRecord(right));
    this.root = root.number;
    this.depth += 1;
    this.#path.push({ node: root, index: followRight ? 1 : 0 });
  }

  /** The first key of `child`, which the path follows at `level`, is another one now: index records must agree. */
  #firstKeyChanged(from: number, child: Node): void {
    let node = child;
    for (let level = from; level < this.#path.length; level += 1) {
      const step = this.#path[level] as Step;
      const { index } = step;
      step.node.remove(index);
      this.#insertIndex(level, index, indexRecord(node), index);
      this.#hint = null;
      if (step.index !== 0) return;
      node = step.node;
    }
  }

  /** Removes the record with this key; false if there is none. */
  remove(key: DataView): boolean {
    const place = this.find(key);
    if (!place?.found) return false;
    const { leaf, index } = place;
    leaf.remove(index);
    this.leafRecords -= 1;
    if (leaf.count === 0) this.#removeNode(0, leaf);
    else if (index === 0) this.#firstKeyChanged(0, leaf);
    return true;
  }

  #removeNode(level: number, node: Node): void {
    this.#hint = null;
    const { fLink, bLink } = node;
    if (fLink !== 0) this.#relink(fLink, (next) => (next.bLink = bLink));
    if (bLink !== 0) this.#relink(bLink, (previous) => (previous.fLink = fLink));
    if (node.isLeaf && this.firstLeaf === node.number) this.firstLeaf = fLink;
    if (node.isLeaf && this.lastLeaf === node.number) this.lastLeaf = bLink;
    this.#file.free(node);
    const step = this.#path[level];
    if (!step) {
      this.root = 0;
      this.depth = 0;
      return;
    }
    const { node: parent, index } = step;
    parent.remove(index);
    if (parent.count === 0) this.#removeNode(level + 1, parent);
    else if (index === 0) this.#firstKeyChanged(level + 1, parent);
    this.#lowerRoot();
  }

  #relink(number: number, change: (node: Node) => void): void {
    const node = this.#file.node(number);
    change(node);
    node.dirty = true;
  }

  #lowerRoot(): void {
    while (this.depth > 1) {
      const root = this.#file.node(this.root);
      if (root.count !== 1) return;
      this.root = root.child(0);
      this.depth -= 1;
      this.#file.free(root);
    }
  }

  /**
   * Visits records in order, from the first one whose key is `key` or greater, until `visit` answers false.
   * `visit` must not change the tree.
   */
  scan(key: DataView, visit: (node: Node, index: number) => boolean): void {
    const place = this.find(key);
    if (!place) return;
    let { leaf, index } = place;
    for (let steps = 0; steps <= this.#file.totalNodes; steps += 1) {
      for (; index < leaf.count; index += 1) if (!visit(leaf, index)) return;
      if (leaf.fLink === 0) return;
      const next = this.#file.nextNode(leaf.fLink);
      if (!next.isLeaf || next.bLink !== leaf.number)
        throw this.#corruptNode(next, 'is no neighbour of the leaf that names it');
      leaf = next;
      index = 0;
    }
    throw this.#corruptNode(leaf, 'leaves are linked in a circle');
  }

  /** Writes what the header record keeps; the map is the file's. Call before a commit. */
  putHeader(): void {
    const { header } = this.#file;
    const old = HeaderRecord.read(header.view, HEADER_RECORD_AT);
    const { totalNodes, freeNodes } = this.#file;
    const now = {
      ...old,
      treeDepth: this.depth,
      rootNode: this.root,
      leafRecords: this.leafRecords,
      firstLeafNode: this.firstLeaf,
      lastLeafNode: this.lastLeaf,
      totalNodes,
      freeNodes,
    };
    const changed = (Object.keys(now) as (keyof typeof now)[]).some(
      (name) => name !== 'reserved3' && now[name] !== old[name],
    );
    if (!changed) return;
    HeaderRecord.write(header.view, HEADER_RECORD_AT, { ...now, reserved3: old.reserved3.slice() });
    header.dirty = true;
  }

  #corruptNode(node: Node, problem: string): CorruptError {
    return new CorruptError(`${this.#spec.name} node ${node.number}`, 'kind', 0, problem);
  }
}

/**
 * Nodes that removals can need in a tree of this depth. Without its first record a leaf has another first key; where that is
 * longer, its index record may no longer fit: a split of one node on each level of index nodes, and, once, a new root.
 */
function nodesForRemovals(removals: number, depth: number): number {
  return depth < 2 ? 0 : removals * (depth - 1) + 1;
}

/** Key of the node's first record, then its number. */
function indexRecord(node: Node): Uint8Array {
  const at = node.at(0);
  const keyBytes = 2 + node.view.getUint16(at);
  const record = new Uint8Array(keyBytes + 4);
  record.set(node.bytes.subarray(at, at + keyBytes));
  new DataView(record.buffer).setUint32(keyBytes, node.number);
  return record;
}
