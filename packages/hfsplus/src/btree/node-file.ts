// The file that a B-tree's nodes lie in: loading, caching, allocating, freeing, growing, and what a commit must write.
//
// Invariants: unused nodes are zero, on disk and here; nodes numbered `committedNodes` and above lie in blocks that no
// fork of the last commit holds, so they may be written without the journal.

import { type BlockDevice, CorruptError, VolumeFullError } from '@tintype/core';
import type { SpecialFork } from '../special-fork.js';
import { HEADER_MAP_AT, HEADER_RECORD_AT, HeaderRecord, NODE_KIND } from '../structs/btree.js';
import { type KeyTest, Node } from './node.js';

/** Committed, free nodes that are taken before the file grows instead, at the least: those go through the journal. */
const LEAST_JOURNALED = 24;
/** Bytes by which a file grows, at the least: each commit may leave about so much unused. */
const LEAST_GROWTH = 1 << 20;

/** Bytes that a walk along the leaves reads at once: most of them lie one after another. */
const READ_AHEAD = 128 << 10;

export interface NodeFileOptions {
  readonly name: string;
  readonly cacheBytes: number;
  readonly keyFits: KeyTest;
}

export class NodeFile {
  readonly nodeSize: number;
  readonly #device: BlockDevice;
  readonly #fork: SpecialFork;
  readonly #name: string;
  readonly #keyFits: KeyTest;
  readonly #cache = new Map<number, Node>();
  readonly #dirty = new Set<Node>();
  readonly #becameDirty = (node: Node): void => {
    this.#dirty.add(node);
    if (node.number < this.committedNodes) this.#journaledDirty += 1;
  };
  /** Changed nodes that the last commit holds. */
  #journaledDirty = 0;
  readonly #cacheLimit: number;
  /** Nodes as they lie on the device, from number `#aheadFirst` on; forgotten at each commit. */
  #ahead = new Uint8Array(0);
  #aheadFirst = 0;
  /** Nodes at which it is worth while to look for some to drop. */
  #trimAt: number;
  /** Bits of the map, all map nodes in a row. */
  #map: Uint8Array;
  /** Numbers of the map nodes, in order; node 0 is the first. */
  readonly #mapNodes: number[] = [0];
  totalNodes: number;
  freeNodes: number;
  committedNodes: number;
  /** Nodes taken since the last commit that lie in its blocks, and how many may be. */
  #journaled = 0;
  journaledLimit = LEAST_JOURNALED;
  /** Nodes in use among those from `committedNodes` on. */
  #freshUsed = 0;
  #search = 0;
  #freshSearch = 0;
  /** Changes whenever a cached node was dropped: whoever keeps nodes across operations must look them up again. */
  generation = 0;

  constructor(device: BlockDevice, fork: SpecialFork, { name, cacheBytes, keyFits }: NodeFileOptions) {
    this.#device = device;
    this.#fork = fork;
    this.#name = name;
    this.#keyFits = keyFits;
    const first = new DataView(new ArrayBuffer(512));
    device.read(fork.position(0, 512), new Uint8Array(first.buffer));
    const record = HeaderRecord.read(first, HEADER_RECORD_AT);
    const { nodeSize } = record;
    if (nodeSize < 512 || nodeSize > 32_768 || (nodeSize & (nodeSize - 1)) !== 0)
      throw HeaderRecord.corrupt(first, HEADER_RECORD_AT, 'nodeSize', 'no power of two from 512 to 32768');
    if (record.totalNodes * nodeSize > fork.size || record.totalNodes === 0)
      throw HeaderRecord.corrupt(
        first,
        HEADER_RECORD_AT,
        'totalNodes',
        `the file holds ${Math.floor(fork.size / nodeSize)}`,
      );
    if (record.freeNodes >= record.totalNodes)
      throw HeaderRecord.corrupt(first, HEADER_RECORD_AT, 'freeNodes', 'more than there are nodes');
    this.nodeSize = nodeSize;
    this.totalNodes = record.totalNodes;
    this.freeNodes = record.freeNodes;
    this.committedNodes = record.totalNodes;
    this.#cacheLimit = Math.max(64, Math.floor(cacheBytes / nodeSize));
    this.#trimAt = this.#cacheLimit;
    this.#map = this.#readMap();
  }

  get header(): Node {
    return this.node(0);
  }

  node(number: number): Node {
    const cached = this.#cache.get(number);
    if (cached) {
      cached.touched = true;
      return cached;
    }
    if (number >= this.totalNodes)
      throw new CorruptError(this.#name, 'node', number, `there are ${this.totalNodes} nodes`);
    const place = number * this.nodeSize;
    const at = (number - this.#aheadFirst) * this.nodeSize;
    let bytes: Uint8Array;
    if (at >= 0 && at < this.#ahead.length) bytes = this.#ahead.slice(at, at + this.nodeSize);
    else {
      bytes = new Uint8Array(this.nodeSize);
      this.#device.read(this.#fork.position(place, this.nodeSize), bytes);
    }
    const node = new Node(number, bytes, this.#becameDirty);
    node.validate(this.#name, place, this.#keyFits);
    this.#cache.set(number, node);
    return node;
  }

  /** As `node`, for walks along the leaves: those that follow on the device are read with it. */
  nextNode(number: number): Node {
    const at = (number - this.#aheadFirst) * this.nodeSize;
    const isAhead = at >= 0 && at < this.#ahead.length;
    if (!isAhead && number < this.totalNodes && !this.#cache.has(number)) this.#readAhead(number);
    return this.node(number);
  }

  #readAhead(number: number): void {
    const place = number * this.nodeSize;
    const wanted = Math.min(READ_AHEAD, this.totalNodes * this.nodeSize - place);
    const length = this.#fork.contiguous(place, wanted);
    if (length < 2 * this.nodeSize) return;
    const buffer = this.#ahead.buffer.byteLength >= READ_AHEAD ? this.#ahead.buffer : new ArrayBuffer(READ_AHEAD);
    this.#ahead = new Uint8Array(buffer, 0, length - (length % this.nodeSize));
    this.#aheadFirst = number;
    try {
      this.#device.read(this.#fork.position(place, this.#ahead.length), this.#ahead);
    } catch {
      // The node that was asked for is read by itself, and tells what is wrong if it is that one.
      this.#ahead = this.#ahead.subarray(0, 0);
    }
  }

  /** Drops clean nodes beyond the limit, those used lately last. To be called between operations only. */
  trim(): void {
    if (this.#cache.size <= this.#trimAt) return;
    const wanted = this.#cacheLimit * 0.75;
    for (let pass = 0; pass < 2 && this.#cache.size > wanted; pass += 1)
      for (const [number, node] of this.#cache) {
        if (this.#cache.size <= wanted) break;
        if (node.dirty || number === 0) continue;
        if (node.touched) node.touched = false;
        else this.#cache.delete(number);
      }
    // Changed nodes stay until the commit: looking through them again at each call would cost more than it frees.
    this.#trimAt = Math.max(this.#cacheLimit, Math.ceil(this.#cache.size * 1.25));
    this.generation += 1;
  }

  /**
   * Makes sure that `count` nodes can be allocated, in new blocks if the journal shall not hold more of them.
   * @throws VolumeFullError, with nothing changed
   */
  reserve(count: number): void {
    if (this.freeNodes < count) this.grow(count);
    else if (this.#journaled + count > this.journaledLimit && this.#freshFree() < count) {
      try {
        this.grow(count);
      } catch (error) {
        // Then committed nodes are used after all: they are free.
        if (!(error instanceof VolumeFullError)) throw error;
      }
    }
  }

  allocate(kind: number, height: number): Node {
    const useFresh = this.#journaled >= this.journaledLimit && this.#freshFree() > 0;
    const number = (useFresh ? this.#findFresh() : null) ?? this.#findFree();
    if (number === null) throw new CorruptError(this.#name, 'freeNodes', 0, 'the map has no free node left');
    this.#setUsed(number, true);
    if (number < this.committedNodes) this.#journaled += 1;
    const old = this.#cache.get(number);
    if (old) this.#forget(old);
    const node = new Node(number, new Uint8Array(this.nodeSize), this.#becameDirty);
    node.init(kind, height);
    node.dirty = true;
    this.#cache.set(number, node);
    return node;
  }

  free(node: Node): void {
    node.bytes.fill(0);
    node.dirty = true;
    this.#setUsed(node.number, false);
  }

  /** Adds at least `count` nodes in new blocks; the more, the more of them this commit has used. @throws VolumeFullError */
  grow(count: number): void {
    const wanted = Math.max(LEAST_GROWTH, this.#freshUsed * this.nodeSize);
    const { grownBytes } = this.#fork.grow(count * this.nodeSize, wanted, this.nodeSize);
    const added = grownBytes / this.nodeSize;
    this.totalNodes += added;
    this.freeNodes += added;
    this.#extendMap();
  }

  /** After a commit: everything allocated so far is committed. */
  settle(): void {
    this.committedNodes = this.totalNodes;
    this.#ahead = this.#ahead.subarray(0, 0);
    this.#journaled = 0;
    this.#freshUsed = 0;
    this.#trimAt = this.#cacheLimit;
    for (const node of this.#dirty) node.dirty = false;
    this.#dirty.clear();
    this.#journaledDirty = 0;
  }

  /** Changed nodes, ascending. Before: `putMap` has written the map into them. */
  dirtyNodes(): Node[] {
    return [...this.#dirty].sort((a, b) => a.number - b.number);
  }

  /** Bytes changed in nodes that the last commit holds: they go through the journal. */
  get journaledBytes(): number {
    return this.#journaledDirty * this.nodeSize;
  }

  /** Bytes changed in other nodes: they wait in memory. */
  get freshBytes(): number {
    return (this.#dirty.size - this.#journaledDirty) * this.nodeSize;
  }
  get hasChanges(): boolean {
    return this.#dirty.size > 0;
  }

  /** Where a node lies on the device. */
  position(node: Node): number {
    return this.#fork.position(node.number * this.nodeSize, this.nodeSize);
  }

  /** Writes counts and map bits into header and map nodes. */
  putMap(): void {
    let done = 0;
    for (const [i, number] of this.#mapNodes.entries()) {
      const node = this.node(number);
      const start = i === 0 ? HEADER_MAP_AT : 14;
      const length = this.#mapBytes(i);
      const part = this.#map.subarray(done, done + length);
      if (Buffer.compare(part, node.bytes.subarray(start, start + length)) !== 0) {
        node.bytes.set(part, start);
        node.dirty = true;
      }
      done += length;
    }
  }

  #mapBytes(index: number): number {
    return index === 0 ? this.nodeSize - 256 : this.nodeSize - 20;
  }

  #readMap(): Uint8Array {
    const parts: Uint8Array[] = [];
    let number = 0;
    let covered = 0;
    for (let i = 0; ; i += 1) {
      const node = this.node(number);
      if (node.kind !== (i === 0 ? NODE_KIND.header : NODE_KIND.map))
        throw new CorruptError(this.#name, 'kind', number, 'is no map node');
      const start = i === 0 ? HEADER_MAP_AT : 14;
      parts.push(node.bytes.slice(start, start + this.#mapBytes(i)));
      covered += this.#mapBytes(i) * 8;
      number = node.fLink;
      if (number === 0) break;
      if (covered >= this.totalNodes || this.#mapNodes.includes(number))
        throw new CorruptError(this.#name, 'fLink', number, 'more map nodes than the file needs');
      this.#mapNodes.push(number);
    }
    if (covered < this.totalNodes)
      throw new CorruptError(this.#name, 'map', 0, `covers ${covered} of ${this.totalNodes} nodes`);
    return Buffer.concat(parts);
  }

  /** A map node for every `(nodeSize - 20) * 8` nodes that the map so far does not cover; each takes a node itself. */
  #extendMap(): void {
    while (this.#map.length * 8 < this.totalNodes) {
      const last = this.node(this.#mapNodes.at(-1) as number);
      this.#map = Buffer.concat([this.#map, new Uint8Array(this.nodeSize - 20)]);
      const node = this.allocate(NODE_KIND.map, 0);
      node.view.setUint16(10, 1);
      node.view.setUint16(this.nodeSize - 4, this.nodeSize - 6);
      last.fLink = node.number;
      last.dirty = true;
      this.#mapNodes.push(node.number);
    }
  }

  #forget(node: Node): void {
    if (!this.#dirty.delete(node)) return;
    if (node.number < this.committedNodes) this.#journaledDirty -= 1;
  }

  #freshFree(): number {
    return this.totalNodes - this.committedNodes - this.#freshUsed;
  }

  #isUsed(number: number): boolean {
    return ((this.#map[number >> 3] as number) & (0x80 >> (number & 7))) !== 0;
  }

  #setUsed(number: number, used: boolean): void {
    const bit = 0x80 >> (number & 7);
    const byte = this.#map[number >> 3] as number;
    this.#map[number >> 3] = used ? byte | bit : byte & ~bit;
    this.freeNodes += used ? -1 : 1;
    if (number >= this.committedNodes) this.#freshUsed += used ? 1 : -1;
    if (used) return;
    this.#search = Math.min(this.#search, number);
    this.#freshSearch = Math.min(this.#freshSearch, number);
  }

  #findFree(): number | null {
    const found = this.#firstFree(this.#search);
    if (found !== null) this.#search = found;
    return found;
  }
  #findFresh(): number | null {
    const found = this.#firstFree(Math.max(this.committedNodes, this.#freshSearch));
    if (found !== null) this.#freshSearch = found;
    return found;
  }

  #firstFree(from: number): number | null {
    const covered = Math.min(this.totalNodes, this.#map.length * 8);
    for (let n = from; n < covered; n += 1) {
      if ((n & 7) === 0 && this.#map[n >> 3] === 0xff) n += 7;
      else if (!this.#isUsed(n)) return n;
    }
    return null;
  }
}
