// The file that a B-tree's nodes lie in: loading, caching, allocating, freeing, growing, and what a commit must write.
//
// Invariants: unused nodes are zero, on disk and here; nodes numbered `committedNodes` and above lie in blocks that no
// fork of the last commit holds, so they may be written without the journal.

import { type BlockDevice, CorruptError } from '@tintype/core';
import type { SpecialFork } from '../special-fork.js';
import { HEADER_MAP_AT, HEADER_RECORD_AT, HeaderRecord, NODE_KIND } from '../structs/btree.js';
import { Node } from './node.js';

/** Nodes taken from committed, free ones before the file grows instead: those go through the journal. */
const JOURNALED_ALLOCATIONS = 24;

export class NodeFile {
  readonly nodeSize: number;
  readonly #device: BlockDevice;
  readonly #fork: SpecialFork;
  readonly #name: string;
  readonly #cache = new Map<number, Node>();
  readonly #cacheLimit: number;
  /** Nodes at which it is worth while to look for some to drop. */
  #trimAt: number;
  /** Bits of the map, all map nodes in a row. */
  #map: Uint8Array;
  /** Numbers of the map nodes, in order; node 0 is the first. */
  readonly #mapNodes: number[] = [0];
  totalNodes: number;
  freeNodes: number;
  committedNodes: number;
  #journaled = 0;
  /** Nodes in use among those from `committedNodes` on. */
  #freshUsed = 0;
  #search = 0;
  #freshSearch = 0;
  /** Changes whenever a cached node was dropped: whoever keeps nodes across operations must look them up again. */
  generation = 0;

  constructor(device: BlockDevice, fork: SpecialFork, name: string, cacheBytes: number) {
    this.#device = device;
    this.#fork = fork;
    this.#name = name;
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
    if (cached) return cached;
    if (number >= this.totalNodes)
      throw new CorruptError(this.#name, 'node', number, `there are ${this.totalNodes} nodes`);
    const bytes = new Uint8Array(this.nodeSize);
    const place = number * this.nodeSize;
    this.#device.read(this.#fork.position(place, this.nodeSize), bytes);
    const node = new Node(number, bytes);
    node.validate(this.#name, place);
    this.#cache.set(number, node);
    return node;
  }

  /** Drops clean nodes beyond the limit. To be called between operations only. */
  trim(): void {
    if (this.#cache.size <= this.#trimAt) return;
    for (const [number, node] of this.#cache) {
      if (this.#cache.size <= this.#cacheLimit * 0.75) break;
      if (!node.dirty && number !== 0) this.#cache.delete(number);
    }
    // Changed nodes stay until the commit: looking through them again at each call would cost more than it frees.
    this.#trimAt = Math.max(this.#cacheLimit, Math.ceil(this.#cache.size * 1.25));
    this.generation += 1;
  }

  /** Makes sure that `count` nodes can be allocated. @throws VolumeFullError, with nothing changed */
  reserve(count: number): void {
    if (this.#journaled + count > JOURNALED_ALLOCATIONS ? this.#freshFree() < count : this.freeNodes < count)
      this.grow(count);
  }

  allocate(kind: number, height: number): Node {
    const useFresh = this.#journaled >= JOURNALED_ALLOCATIONS && this.#freshFree() > 0;
    const number = this.#findFree(useFresh ? this.committedNodes : 0) ?? this.#findFree(0);
    if (number === null) throw new CorruptError(this.#name, 'freeNodes', 0, 'the map has no free node left');
    this.#setUsed(number, true);
    if (number < this.committedNodes) this.#journaled += 1;
    const node = new Node(number, new Uint8Array(this.nodeSize));
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

  /** Adds at least `count` nodes in new blocks. @throws VolumeFullError */
  grow(count: number): void {
    const { grownBytes } = this.#fork.grow(count * this.nodeSize, this.nodeSize);
    const added = grownBytes / this.nodeSize;
    this.totalNodes += added;
    this.freeNodes += added;
    this.#extendMap();
  }

  /** After a commit: everything allocated so far is committed. */
  settle(): void {
    this.committedNodes = this.totalNodes;
    this.#journaled = 0;
    this.#freshUsed = 0;
    this.#trimAt = this.#cacheLimit;
    for (const node of this.#cache.values()) node.dirty = false;
  }

  /** Changed nodes, ascending. Before: `prepare` has written header and map into them. */
  *dirtyNodes(): Generator<Node> {
    const dirty: Node[] = [];
    for (const node of this.#cache.values()) if (node.dirty) dirty.push(node);
    yield* dirty.sort((a, b) => a.number - b.number);
  }

  /** Bytes changed in nodes that the last commit holds: they go through the journal. */
  get journaledBytes(): number {
    let bytes = 0;
    for (const node of this.#cache.values())
      if (node.dirty && node.number < this.committedNodes) bytes += this.nodeSize;
    return bytes;
  }

  /** Bytes changed in other nodes: they wait in memory. */
  get freshBytes(): number {
    return this.#freshUsed * this.nodeSize;
  }
  get hasChanges(): boolean {
    for (const node of this.#cache.values()) if (node.dirty) return true;
    return false;
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
      const node = this.allocate(NODE_KIND.map, 0);
      node.view.setUint16(10, 1);
      node.view.setUint16(this.nodeSize - 4, this.nodeSize - 6);
      last.fLink = node.number;
      last.dirty = true;
      this.#mapNodes.push(node.number);
      this.#map = Buffer.concat([this.#map, new Uint8Array(this.nodeSize - 20)]);
    }
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

  /** The first free node from `from` on. `#search` and `#freshSearch` remember where the last one was found. */
  #findFree(from: number): number | null {
    const isFresh = from === this.committedNodes && from > 0;
    const covered = Math.min(this.totalNodes, this.#map.length * 8);
    for (let n = isFresh ? Math.max(from, this.#freshSearch) : this.#search; n < covered; n += 1) {
      if ((n & 7) === 0 && this.#map[n >> 3] === 0xff) n += 7;
      else if (!this.#isUsed(n)) {
        if (isFresh) this.#freshSearch = n;
        else this.#search = n;
        return n;
      }
    }
    return null;
  }
}
