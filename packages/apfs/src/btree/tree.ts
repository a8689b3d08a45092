// A tree: finding, inserting, removing.
//
// Invariants: the first key of a node that is no root equals its key in the parent; keys ascend; a node that is changed lies in
// a fresh block, and so do all above it in a physical tree; inner nodes on the way to a change have room for three more
// entries, so that a change never has to go up twice. The root's counts are put when the tree is settled.

import { assert, CorruptError } from '@tintype/core';
import { get64, put64 } from '../object.js';
import { BtreeInfo } from '../structs/btree.js';
import { BLOCK_SIZE } from '../structs/container.js';
import { STORAGE } from '../structs/object.js';
import type { NodeSource } from './cursor.js';
import type { TreeKind } from './kinds.js';
import type { Node, RecordBuffer } from './node.js';
import type { NodeStore } from './store.js';

const INFO = BLOCK_SIZE - BtreeInfo.size;
const CHILD_ENTRY = 16;
const TOC_STEP = 64;
/** A leaf with fewer used bytes is joined with a neighbour where both fit one. */
const SPARSE_LEAF = 1400;

export class Tree {
  readonly store: NodeStore;
  readonly kind: TreeKind;
  readonly root: Node;
  /** Ascending keys are coming: full nodes are left full. */
  inRun = false;
  #keys: number;
  #nodes: number;
  #longestKey: number;
  #longestValue: number;
  /** From the root to a leaf: nodes, and the entry taken in each. */
  readonly #path: Node[] = [];
  readonly #at: number[] = [];
  #isPathValid = false;

  /** `root`: what names it. @throws CorruptError */
  constructor(store: NodeStore, root: number) {
    this.store = store;
    this.kind = store.kind;
    this.root = store.get(root, null);
    const { view } = this.root;
    const at = BtreeInfo.at;
    const isWrong =
      view.getUint32(INFO + at.bt_node_size, true) !== BLOCK_SIZE ||
      view.getUint32(INFO + at.bt_key_size, true) !== this.kind.keySize ||
      view.getUint32(INFO + at.bt_val_size, true) !== this.kind.valueSize;
    if (isWrong) throw BtreeInfo.corrupt(view, INFO, 'bt_node_size', 'sizes are not those of this tree');
    this.#keys = get64(view, INFO + at.bt_key_count);
    this.#nodes = get64(view, INFO + at.bt_node_count);
    this.#longestKey = view.getUint32(INFO + at.bt_longest_key, true);
    this.#longestValue = view.getUint32(INFO + at.bt_longest_val, true);
  }

  /** For cursors, which read what is being written. */
  get source(): NodeSource {
    const { kind, root, store } = this;
    return {
      kind,
      root: () => root,
      child: (node, index) => store.get((node as Node).childAt(index), node.level - 1),
    };
  }
  get height(): number {
    return this.root.level + 1;
  }
  get keyCount(): number {
    return this.#keys;
  }
  get nodeCount(): number {
    return this.#nodes;
  }
  /** Of the last `find`, `floor` or `scan`: good until the next call. */
  get leaf(): Node {
    return this.#path[this.#path.length - 1] as Node;
  }
  get index(): number {
    return this.#at[this.#at.length - 1] as number;
  }

  /** True if there is a record of just this key; `leaf` and `index` then name it. */
  find(key: RecordBuffer): boolean {
    this.#locate(key);
    return this.index >= 0 && this.leaf.isEqual(this.index, key.view, 0, key.keyLength);
  }
  /** True if there is a record of this key or a smaller one; `leaf` and `index` name the last of them. */
  floor(key: RecordBuffer): boolean {
    this.#locate(key);
    return this.index >= 0;
  }
  /** Visits records from the first of this key or a greater one on, until told to stop. Nothing may be changed meanwhile. */
  scan(key: RecordBuffer, visit: (leaf: Node, index: number) => boolean): void {
    this.#locate(key);
    const depth = this.#path.length - 1;
    let index = this.index;
    if (index < 0 || !this.leaf.isEqual(index, key.view, 0, key.keyLength)) index += 1;
    for (let nodes = 0; ; nodes += 1) {
      if (nodes > this.#nodes)
        throw new CorruptError('btree_info', 'bt_node_count', this.root.address, 'a scan does not end');
      const { leaf } = this;
      for (; index < leaf.count; index += 1) {
        this.#at[depth] = index;
        if (!visit(leaf, index)) return;
      }
      if (!this.#nextLeaf()) return;
      index = 0;
    }
  }
  #nextLeaf(): boolean {
    const last = this.#path.length - 1;
    for (let depth = last - 1; depth >= 0; depth -= 1) {
      const node = this.#path[depth] as Node;
      const index = (this.#at[depth] as number) + 1;
      if (index >= node.count) continue;
      this.#at[depth] = index;
      for (let below = depth + 1; below <= last; below += 1) {
        const parent = this.#path[below - 1] as Node;
        this.#path[below] = this.store.get(parent.childAt(this.#at[below - 1] as number), parent.level - 1);
        this.#at[below] = 0;
      }
      return true;
    }
    this.#isPathValid = false;
    return false;
  }

  /** The leaf of the last find, to be changed in place: values, not keys or lengths. */
  change(): Node {
    this.#touch(this.#path.length - 1);
    return this.leaf;
  }

  /** A record of a key that is not there yet. */
  insert(record: RecordBuffer): void {
    this.#locateToChange(record);
    const place = this.index + 1;
    assert(
      place === 0 || !this.leaf.isEqual(place - 1, record.view, 0, record.keyLength),
      'a new key is not there yet',
    );
    const depth = this.#path.length - 1;
    this.#touch(depth);
    this.#keys += 1;
    this.#longestKey = Math.max(this.#longestKey, record.keyLength);
    this.#longestValue = Math.max(this.#longestValue, record.valueLength);
    this.#put(place, record);
  }
  /** Another value for a key that is there. */
  replace(record: RecordBuffer): void {
    this.#locateToChange(record);
    const place = this.index;
    const { leaf } = this;
    assert(place >= 0 && leaf.isEqual(place, record.view, 0, record.keyLength), 'the key is there');
    this.#touch(this.#path.length - 1);
    this.#longestValue = Math.max(this.#longestValue, record.valueLength);
    leaf.remove(place);
    this.#put(place, record);
  }
  /** False if there is no such record. */
  remove(key: RecordBuffer): boolean {
    this.#locateToChange(key);
    const place = this.index;
    if (place < 0 || !this.leaf.isEqual(place, key.view, 0, key.keyLength)) return false;
    const depth = this.#path.length - 1;
    this.#touch(depth);
    this.leaf.remove(place);
    this.#keys -= 1;
    if (depth === 0) return true;
    if (this.leaf.count === 0) this.#dropEmpty(depth);
    else {
      if (place === 0) this.#putSeparators(depth);
      if (this.leaf.usedBytes < SPARSE_LEAF) this.#join(depth);
    }
    this.#lower();
    this.#isPathValid = false;
    return true;
  }

  /** Puts counts into the root, if anything changed. */
  settle(): void {
    const { view, dirty } = this.root;
    if (!dirty) return;
    const at = BtreeInfo.at;
    put64(view, INFO + at.bt_key_count, this.#keys);
    put64(view, INFO + at.bt_node_count, this.#nodes);
    const isFixed = this.kind.keySize > 0;
    view.setUint32(INFO + at.bt_longest_key, isFixed ? this.kind.keySize : this.#longestKey, true);
    view.setUint32(INFO + at.bt_longest_val, isFixed ? this.kind.valueSize : this.#longestValue, true);
  }

  /**
   * Nodes of a physical tree that lie from block `limit` on are copied to others. `makeRoom` is told before each how many
   * nodes may be copied; it may commit, but change nothing.
   */
  moveNodes(limit: number, makeRoom: (nodes: number) => void): void {
    assert(this.kind.storage === STORAGE.physical, 'nodes of a virtual tree are moved in its object map');
    this.#path.length = 0;
    this.#at.length = 0;
    this.#path.push(this.root);
    if (this.root.address >= limit) {
      makeRoom(1);
      this.#touch(0);
    }
    this.#moveChildren(0, limit, makeRoom);
    this.#isPathValid = false;
  }
  #moveChildren(depth: number, limit: number, makeRoom: (nodes: number) => void): void {
    const node = this.#path[depth] as Node;
    for (let index = 0; node.level > 0 && index < node.count; index += 1) {
      const pointer = node.childAt(index);
      // The address of a leaf is known without reading it.
      if (node.level === 1 && pointer < limit) continue;
      this.#at[depth] = index;
      this.#path[depth + 1] = this.store.get(pointer, node.level - 1);
      if (pointer >= limit) {
        makeRoom(depth + 2);
        this.#touch(depth + 1);
      }
      this.#moveChildren(depth + 1, limit, makeRoom);
    }
    this.#path.length = depth + 1;
  }

  #locate(key: RecordBuffer): void {
    if (this.#isPathValid && this.#isInLeaf(key)) {
      this.#at[this.#at.length - 1] = this.leaf.search(key.view, 0, key.keyLength);
      return;
    }
    this.#descend(key, false);
  }
  #locateToChange(key: RecordBuffer): void {
    if (this.#isPathValid && this.#isInLeaf(key) && this.#hasSlackAbove(key)) {
      this.#at[this.#at.length - 1] = this.leaf.search(key.view, 0, key.keyLength);
      return;
    }
    this.#descend(key, true);
  }
  #descend(key: RecordBuffer, makeRoom: boolean): void {
    this.#path.length = 0;
    this.#at.length = 0;
    if (makeRoom && this.root.level > 0 && !this.#hasSlack(this.root, key)) this.#raise();
    let node = this.root;
    for (let depth = 0; ; depth += 1) {
      this.#path[depth] = node;
      let index = node.search(key.view, 0, key.keyLength);
      this.#at[depth] = index;
      if (node.level === 0) break;
      if (index < 0) index = 0;
      this.#at[depth] = index;
      let child = this.store.get(node.childAt(index), node.level - 1);
      if (makeRoom && child.level > 0 && !this.#hasSlack(child, key)) {
        this.#splitInner(depth, child);
        index = Math.max(0, node.search(key.view, 0, key.keyLength));
        this.#at[depth] = index;
        child = this.store.get(node.childAt(index), node.level - 1);
      }
      node = child;
    }
    this.#isPathValid = true;
  }
  /** True if the key belongs into the leaf of the path. */
  #isInLeaf(key: RecordBuffer): boolean {
    const { leaf, kind } = this;
    const { count } = leaf;
    if (count === 0) return this.#path.length === 1;
    if (kind.compare(leaf.view, leaf.keyAt(0), leaf.keyLength(0), key.view, 0, key.keyLength) > 0) return false;
    for (let depth = this.#path.length - 2; depth >= 0; depth -= 1) {
      const node = this.#path[depth] as Node;
      const next = (this.#at[depth] as number) + 1;
      if (next >= node.count) continue;
      return kind.compare(node.view, node.keyAt(next), node.keyLength(next), key.view, 0, key.keyLength) > 0;
    }
    return true;
  }
  #hasSlackAbove(key: RecordBuffer): boolean {
    for (let depth = 0; depth < this.#path.length - 1; depth += 1)
      if (!this.#hasSlack(this.#path[depth] as Node, key)) return false;
    return true;
  }
  #hasSlack(node: Node, key: RecordBuffer): boolean {
    if (this.kind.keySize > 0)
      return node.count + 3 <= node.tocEntries && node.room >= 3 * (this.kind.keySize + CHILD_ENTRY);
    return node.room >= 3 * (Math.max(this.#longestKey, key.keyLength) + CHILD_ENTRY) + TOC_STEP;
  }

  /** The nodes of the path down to `depth` may be changed afterwards; of a virtual tree that one and the root. */
  #touch(depth: number): void {
    const isPhysical = this.kind.storage === STORAGE.physical;
    if (!this.root.dirty) this.store.change(this.root);
    for (let i = isPhysical ? 1 : depth; i <= depth; i += 1) {
      const node = this.#path[i] as Node;
      if (node.dirty) continue;
      this.store.change(node);
      if (isPhysical) (this.#path[i - 1] as Node).setChild(this.#at[i - 1] as number, node.address);
    }
  }

  /** Inserts into the leaf of the path, which is fresh, splitting it where needed. */
  #put(place: number, record: RecordBuffer): void {
    const { leaf } = this;
    if (leaf.insert(place, record)) {
      this.#at[this.#at.length - 1] = place;
      if (place === 0) this.#putSeparators(this.#path.length - 1);
      return;
    }
    if (this.#path.length === 1) this.#raiseLeaf(place);
    const depth = this.#path.length - 1;
    const pieces = this.#split(this.leaf, place, record);
    const parent = this.#path[depth - 1] as Node;
    this.#touch(depth - 1);
    const after = (this.#at[depth - 1] as number) + 1;
    for (const [i, piece] of pieces.entries()) {
      const isIn = parent.insertChild(after + i, piece, this.store.pointerOf(piece));
      assert(isIn, 'an inner node on the way to a change has room');
    }
    if (place === 0) this.#putSeparators(depth);
    this.#isPathValid = false;
  }

  /** Splits a leaf so that the record fits in before entry `place`; answers the new leaves that follow it. */
  #split(leaf: Node, place: number, record: RecordBuffer): Node[] {
    const { count } = leaf;
    const middle = this.inRun ? place : middleOf(leaf);
    const pieces: Node[] = [];
    if (middle < count) pieces.push(this.#cutOff(leaf, middle));
    const isLeft = place <= middle && (middle < count || place < count);
    const target = isLeft ? leaf : (pieces[0] ?? null);
    const at = isLeft ? place : place - middle;
    if (target?.insert(at, record)) return pieces;
    if (target && at < target.count) pieces.splice(target === leaf ? 0 : 1, 0, this.#cutOff(target, at));
    if (target && target.count > 0 && target.insert(target.count, record)) return pieces;
    if (target && target.count === 0) {
      // Everything moved behind the record: it is alone where it belongs.
      assert(target.insert(0, record), 'a record fits an empty leaf');
      return pieces;
    }
    const alone = this.#make(0);
    assert(alone.insert(0, record), 'a record fits an empty leaf');
    pieces.splice(target === null || target === leaf ? 0 : 1, 0, alone);
    return pieces;
  }
  /** Entries from `from` on move to a new node. */
  #cutOff(node: Node, from: number): Node {
    const piece = this.#make(node.level);
    for (let i = from; i < node.count; i += 1) {
      assert(piece.insertFrom(i - from, node, i), 'a part of a node fits one');
    }
    node.cut(from);
    return piece;
  }
  #make(level: number): Node {
    this.#nodes += 1;
    return this.store.make(level);
  }
  #drop(node: Node): void {
    this.#nodes -= 1;
    this.store.drop(node);
  }

  /** The root's entries move to a new child: the tree becomes one level higher. */
  #raise(): Node {
    if (!this.root.dirty) this.store.change(this.root);
    const child = this.#cutOff(this.root, 0);
    this.root.reset(child.level + 1);
    assert(this.root.insertChild(0, child, this.store.pointerOf(child)), 'an empty root has room');
    return child;
  }
  #raiseLeaf(place: number): void {
    const child = this.#raise();
    this.#path[0] = this.root;
    this.#at[0] = 0;
    this.#path[1] = child;
    this.#at[1] = place;
  }
  /** Halves an inner node below the one at `depth`. */
  #splitInner(depth: number, child: Node): void {
    this.#path[depth + 1] = child;
    this.#touch(depth);
    this.#touch(depth + 1);
    const half = this.inRun && (this.#at[depth] as number) === (this.#path[depth] as Node).count - 1;
    const piece = this.#cutOff(child, half ? child.count - 1 : child.count >>> 1);
    const parent = this.#path[depth] as Node;
    const isIn = parent.insertChild((this.#at[depth] as number) + 1, piece, this.store.pointerOf(piece));
    assert(isIn, 'an inner node on the way to a change has room');
  }

  /** The first key of the node at `depth` changed: so do the keys that lead to it. */
  #putSeparators(depth: number): void {
    for (let i = depth; i > 0; i -= 1) {
      const parent = this.#path[i - 1] as Node;
      const child = this.#path[i] as Node;
      const index = this.#at[i - 1] as number;
      this.#touch(i - 1);
      const pointer = parent.childAt(index);
      parent.remove(index);
      assert(parent.insertChild(index, child, pointer), 'an inner node on the way to a change has room');
      if (index > 0) return;
    }
  }
  /** The node at `depth`, no root, has no entries left. */
  #dropEmpty(depth: number): void {
    for (let i = depth; i > 0; i -= 1) {
      const parent = this.#path[i - 1] as Node;
      const index = this.#at[i - 1] as number;
      this.#touch(i - 1);
      parent.remove(index);
      this.#drop(this.#path[i] as Node);
      if (parent.count > 0) {
        if (index === 0) this.#putSeparators(i - 1);
        return;
      }
    }
    this.root.reset(0);
  }
  /** Joins a sparse leaf with a neighbour under the same parent, if one can hold both. */
  #join(depth: number): void {
    const parent = this.#path[depth - 1] as Node;
    const index = this.#at[depth - 1] as number;
    const { leaf } = this;
    if (index + 1 < parent.count) {
      const right = this.store.get(parent.childAt(index + 1), 0);
      if (canHold(leaf, right)) {
        this.#append(depth, right, index + 1);
        return;
      }
    }
    if (index === 0) return;
    const left = this.store.get(parent.childAt(index - 1), 0);
    if (!canHold(left, leaf)) return;
    this.#path[depth] = left;
    this.#at[depth - 1] = index - 1;
    this.#append(depth, leaf, index);
  }
  /** Moves all entries of `from`, the next leaf, into the leaf at `depth`. */
  #append(depth: number, from: Node, index: number): void {
    this.#touch(depth - 1);
    this.#touch(depth);
    const parent = this.#path[depth - 1] as Node;
    const to = this.#path[depth] as Node;
    for (let i = 0; i < from.count; i += 1) assert(to.insertFrom(to.count, from, i), 'a leaf holds both');
    parent.remove(index);
    this.#drop(from);
  }
  /** A root with one child takes over its entries, as far as they fit. */
  #lower(): void {
    while (this.root.level > 0 && this.root.count === 1) {
      const child = this.store.get(this.root.childAt(0), this.root.level - 1);
      const needed = child.usedBytes + 8 * child.count + 2 * TOC_STEP;
      if (needed + BtreeInfo.size > BLOCK_SIZE - 56 - (this.kind.keySize > 0 ? 808 : 0)) return;
      if (!this.root.dirty) this.store.change(this.root);
      this.root.reset(child.level);
      for (let i = 0; i < child.count; i += 1) assert(this.root.insertFrom(i, child, i), 'a root holds its only child');
      this.#drop(child);
    }
  }
}

/** Where both halves have about as many bytes. */
function middleOf(node: Node): number {
  const half = node.usedBytes / 2;
  let sum = 0;
  for (let i = 0; i < node.count; i += 1) {
    sum += node.keyLength(i) + Math.max(0, node.valueLength(i));
    if (sum > half) return Math.max(1, Math.min(node.count - 1, i + 1));
  }
  return node.count - 1;
}

function canHold(node: Node, other: Node): boolean {
  const isFixed = node.kind.keySize > 0;
  if (isFixed) return node.count + other.count <= node.tocEntries && other.usedBytes <= node.room;
  return other.usedBytes + 8 * other.count + 2 * TOC_STEP <= node.room;
}
