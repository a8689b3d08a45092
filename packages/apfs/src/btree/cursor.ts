// Searching a tree and walking its records in order. Works on any nodes that can be read: those of a disk, and those in
// memory of a volume being written. Source: Apple File System Reference; docs/formats/apfs.md.
//
// Invariant: keys met by one walk ascend strictly, across nodes too, so no damaged tree makes a walk endless.

import { CorruptError } from '@tintype/core';
import { TREE_DEPTH } from '../limits.js';
import type { TreeKind } from './kinds.js';

/** A node's entries where they lie. Offsets are bytes in `view`; they have been checked. */
export interface ReadableNode {
  readonly view: DataView;
  readonly bytes: Uint8Array;
  readonly level: number;
  readonly count: number;
  keyAt(index: number): number;
  keyLength(index: number): number;
  /** -1: a key without a value. */
  valueAt(index: number): number;
  valueLength(index: number): number;
}

/** Where a record lies: offsets in its node. */
export interface RecordPlace {
  readonly view: DataView;
  readonly keyAt: number;
  readonly keyLength: number;
  /** -1: a key without a value. */
  readonly valueAt: number;
  /** 0 without a value. */
  readonly valueLength: number;
}

/** An entry of a node that was read. */
export function recordAt(node: ReadableNode, index: number): RecordPlace {
  const valueAt = node.valueAt(index);
  return {
    view: node.view,
    keyAt: node.keyAt(index),
    keyLength: node.keyLength(index),
    valueAt,
    valueLength: valueAt < 0 ? 0 : node.valueLength(index),
  };
}

/** Where a tree's nodes come from. */
export interface NodeSource {
  readonly kind: TreeKind;
  /** @throws CorruptError */
  root(): ReadableNode;
  /** The child that an entry of an inner node names: exactly one level below. @throws CorruptError */
  child(node: ReadableNode, index: number): ReadableNode;
}

/** A key to look for, from byte 0 of `view`. */
export interface SearchKey {
  readonly view: DataView;
  readonly length: number;
}

/** Index of the last entry whose key is not greater, or -1. */
export function floorIndex(kind: TreeKind, node: ReadableNode, { view, length }: SearchKey): number {
  let low = 0;
  let high = node.count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (kind.compare(node.view, node.keyAt(middle), node.keyLength(middle), view, 0, length) <= 0) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Records looked at one by one before they are searched: an inode with its stream and extents is shorter, mostly. */
const NEAR = 6;

/** A place in a tree. Valid until the tree is changed. */
export class Cursor implements RecordPlace {
  readonly #source: NodeSource;
  readonly #nodes: ReadableNode[] = [];
  readonly #indexes: number[] = [];

  constructor(source: NodeSource) {
    this.#source = source;
  }

  get node(): ReadableNode {
    return this.#nodes[this.#nodes.length - 1] as ReadableNode;
  }
  get index(): number {
    return this.#indexes[this.#indexes.length - 1] as number;
  }
  get view(): DataView {
    return this.node.view;
  }
  get keyAt(): number {
    return this.node.keyAt(this.index);
  }
  get keyLength(): number {
    return this.node.keyLength(this.index);
  }
  get valueAt(): number {
    return this.node.valueAt(this.index);
  }
  get valueLength(): number {
    const { node, index } = this;
    return node.valueAt(index) < 0 ? 0 : node.valueLength(index);
  }

  /** To the first record of all; false if there is none. */
  first(): boolean {
    this.leave();
    return this.#descend(() => 0);
  }

  /** To the first record whose key is not less; false if there is none. */
  seek(key: SearchKey): boolean {
    if (this.floor(key) && this.isAt(key)) return true;
    return this.index < 0 && this.node.count > 0 ? this.#settle() : this.next();
  }

  /**
   * As `seek`, in a tree that was not changed since this cursor was last set, or after `leave`: where the record lies in the
   * same leaf, the way from the root is saved.
   */
  seekNear(key: SearchKey): boolean {
    const step = this.#isNext(key);
    if (step !== null) return step || this.next();
    if (!this.#isInLeaf(key)) return this.seek(key);
    this.#indexes[this.#indexes.length - 1] = floorIndex(this.#source.kind, this.node, key);
    return this.isAt(key) || this.next();
  }

  /**
   * Looks at the records that come next: true if one has the key, false if the cursor stands at the last smaller one, null if it
   * did not come so far, and stands where it stood. Whoever reads inode after inode finds the next one here.
   */
  #isNext({ view, length }: SearchKey): boolean | null {
    const node = this.#nodes.at(-1);
    if (!node || node.level > 0) return null;
    const { compare } = this.#source.kind;
    const last = this.#indexes.length - 1;
    const start = this.#indexes[last] as number;
    const end = Math.min(node.count, start + NEAR);
    for (let index = Math.max(0, start); index < end; index += 1) {
      const order = compare(node.view, node.keyAt(index), node.keyLength(index), view, 0, length);
      if (order < 0) continue;
      if (order > 0 && index === start) return null;
      this.#indexes[last] = order === 0 ? index : index - 1;
      return order === 0;
    }
    return null;
  }

  /** To the last record whose key is not greater; false if there is none (then the cursor stands before the first). */
  floor(key: SearchKey): boolean {
    this.leave();
    return this.#descend((node) => floorIndex(this.#source.kind, node, key)) && this.index >= 0;
  }

  /** Stands nowhere: before a search in a tree that may have changed. */
  leave(): void {
    this.#nodes.length = 0;
    this.#indexes.length = 0;
  }

  isAt({ view, length }: SearchKey): boolean {
    const { node, index } = this;
    return (
      index >= 0 &&
      index < node.count &&
      this.#source.kind.compare(node.view, node.keyAt(index), node.keyLength(index), view, 0, length) === 0
    );
  }

  /** To the first record behind the node; false at the end. */
  nextNode(): boolean {
    this.#indexes[this.#indexes.length - 1] = this.node.count - 1;
    return this.next();
  }

  /** To the next record; false at the end. */
  next(): boolean {
    const { node, index } = this;
    if (index + 1 < node.count) {
      this.#indexes[this.#indexes.length - 1] = index + 1;
      return true;
    }
    const left = node;
    for (let depth = this.#nodes.length - 2; depth >= 0; depth -= 1) {
      const inner = this.#nodes[depth] as ReadableNode;
      const at = (this.#indexes[depth] as number) + 1;
      if (at >= inner.count) continue;
      this.#nodes.length = depth + 1;
      this.#indexes.length = depth + 1;
      this.#indexes[depth] = at;
      const isThere = this.#descend(() => 0);
      if (isThere && left.count > 0) this.#requireOrder(left);
      return isThere;
    }
    return false;
  }

  /** True if the cursor's leaf begins at or before a key, and ends at or behind it. */
  #isInLeaf({ view, length }: SearchKey): boolean {
    const node = this.#nodes.at(-1);
    if (!node || node.level > 0 || node.count === 0) return false;
    const { compare } = this.#source.kind;
    const last = node.count - 1;
    return (
      compare(node.view, node.keyAt(0), node.keyLength(0), view, 0, length) <= 0 &&
      compare(node.view, node.keyAt(last), node.keyLength(last), view, 0, length) >= 0
    );
  }

  /** From where the path ends down to a leaf. In an inner node nothing below the first entry is looked for. */
  #descend(choose: (node: ReadableNode) => number): boolean {
    if (this.#nodes.length === 0) {
      const root = this.#source.root();
      this.#push(root, choose(root));
    }
    while (this.node.level > 0) {
      if (this.#nodes.length >= TREE_DEPTH)
        throw new CorruptError('btree', 'btn_level', this.#nodes.length, `deeper than ${TREE_DEPTH} levels`);
      const child = this.#source.child(this.node, this.index);
      this.#push(child, choose(child));
    }
    return this.node.count > 0;
  }
  #push(node: ReadableNode, index: number): void {
    this.#nodes.push(node);
    this.#indexes.push(node.level > 0 ? Math.max(0, index) : index);
  }

  /** From before the first entry of a leaf onto it. */
  #settle(): boolean {
    this.#indexes[this.#indexes.length - 1] = 0;
    return true;
  }

  #requireOrder(left: ReadableNode): void {
    const { node } = this;
    const last = left.count - 1;
    const order = this.#source.kind.compare(
      left.view,
      left.keyAt(last),
      left.keyLength(last),
      node.view,
      node.keyAt(0),
      node.keyLength(0),
    );
    if (order >= 0) throw new CorruptError('btree', 'key', this.#nodes.length, 'the keys of two leaves do not ascend');
  }
}
