// One B-tree from its root in key order, without recursion: every node is visited at most once, links, heights, index
// keys and order are tested on the way (hfsplus.md 3.6), and sound leaf records are handed to a visitor where they lie.

import { NODE_KIND, NodeDescriptor } from '../structs/btree.js';
import type { ForkFile, Loaded } from './fork-file.js';
import { LIMITS } from './limits.js';
import type { Report } from './report.js';
import type { KeyRules } from './tree-keys.js';
import { offsetsProblem, recordCount, recordOffset } from './tree-node.js';

/** Called with a leaf record's key, data and end, as positions in `view`, which is good during the call only. */
export type LeafVisitor = (view: DataView, keyAt: number, dataAt: number, endAt: number) => void;

export interface WalkOptions {
  readonly file: ForkFile;
  /** For places: `catalog`, `extents`, `attributes`. */
  readonly name: string;
  readonly nodeSize: number;
  readonly totalNodes: number;
  readonly keys: KeyRules;
  readonly visit: LeafVisitor;
  /** Called every 256 nodes; may throw to cancel. */
  readonly tick: () => void;
}

/** What has been seen of one level, from left to right. */
class Level {
  lastNode = 0;
  lastForward = UNKNOWN;
  lastKeyLength = 0;
  readonly lastKey = new Uint8Array(LONGEST_KEY);
  readonly lastKeyView = new DataView(this.lastKey.buffer);
  /** The index node whose children are being visited: a copy, because the windows move on. */
  node = new Uint8Array(0);
  view = new DataView(new ArrayBuffer(0));
  next = 0;
  count = 0;
}

const UNKNOWN = -1;
const LONGEST_KEY = 520;

export class TreeWalk {
  /** Nodes reached, a bit each, most significant first. */
  readonly reached: Uint8Array;
  nodes = 0;
  leafRecords = 0;
  firstLeaf = 0;
  lastLeaf = 0;
  /** False once a node or record had to be left out. */
  complete = true;
  readonly #options: WalkOptions;
  readonly #report: Report;
  readonly #levels: Level[] = [];

  constructor(options: WalkOptions, report: Report) {
    this.#options = options;
    this.#report = report;
    this.reached = new Uint8Array(Math.ceil(options.totalNodes / 8));
  }

  isReached(node: number): boolean {
    return ((this.reached[node >>> 3] ?? 0) & (0x80 >> (node & 7))) !== 0;
  }

  markReached(node: number): void {
    this.reached[node >>> 3] = (this.reached[node >>> 3] ?? 0) | (0x80 >> (node & 7));
    this.nodes += 1;
  }

  /** Levels from this node down to a leaf, by first children; 0 if there is no way down. */
  depthBelow(root: number): number {
    const { file, nodeSize, totalNodes } = this.#options;
    for (let node = root, depth = 1; depth <= LIMITS.treeDepth + 1; depth += 1) {
      if (node === 0 || node >= totalNodes) return 0;
      const { view, at } = file.load(node * nodeSize, nodeSize);
      const kind = view.getUint8(at + NodeDescriptor.at.kind);
      if (kind === NODE_KIND.leaf) return depth;
      if (kind !== NODE_KIND.index || offsetsProblem(view, at, nodeSize) !== '' || recordCount(view, at) === 0)
        return 0;
      const end = at + recordOffset(view, at, nodeSize, 1);
      node = view.getUint32(end - 4);
    }
    return LIMITS.treeDepth + 1;
  }

  run(root: number, depth: number): void {
    for (let level = 0; level <= depth; level += 1) this.#levels.push(new Level());
    this.#visitNode(root, depth, null);
    for (let level = depth; level > 1 && level <= depth; ) {
      const frame = this.#level(level);
      if (frame.next >= frame.count) {
        level += 1;
        continue;
      }
      const record = frame.next;
      frame.next += 1;
      const child = this.#child(frame, record);
      if (child < 0) {
        this.#forgetBelow(level);
        continue;
      }
      if (this.#visitNode(child, level - 1, frame) && level - 1 > 1) level -= 1;
    }
    this.#closeLevels(depth);
  }

  #level(level: number): Level {
    const found = this.#levels[level];
    if (!found) throw new RangeError('a level of the walk');
    return found;
  }

  /** The child of an index record, or -1 if the record was found bad when its node was read. */
  #child(frame: Level, record: number): number {
    const { nodeSize } = this.#options;
    const start = recordOffset(frame.view, 0, nodeSize, record);
    const end = recordOffset(frame.view, 0, nodeSize, record + 1);
    return this.#keyProblem(frame.view, start, end) === '' && keyEnd(frame.view, start) + 4 === end
      ? frame.view.getUint32(end - 4)
      : -1;
  }

  /** True if the node could be used; an index node's copy is then in its level. */
  #visitNode(node: number, level: number, parent: Level | null): boolean {
    const { file, nodeSize, totalNodes } = this.#options;
    if (node === 0 || node >= totalNodes) {
      const from = parent ? `the index node ${parent.lastNode}` : 'the header';
      return this.#leaveOut(level, 'tree-child', node, `${from} points to node ${node} of ${totalNodes}`);
    }
    if (this.isReached(node)) return this.#leaveOut(level, 'tree-node-shared', node, 'the node is reached twice');
    this.markReached(node);
    if ((this.nodes & 0xff) === 0) this.#options.tick();
    const loaded = file.load(node * nodeSize, nodeSize);
    const { view, at } = loaded;
    const kind = view.getUint8(at + NodeDescriptor.at.kind);
    const wanted = level === 1 ? NODE_KIND.leaf : NODE_KIND.index;
    this.#checkBackward(view, at, node, level);
    if (kind !== wanted)
      return this.#leaveOut(level, 'tree-node-kind', node, `the kind is ${kind}, not ${wanted}, at height ${level}`);
    const problem = offsetsProblem(view, at, nodeSize);
    if (problem !== '') return this.#leaveOut(level, 'tree-node-structure', node, problem);
    this.#level(level).lastForward = view.getUint32(at + NodeDescriptor.at.fLink);
    this.#checkDescriptor(view, at, node, level);
    if (level === 1) {
      if (this.firstLeaf === 0) this.firstLeaf = node;
      this.lastLeaf = node;
    }
    if (recordCount(view, at) === 0) {
      this.#report.add('tree-node-empty', this.#place(node), 'the node has no records');
      return false;
    }
    this.#checkIndexKey(view, at, node, parent);
    this.#walkRecords(view, at, node, level);
    if (level > 1) this.#keep(loaded, level);
    return true;
  }

  /** The sibling to the left must be the node visited before on this level, and must point here. */
  #checkBackward(view: DataView, at: number, node: number, level: number): void {
    const state = this.#level(level);
    if (state.lastForward !== UNKNOWN && state.lastNode !== 0 && state.lastForward !== node) {
      const message = `the next node is given as ${state.lastForward}, but is ${node}`;
      this.#report.add('tree-sibling-link', this.#place(state.lastNode), message);
    }
    const backward = view.getUint32(at + NodeDescriptor.at.bLink);
    if (state.lastNode !== UNKNOWN && backward !== state.lastNode && this.#plausible(view, at, level)) {
      const message = `the previous node is given as ${backward}, but is ${state.lastNode}`;
      this.#report.add('tree-sibling-link', this.#place(node), message);
    }
    state.lastNode = node;
    state.lastForward = UNKNOWN;
  }

  /** A node of another kind gets a finding of its own; its links mean nothing. */
  #plausible(view: DataView, at: number, level: number): boolean {
    return view.getUint8(at + NodeDescriptor.at.kind) === (level === 1 ? NODE_KIND.leaf : NODE_KIND.index);
  }

  #checkDescriptor(view: DataView, at: number, node: number, level: number): void {
    const height = view.getUint8(at + NodeDescriptor.at.height);
    if (height !== level)
      this.#report.add('tree-node-height', this.#place(node), `the height is ${height}, but must be ${level}`);
    const reserved = view.getUint16(at + NodeDescriptor.at.reserved);
    if (reserved !== 0)
      this.#report.add('tree-node-reserved', this.#place(node), `the reserved field is ${reserved}, not 0`);
  }

  #checkIndexKey(view: DataView, at: number, node: number, parent: Level | null): void {
    if (!parent) return;
    const { nodeSize, keys } = this.#options;
    const first = at + recordOffset(view, at, nodeSize, 0);
    if (this.#keyProblem(view, first, at + recordOffset(view, at, nodeSize, 1)) !== '') return;
    const index = recordOffset(parent.view, 0, nodeSize, parent.next - 1);
    if (keys.compare(view, first, parent.view, index) === 0) return;
    const message = `the first key is not the key that the index node ${parent.lastNode} has for it`;
    this.#report.add('tree-index-key', this.#place(node), message);
  }

  #walkRecords(view: DataView, at: number, node: number, level: number): void {
    const { nodeSize, keys, visit } = this.#options;
    const state = this.#level(level);
    const count = recordCount(view, at);
    let previousView: DataView = state.lastKeyView;
    let previous = state.lastKeyLength === 0 ? UNKNOWN : 0;
    let start = at + recordOffset(view, at, nodeSize, 0);
    for (let record = 0; record < count; record += 1) {
      const end = at + recordOffset(view, at, nodeSize, record + 1);
      const problem = this.#keyProblem(view, start, end);
      if (problem === '') {
        if (previous !== UNKNOWN && keys.compare(previousView, previous, view, start) >= 0)
          this.#report.add('tree-key-order', this.#place(node, record), 'the key does not follow the one before it');
        previousView = view;
        previous = start;
        const dataAt = keyEnd(view, start);
        if (level === 1) {
          this.leafRecords += 1;
          visit(view, start, dataAt, end);
        } else if (dataAt + 4 !== end) this.#skipRecord('tree-index-record', node, record, 'the length is wrong');
      } else this.#skipRecord('tree-key', node, record, problem);
      start = end;
    }
    if (previousView === view && previous !== UNKNOWN) {
      state.lastKeyLength = keyEnd(view, previous) - previous;
      for (let i = 0; i < state.lastKeyLength; i += 1) state.lastKey[i] = view.getUint8(previous + i);
    }
  }

  #skipRecord(kind: 'tree-key' | 'tree-index-record', node: number, record: number, problem: string): void {
    this.complete = false;
    if (kind === 'tree-key') this.leafRecords += 1;
    this.#report.add(kind, this.#place(node, record), problem);
  }

  #keyProblem(view: DataView, start: number, end: number): string {
    const keyLength = view.getUint16(start);
    if (keyLength > this.#options.keys.maxKeyLength) return `the key length ${keyLength} is too large`;
    if ((keyLength & 1) !== 0) return `the key length ${keyLength} is odd`;
    if (keyLength < SHORTEST_KEY || start + 2 + keyLength > end)
      return `a key of ${keyLength} bytes does not fit a record of ${end - start}`;
    return this.#options.keys.problem(view, start, keyLength);
  }

  #keep(loaded: Loaded, level: number): void {
    const { nodeSize } = this.#options;
    const state = this.#level(level);
    if (state.node.length !== nodeSize) {
      state.node = new Uint8Array(nodeSize);
      state.view = new DataView(state.node.buffer);
    }
    state.node.set(loaded.bytes.subarray(loaded.at, loaded.at + nodeSize));
    state.next = 0;
    state.count = recordCount(state.view, 0);
  }

  /** The last node of a level has none after it. */
  #closeLevels(depth: number): void {
    for (let level = 1; level <= depth; level += 1) {
      const { lastForward, lastNode } = this.#level(level);
      if (lastForward === UNKNOWN || lastForward === 0) continue;
      const message = `the next node is given as ${lastForward}, but it is the last of its level`;
      this.#report.add('tree-sibling-link', this.#place(lastNode), message);
    }
  }

  #leaveOut(
    level: number,
    kind: 'tree-child' | 'tree-node-shared' | 'tree-node-kind' | 'tree-node-structure',
    node: number,
    message: string,
  ): false {
    this.complete = false;
    const state = this.#level(level);
    state.lastForward = UNKNOWN;
    if (kind === 'tree-child' || kind === 'tree-node-shared') state.lastNode = UNKNOWN;
    this.#forgetBelow(level);
    this.#report.add(kind, this.#place(node), message);
    return false;
  }

  /** What hangs below is not visited: the levels below cannot tell the left neighbour of the node that comes next. */
  #forgetBelow(level: number): void {
    for (let below = level - 1; below >= 1; below -= 1) {
      this.#level(below).lastNode = UNKNOWN;
      this.#level(below).lastForward = UNKNOWN;
    }
  }

  #place(node: number, record?: number): string {
    return `${this.#options.name} node ${node}${record === undefined ? '' : ` record ${record}`}`;
  }
}

/** The shortest of the three trees' keys: a thread's, without its length field. */
const SHORTEST_KEY = 6;

function keyEnd(view: DataView, start: number): number {
  return start + 2 + view.getUint16(start);
}
