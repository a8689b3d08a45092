// Where the nodes of a tree are: read and kept within a limit, and copied to a fresh block before their first change in a
// transaction. A node of a physical tree is named by its block, which changes with every copy; of a virtual tree by its oid.

import { type BlockDevice, CorruptError } from '@tintype/core';
import { readBlock, requireObject } from '../object.js';
import type { Spaceman } from '../spaceman.js';
import { BLOCK_SIZE } from '../structs/container.js';
import { OBJECT_TYPE } from '../structs/object.js';
import type { TreeKind } from './kinds.js';
import { checkNode, Node } from './node.js';

export interface NodeStore {
  readonly kind: TreeKind;
  /** The node that a pointer names. @throws CorruptError */
  get(pointer: number, level: number | null): Node;
  /** To be called before a node is changed: it lies in a fresh block afterwards. */
  change(node: Node): void;
  /** A new node that is no root. */
  make(level: number): Node;
  /** A node that the tree does not have any more. */
  drop(node: Node): void;
  pointerOf(node: Node): number;
  /** Nodes changed since the last commit, each in its fresh block. */
  readonly changed: Iterable<Node>;
  readonly changedCount: number;
  /** They are durable. */
  settle(): void;
}

/** What a store needs of its container. */
export interface StorePlace {
  readonly device: BlockDevice;
  readonly spaceman: Spaceman;
  readonly cacheNodes: number;
  /** Called with +1 and -1: a volume counts its blocks. */
  readonly count: (blocks: number) => void;
}

/**
 * Nodes that are read one after another share memory: to get and to give back as much for each took as long as to read it. No more
 * than two, for one that is kept, or changed, keeps the other's memory, too.
 */
const SLAB_BLOCKS = 2;

/** Nodes are kept in two generations: what the older one is still asked for moves on to the younger. */
abstract class CachedStore implements NodeStore {
  readonly kind: TreeKind;
  protected readonly place: StorePlace;
  protected readonly fresh = new Map<number, Node>();
  #young = new Map<number, Node>();
  #old = new Map<number, Node>();
  #slab = new ArrayBuffer(0);
  #nextBlock = SLAB_BLOCKS;

  constructor(kind: TreeKind, place: StorePlace) {
    this.kind = kind;
    this.place = place;
  }
  get changed(): Iterable<Node> {
    return this.fresh.values();
  }
  get changedCount(): number {
    return this.fresh.size;
  }
  get(pointer: number, level: number | null): Node {
    const known = this.#young.get(pointer) ?? this.fresh.get(pointer) ?? this.#aged(pointer);
    if (known) {
      if (level !== null && known.level !== level)
        throw new CorruptError('btree_node_phys', 'btn_level', pointer, `${known.level} where ${level} belongs`);
      return known;
    }
    const node = this.load(pointer, level === null ? 'root' : 'inner');
    checkNode(node, level, level === null ? 'root' : 'inner');
    this.keep(pointer, node);
    return node;
  }
  settle(): void {
    for (const [pointer, node] of this.fresh) {
      node.dirty = false;
      this.keep(pointer, node);
    }
    this.fresh.clear();
  }
  abstract change(node: Node): void;
  abstract make(level: number): Node;
  abstract drop(node: Node): void;
  abstract pointerOf(node: Node): number;
  protected abstract load(pointer: number, where: 'root' | 'inner'): Node;

  protected keep(pointer: number, node: Node): void {
    if (this.#young.size >= Math.max(16, this.place.cacheNodes >>> 1)) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(pointer, node);
  }
  protected forget(pointer: number): void {
    this.#young.delete(pointer);
    this.#old.delete(pointer);
  }
  #aged(pointer: number): Node | undefined {
    const node = this.#old.get(pointer);
    if (node) this.keep(pointer, node);
    return node;
  }
  /** One block of memory, of several that were asked for together. */
  #freshBytes(): Uint8Array {
    if (this.#nextBlock === SLAB_BLOCKS) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BLOCKS * BLOCK_SIZE).buffer;
      this.#nextBlock = 0;
    }
    const bytes = new Uint8Array(this.#slab, this.#nextBlock * BLOCK_SIZE, BLOCK_SIZE);
    this.#nextBlock += 1;
    return bytes;
  }
  /** A block read as a node of this tree. @throws CorruptError */
  protected read(block: number, oid: number, where: 'root' | 'inner'): Node {
    const node = new Node(this.kind, readBlock(this.place.device, block, this.#freshBytes()), block);
    const type = where === 'root' ? OBJECT_TYPE.btree : OBJECT_TYPE.btreeNode;
    requireObject(node.view, block, { structure: 'btree_node_phys', type, oid });
    return node;
  }
}

export class PhysicalStore extends CachedStore {
  pointerOf(node: Node): number {
    return node.address;
  }
  change(node: Node): void {
    if (node.dirty) return;
    const { spaceman } = this.place;
    this.forget(node.address);
    spaceman.free(node.address, 1);
    node.address = spaceman.takeMetadata();
    node.dirty = true;
    this.fresh.set(node.address, node);
  }
  make(level: number): Node {
    const node = Node.make(this.kind, level, 'inner');
    node.address = this.place.spaceman.takeMetadata();
    node.dirty = true;
    this.place.count(1);
    this.fresh.set(node.address, node);
    return node;
  }
  /** The root of a new, empty tree. */
  makeRoot(): Node {
    const node = Node.make(this.kind, 0, 'root');
    node.address = this.place.spaceman.takeMetadata();
    node.dirty = true;
    this.place.count(1);
    this.fresh.set(node.address, node);
    return node;
  }
  drop(node: Node): void {
    this.fresh.delete(node.address);
    this.forget(node.address);
    this.place.count(-1);
    this.place.spaceman.free(node.address, 1);
  }
  protected load(pointer: number, where: 'root' | 'inner'): Node {
    return this.read(pointer, pointer, where);
  }
}

/** What an object map does for a virtual tree. */
export interface ObjectPlaces {
  /** The block of a live object. @throws CorruptError if there is none */
  find(oid: number): number;
  /** A new oid, mapped to `block`. */
  add(block: number): number;
  /** From now on the object lies in `block`; answers whether its old block may be freed: no snapshot sees it. */
  move(oid: number, block: number): 'free' | 'kept';
  /** The object is gone; as `move`. */
  remove(oid: number): 'free' | 'kept';
}

export class VirtualStore extends CachedStore {
  readonly #places: ObjectPlaces;

  constructor(kind: TreeKind, place: StorePlace, places: ObjectPlaces) {
    super(kind, place);
    this.#places = places;
  }
  pointerOf(node: Node): number {
    return node.oid;
  }
  change(node: Node): void {
    if (node.dirty) return;
    const { spaceman, count } = this.place;
    const { oid } = node;
    const block = spaceman.takeMetadata();
    if (this.#places.move(oid, block) === 'free') spaceman.free(node.address, 1);
    else count(1);
    node.address = block;
    node.dirty = true;
    this.forget(oid);
    this.fresh.set(oid, node);
  }
  make(level: number): Node {
    const node = Node.make(this.kind, level, 'inner');
    node.address = this.place.spaceman.takeMetadata();
    node.dirty = true;
    const oid = this.#places.add(node.address);
    node.setHeader(oid, 0);
    this.place.count(1);
    this.fresh.set(oid, node);
    return node;
  }
  drop(node: Node): void {
    const { oid } = node;
    this.fresh.delete(oid);
    this.forget(oid);
    if (this.#places.remove(oid) === 'free') {
      this.place.count(-1);
      this.place.spaceman.free(node.address, 1);
    }
  }
  protected load(pointer: number, where: 'root' | 'inner'): Node {
    return this.read(this.#places.find(pointer), pointer, where);
  }
}
