// Trees in memory, without a container: nodes by number.

import { BtreeInfo, BtreeNode } from '../structs/btree.js';
import { BLOCK_SIZE } from '../structs/container.js';
import { STORAGE } from '../structs/object.js';
import type { TreeKind } from './kinds.js';
import { checkNode, Node } from './node.js';
import type { NodeStore } from './store.js';
import { Tree } from './tree.js';

export class MemoryStore implements NodeStore {
  readonly kind: TreeKind;
  readonly nodes = new Map<number, Node>();
  #next = 100;

  constructor(kind: TreeKind) {
    this.kind = kind;
    const root = Node.make(kind, 0, 'root');
    root.setHeader(1, 1);
    root.address = 1;
    this.nodes.set(1, root);
  }
  get changed(): Iterable<Node> {
    return [...this.nodes.values()].filter((node) => node.dirty);
  }
  get changedCount(): number {
    return [...this.changed].length;
  }
  get(pointer: number, level: number | null): Node {
    const node = this.nodes.get(pointer);
    if (!node) throw new Error(`there is no node ${pointer}`);
    checkNode(node, level, level === null ? 'root' : 'inner');
    return node;
  }
  change(node: Node): void {
    if (node.dirty) return;
    node.dirty = true;
    if (this.kind.storage !== STORAGE.physical) return;
    this.nodes.delete(node.address);
    this.#place(node);
  }
  make(level: number): Node {
    const node = Node.make(this.kind, level, 'inner');
    node.dirty = true;
    this.#place(node);
    return node;
  }
  #place(node: Node): void {
    node.address = this.#next;
    node.setHeader(this.#next, 1);
    this.nodes.set(this.#next, node);
    this.#next += 1;
  }
  drop(node: Node): void {
    if (!this.nodes.delete(this.pointerOf(node))) throw new Error('a dropped node was there');
  }
  pointerOf(node: Node): number {
    return this.kind.storage === STORAGE.physical ? node.address : node.oid;
  }
  settle(): void {
    for (const node of this.changed) {
      node.settle();
      node.dirty = false;
    }
  }
}

export function memoryTree(kind: TreeKind): { tree: Tree; store: MemoryStore } {
  const store = new MemoryStore(kind);
  return { tree: new Tree(store, 1), store };
}

/** What must hold of every tree: keys ascend, first keys agree with the parents', counts are those of the root. */
export function expectSound(tree: Tree, store: MemoryStore): void {
  const fail = (problem: string): never => {
    throw new Error(problem);
  };
  let keys = 0;
  let nodes = 0;
  const waiting: Node[] = [tree.root];
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    nodes += 1;
    expectAreas(node);
    for (let i = 1; i < node.count; i += 1) {
      if (!(compare(node, i - 1, node, i) < 0)) fail('keys do not ascend');
    }
    if (node.level === 0) keys += node.count;
    for (let i = 0; node.level > 0 && i < node.count; i += 1) {
      const child = store.get(node.childAt(i), node.level - 1);
      if (compare(node, i, child, 0) !== 0) fail('the first key of a child is not that of its parent');
      if (i + 1 < node.count && !(compare(child, child.count - 1, node, i + 1) < 0)) fail('a child reaches too far');
      waiting.push(child);
    }
  }
  if (keys !== tree.keyCount) fail(`${keys} keys, counted ${tree.keyCount}`);
  if (nodes !== tree.nodeCount || nodes !== store.nodes.size) fail(`${nodes} nodes, counted ${tree.nodeCount}`);
}

function compare(a: Node, i: number, b: Node, j: number): number {
  return a.kind.compare(a.view, a.keyAt(i), a.keyLength(i), b.view, b.keyAt(j), b.keyLength(j));
}

/** Used bytes and counted holes add up to both areas. */
function expectAreas(node: Node): void {
  const { view, count } = node;
  const at = BtreeNode.at;
  let keys = 0;
  let values = 0;
  for (let i = 0; i < count; i += 1) {
    keys += node.keyLength(i);
    values += node.valueAt(i) < 0 ? 0 : node.valueLength(i);
  }
  const end = node.isRoot ? BLOCK_SIZE - BtreeInfo.size : BLOCK_SIZE;
  const areaStart = BtreeNode.size + view.getUint16(at.btn_table_len, true);
  const keyArea = view.getUint16(at.btn_free_off, true);
  const valueArea = end - areaStart - keyArea - view.getUint16(at.btn_free_len, true);
  if (keys + view.getUint16(at.btn_key_free_len, true) !== keyArea) throw new Error('key bytes do not add up');
  if (values + view.getUint16(at.btn_val_free_len, true) !== valueArea) throw new Error('value bytes do not add up');
}
