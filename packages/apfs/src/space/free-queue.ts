// Blocks that were freed, but that a checkpoint still refers to: by the transaction that freed them. The queue's tree is
// ephemeral and written anew with every checkpoint, so it is kept as plain lists and packed each time.

import { CorruptError } from '@tintype/core';
import { FREE_QUEUE_TREE } from '../btree/kinds.js';
import { checkNode, Node, RecordBuffer } from '../btree/node.js';
import { get64, put64 } from '../object.js';
import { BtreeInfo } from '../structs/btree.js';
import { BLOCK_SIZE } from '../structs/container.js';
import { FreeQueue as FreeQueueHead, FreeQueueKey } from '../structs/spaceman.js';

/** Records that fit a root, a leaf, and children that fit a root and an inner node. */
const IN_ROOT = 142;
const IN_NODE = 144;

/** Reads an ephemeral object of one block. @throws CorruptError */
export type ReadEphemeral = (oid: number) => Uint8Array;

export class FreeQueue {
  readonly nodeLimit: number;
  readonly #isUsable: boolean;
  readonly #room: number;
  #rootOid: number;
  /** Oids of the other nodes, used again from commit to commit. */
  readonly #oids: number[] = [];
  /** By transaction: start and count, start and count … */
  readonly #ranges = new Map<number, number[]>();
  #blocks = 0;

  /**
   * `at`: where the queue's head stands in the space manager; `room`: nodes that a checkpoint has room for.
   * @throws CorruptError
   */
  constructor(spaceman: DataView, at: number, read: ReadEphemeral, room = Number.POSITIVE_INFINITY) {
    this.#room = room;
    this.nodeLimit = spaceman.getUint16(at + FreeQueueHead.at.sfq_tree_node_limit, true);
    this.#rootOid = get64(spaceman, at + FreeQueueHead.at.sfq_tree_oid);
    this.#isUsable = this.nodeLimit > 0;
    if (this.#rootOid > 0) this.#load(read);
    const count = get64(spaceman, at + FreeQueueHead.at.sfq_count);
    if (count !== this.#blocks)
      throw new CorruptError(
        'spaceman_free_queue',
        'sfq_count',
        at,
        `${count} blocks, of which ${this.#blocks} are there`,
      );
  }

  #load(read: ReadEphemeral): void {
    const waiting = [{ oid: this.#rootOid, level: -1 }];
    let nodes = 0;
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      nodes += 1;
      if (nodes > this.nodeLimit)
        throw new CorruptError('spaceman_free_queue', 'sfq_tree_node_limit', next.oid, 'more nodes than the limit');
      const node = new Node(FREE_QUEUE_TREE, read(next.oid), 0);
      checkNode(node, next.level < 0 ? null : next.level, next.level < 0 ? 'root' : 'inner');
      if (next.level >= 0) this.#oids.push(next.oid);
      for (let i = 0; i < node.count; i += 1) {
        if (node.level > 0) waiting.push({ oid: node.childAt(i), level: node.level - 1 });
        else this.#take(node, i);
      }
    }
  }
  #take(node: Node, index: number): void {
    const value = node.valueAt(index);
    const key = node.keyAt(index);
    const count = value < 0 ? 1 : get64(node.view, value);
    const start = get64(node.view, key + FreeQueueKey.at.sfqk_paddr);
    if (count === 0 || start === 0) throw new CorruptError('spaceman_free_queue', 'length', start, `${count} blocks`);
    this.add(get64(node.view, key), start, count);
  }

  get blocks(): number {
    return this.#blocks;
  }
  /** Blocks that transactions before `xid` freed. */
  blocksBefore(xid: number): number {
    let sum = 0;
    for (const [each, ranges] of this.#ranges) {
      if (each < xid) for (let i = 1; i < ranges.length; i += 2) sum += ranges[i] as number;
    }
    return sum;
  }
  /** All that is in the queue. */
  each(visit: (start: number, count: number) => void): void {
    for (const ranges of this.#ranges.values())
      for (let i = 0; i < ranges.length; i += 2) visit(ranges[i] as number, ranges[i + 1] as number);
  }
  /** Records at most, before touching ranges are joined. */
  get records(): number {
    let sum = 0;
    for (const ranges of this.#ranges.values()) sum += ranges.length / 2;
    return sum;
  }
  /** Records that the tree can hold. */
  get capacity(): number {
    const nodes = Math.min(this.nodeLimit, this.#room);
    if (nodes < 3) return IN_ROOT;
    const leaves = nodes - 1;
    return IN_NODE * (leaves <= IN_ROOT ? leaves : leaves - Math.ceil(leaves / IN_NODE));
  }

  add(xid: number, start: number, count: number): void {
    let ranges = this.#ranges.get(xid);
    if (!ranges) {
      ranges = [];
      this.#ranges.set(xid, ranges);
    }
    this.#blocks += count;
    const last = ranges.length - 2;
    if (last >= 0 && (ranges[last] as number) + (ranges[last + 1] as number) === start)
      ranges[last + 1] = (ranges[last + 1] as number) + count;
    else ranges.push(start, count);
  }

  /** Takes out all that transactions up to `xid` freed. */
  release(xid: number, each: (start: number, count: number) => void): void {
    for (const key of [...this.#ranges.keys()]) {
      if (key > xid) continue;
      const ranges = this.#joined(key);
      this.#ranges.delete(key);
      for (let i = 0; i < ranges.length; i += 2) {
        this.#blocks -= ranges[i + 1] as number;
        each(ranges[i] as number, ranges[i + 1] as number);
      }
    }
  }

  /** Ranges of one transaction, ascending, touching ones joined. */
  #joined(xid: number): number[] {
    const ranges = this.#ranges.get(xid) ?? [];
    const order = Array.from({ length: ranges.length / 2 }, (_, i) => 2 * i);
    order.sort((a, b) => (ranges[a] as number) - (ranges[b] as number));
    const joined: number[] = [];
    for (const i of order) {
      const start = ranges[i] as number;
      const count = ranges[i + 1] as number;
      const last = joined.length - 2;
      if (last >= 0 && (joined[last] as number) + (joined[last + 1] as number) === start)
        joined[last + 1] = (joined[last + 1] as number) + count;
      else joined.push(start, count);
    }
    this.#ranges.set(xid, joined);
    return joined;
  }

  /** Joins what touches; true if the tree can hold all records. */
  fits(): boolean {
    for (const xid of this.#ranges.keys()) this.#joined(xid);
    return this.records <= this.capacity;
  }

  /** The nodes of the tree, root first, and the head in the space manager. `newOid` gives oids to new nodes. */
  pack(spaceman: DataView, at: number, newOid: () => number): { oid: number; node: Node }[] {
    if (!this.#isUsable) return [];
    const xids = [...this.#ranges.keys()].sort((a, b) => a - b);
    if (this.#rootOid === 0) this.#rootOid = newOid();
    put64(spaceman, at + FreeQueueHead.at.sfq_count, this.#blocks);
    put64(spaceman, at + FreeQueueHead.at.sfq_tree_oid, this.#rootOid);
    put64(spaceman, at + FreeQueueHead.at.sfq_oldest_xid, xids[0] ?? 0);
    const leaves = this.#leaves(xids);
    const nodes: { oid: number; node: Node }[] = [];
    const oidOf = (index: number): number => {
      for (; this.#oids.length <= index; ) this.#oids.push(newOid());
      return this.#oids[index] as number;
    };
    let level = leaves;
    let keys = 0;
    for (const leaf of leaves) keys += leaf.count;
    for (let height = 1; level.length > 1; height += 1) {
      const isTop = level.length <= IN_ROOT;
      const most = mostOf(level.length);
      const above: Node[] = [];
      for (const child of level) {
        const oid = oidOf(nodes.length);
        nodes.push({ oid, node: child });
        let parent = above.at(-1);
        if (parent?.count === most || !parent?.insertChild(parent.count, child, oid)) {
          parent = Node.make(FREE_QUEUE_TREE, height, isTop ? 'root' : 'inner');
          parent.insertChild(0, child, oid);
          above.push(parent);
        }
      }
      level = above;
    }
    const root = level[0] as Node;
    const info = BLOCK_SIZE - BtreeInfo.size;
    put64(root.view, info + BtreeInfo.at.bt_key_count, keys);
    put64(root.view, info + BtreeInfo.at.bt_node_count, nodes.length + 1);
    return [{ oid: this.#rootOid, node: root }, ...nodes];
  }

  #leaves(xids: readonly number[]): Node[] {
    for (const xid of xids) this.#joined(xid);
    const place = this.records <= IN_ROOT ? 'root' : 'inner';
    const most = mostOf(this.records);
    const leaves = [Node.make(FREE_QUEUE_TREE, 0, place)];
    const record = new RecordBuffer();
    record.keyLength = FreeQueueKey.size;
    for (const xid of xids) {
      const ranges = this.#ranges.get(xid) ?? [];
      for (let i = 0; i < ranges.length; i += 2) {
        const count = ranges[i + 1] as number;
        put64(record.view, FreeQueueKey.at.sfqk_xid, xid);
        put64(record.view, FreeQueueKey.at.sfqk_paddr, ranges[i] as number);
        put64(record.view, FreeQueueKey.size, count);
        record.valueLength = count === 1 ? 0 : 8;
        const leaf = leaves.at(-1) as Node;
        if (leaf.count < most && leaf.insert(leaf.count, record)) continue;
        const next = Node.make(FREE_QUEUE_TREE, 0, 'inner');
        next.insert(0, record);
        leaves.push(next);
      }
    }
    return leaves;
  }
}

/** Entries of a node: what fits a node, but not a root, must not stand in one node that is no root. */
function mostOf(entries: number): number {
  return entries > IN_ROOT && entries <= IN_NODE ? Math.ceil(IN_NODE / 2) : IN_NODE;
}
