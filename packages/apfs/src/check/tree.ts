// A tree from root to leaves: every node and what holds them together. Nodes that cannot be read are left out, and then counts are
// not judged. See docs/formats/apfs.md.

import type { ReadableNode } from '../btree/cursor.js';
import { DiskNode } from '../btree/disk-node.js';
import type { NodePlace } from '../btree/disk-tree.js';
import type { TreeKind } from '../btree/kinds.js';
import { TREE_DEPTH } from '../limits.js';
import { viewOf } from '../object.js';
import { type Blocks, requireHeader } from '../reading/blocks.js';
import { BtreeInfo, BtreeNode, NODE_FLAGS, TREE_FLAGS } from '../structs/btree.js';
import { OBJECT_TYPE, ObjectHeader, STORAGE } from '../structs/object.js';
import { PhysicalExtentValue } from '../structs/records.js';
import { areaProblem } from './node-areas.js';
import { headerProblem } from './object-header.js';
import type { Report } from './report.js';

export interface CheckedTree {
  readonly blocks: Blocks;
  readonly report: Report;
  readonly kind: TreeKind;
  /** For findings, such as `catalog of volume 0`. */
  readonly name: string;
  readonly root: number;
  /** @throws CorruptError */
  readonly resolve: (pointer: number) => NodePlace;
  /** Reads a node; without it from its block. */
  readonly read?: (pointer: number) => Uint8Array;
  readonly childBase?: number;
  /** Told every node that can be read, roots first. */
  readonly visitNode?: (node: DiskNode, pointer: number) => void;
  readonly visitRecord: (node: DiskNode, index: number) => void;
  /** Told the root, and each child with its place in its parent. */
  readonly visitRoot?: ((root: DiskNode) => void) | undefined;
  readonly visitChild?: ((parent: DiskNode, index: number, child: DiskNode) => void) | undefined;
}

export interface TreeResult {
  readonly records: number;
  readonly nodes: number;
  /** False if something could not be read. */
  readonly isComplete: boolean;
}

interface Step {
  readonly node: DiskNode;
  next: number;
}

export function checkTree(tree: CheckedTree): TreeResult {
  const walk = new TreeWalk(tree);
  walk.run();
  return walk;
}

class TreeWalk implements TreeResult {
  readonly #tree: CheckedTree;
  records = 0;
  nodes = 0;
  isComplete = true;
  #longestKey = 0;
  #longestValue = 0;
  #last: { node: ReadableNode; index: number } | null = null;

  constructor(tree: CheckedTree) {
    this.#tree = tree;
  }

  run(): void {
    const root = this.#load(this.#tree.root, null);
    if (!root) return;
    this.#tree.visitRoot?.(root);
    const path: Step[] = [{ node: root, next: 0 }];
    for (let step = path.at(-1); step; step = path.at(-1)) {
      const { node } = step;
      if (node.level === 0) this.#leaf(node);
      if (node.level === 0 || step.next >= node.count) {
        path.pop();
        continue;
      }
      const index = step.next;
      step.next += 1;
      const child = path.length < TREE_DEPTH ? this.#child(node, index) : null;
      if (child) path.push({ node: child, next: 0 });
    }
    if (this.isComplete) this.#footer(root);
  }

  #child(node: DiskNode, index: number): DiskNode | null {
    const { childBase = 0, kind, report, name } = this.#tree;
    const child = this.#load(childBase + node.childAt(index), node.level - 1);
    if (!child) return null;
    this.#tree.visitChild?.(node, index, child);
    const order = kind.compare(
      node.view,
      node.keyAt(index),
      node.keyLength(index),
      child.view,
      child.keyAt(0),
      child.keyLength(0),
    );
    if (order !== 0)
      report.add('tree-first-key', name, `the first key of a node at byte ${child.place} is not its parent's`);
    if (kind.storage === STORAGE.physical && xidOf(node) < xidOf(child))
      report.add('tree-xid', name, `the node at byte ${child.place} is newer than its parent`);
    return child;
  }

  #load(pointer: number, level: number | null): DiskNode | null {
    const { report, name } = this.#tree;
    const node = report.attempt('tree-node', name, () => this.#read(pointer, level));
    if (!node) {
      this.isComplete = false;
      return null;
    }
    this.nodes += 1;
    this.#shape(node);
    this.#tree.visitNode?.(node, pointer);
    return node;
  }

  #read(pointer: number, level: number | null): DiskNode {
    const { blocks, kind, resolve, read } = this.#tree;
    const { block, bytes, xid, hasHeader, decrypt } = resolve(pointer);
    const node = read ? read(pointer) : blocks.read(block, bytes);
    decrypt?.(node, block);
    const place = block * blocks.size;
    const type = level === null ? OBJECT_TYPE.btree : OBJECT_TYPE.btreeNode;
    const { subtype, storage } = kind;
    if (hasHeader)
      requireHeader(viewOf(node), place, { structure: 'btree_node_phys', type, subtype, storage, oid: pointer, xid });
    if (hasHeader) this.#header(node, place, decrypt ? 'encrypted' : 'clear');
    return new DiskNode(kind, node, { place, level });
  }

  /** The place is only put into words where something is wrong. */
  #header(node: Uint8Array, place: number, content: 'clear' | 'encrypted'): void {
    const { report, name } = this.#tree;
    const problem = headerProblem(viewOf(node), content);
    if (problem !== null) report.add('object-header', `${name}, node at byte ${place}`, problem);
  }

  #shape(node: DiskNode): void {
    const { report, name, kind } = this.#tree;
    const place = `${name}, node at byte ${node.place}`;
    const problem = areaProblem(node);
    if (problem !== null) report.add('tree-areas', place, problem);
    const isFixed = (node.flags & NODE_FLAGS.fixed) !== 0;
    report.expect(isFixed === kind.keySize > 0, 'tree-flags', place, `flags ${node.flags} do not suit the tree`);
    const wanted = this.#tree.childBase === undefined ? 0 : SEALED_FLAGS;
    report.expect((node.flags & ~KNOWN_FLAGS) === wanted, 'tree-flags', place, `flags ${node.flags} are not all known`);
    if (isFixed) this.#toc(node, place);
  }

  /** The table of contents of fixed sizes has room for all that a node without a footer holds; with ghosts, for more. */
  #toc(node: DiskNode, place: string): void {
    const { report, kind } = this.#tree;
    const entry = kind.keySize + (node.level === 0 ? kind.valueSize : CHILD_SIZE) + TOC_ENTRY;
    const wanted = TOC_ENTRY * Math.floor((node.bytes.length - BtreeNode.size) / entry);
    const length = node.view.getUint16(BtreeNode.at.btn_table_len, true);
    const mayGrow = (kind.flags & TREE_FLAGS.allowGhosts) !== 0;
    report.expect(
      length === wanted || (mayGrow && length > wanted),
      'tree-toc',
      place,
      `a table of contents of ${length} bytes, not ${wanted}`,
    );
  }

  #leaf(node: DiskNode): void {
    const { kind, report, name } = this.#tree;
    if (node.count > 0 && this.#last) {
      const { node: left, index } = this.#last;
      const order = kind.compare(
        left.view,
        left.keyAt(index),
        left.keyLength(index),
        node.view,
        node.keyAt(0),
        node.keyLength(0),
      );
      report.expect(order < 0, 'tree-order', name, `the keys of the leaf at byte ${node.place} do not come behind`);
    }
    let i = 0;
    const visit = (): void => this.#tree.visitRecord(node, i);
    for (; i < node.count; i += 1) {
      this.#longestKey = Math.max(this.#longestKey, node.keyLength(i));
      if (node.valueAt(i) >= 0) this.#longestValue = Math.max(this.#longestValue, node.valueLength(i));
      this.records += 1;
      report.attempt('record', name, visit);
    }
    if (node.count > 0) this.#last = { node, index: node.count - 1 };
  }

  #footer(root: DiskNode): void {
    const { report, name, kind } = this.#tree;
    const info = report.attempt('tree-footer', name, () =>
      BtreeInfo.read(root.view, root.bytes.length - BtreeInfo.size),
    );
    if (!info) return;
    const bad = (problem: string): void => report.add('tree-footer', name, problem);
    if (info.bt_key_count !== this.records) bad(`says ${info.bt_key_count} records; there are ${this.records}`);
    if (info.bt_node_count !== this.nodes) bad(`says ${info.bt_node_count} nodes; there are ${this.nodes}`);
    if (info.bt_longest_key < this.#longestKey) bad(`says that no key is longer than ${info.bt_longest_key} bytes`);
    if (info.bt_longest_val < this.#longestValue) bad(`says that no value is longer than ${info.bt_longest_val} bytes`);
    if (kind.keySize > 0 && (info.bt_longest_key !== kind.keySize || info.bt_longest_val !== kind.valueSize))
      bad(`says that keys have up to ${info.bt_longest_key} bytes, and values ${info.bt_longest_val}`);
    if (kind.subtype === OBJECT_TYPE.extentReferences) this.#referenceFooter(info.bt_longest_key, info.bt_longest_val);
    if (kind.keySize === 0 && (info.bt_key_size !== 0 || info.bt_val_size !== 0))
      bad(`says that keys have ${info.bt_key_size} bytes, and values ${info.bt_val_size}`);
    const free = TREE_FLAGS.uint64Keys | TREE_FLAGS.sequentialInsert;
    const sealed = this.#tree.childBase === undefined ? 0 : TREE_FLAGS.hashed | TREE_FLAGS.noHeader;
    const wanted = (kind.flags & ~free) | sealed;
    if ((info.bt_flags & ~free) !== wanted) bad(`flags ${info.bt_flags.toString(16)} do not suit the tree`);
  }

  /** Sizes stay 0 until there is a first record. */
  #referenceFooter(key: number, value: number): void {
    const isNew = key === 0 && value === 0;
    if (!isNew && (key !== REFERENCE_KEY || value !== PhysicalExtentValue.size))
      this.#tree.report.add('tree-footer', this.#tree.name, `says that keys have up to ${key} bytes, values ${value}`);
  }
}

const CHILD_SIZE = 8;
const TOC_ENTRY = 4;
const KNOWN_FLAGS = NODE_FLAGS.root | NODE_FLAGS.leaf | NODE_FLAGS.fixed;
/** Of nodes whose parents have their hashes, in trees whose children count from the root. */
const SEALED_FLAGS = NODE_FLAGS.hashed | NODE_FLAGS.noHeader;
/** Of the tree of references, whose records are all of one size although it is not said to have one. */
const REFERENCE_KEY = 8;

function xidOf({ view }: DiskNode): number {
  return view.getUint32(ObjectHeader.at.o_xid + 4, true) * 0x1_0000_0000 + view.getUint32(ObjectHeader.at.o_xid, true);
}
