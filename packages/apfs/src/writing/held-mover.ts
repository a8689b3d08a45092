// Data of snapshots that lies behind the new end of a container goes before it, each stretch whole, so that no leaf needs another
// record.
//
// One transaction moves a stretch in all states of its volume: every version of a leaf that names it is copied to another block with
// the new place in it, and stays the version of the same transaction; records of extent references get other keys, in the tree
// of the volume and in those of the snapshots. A cut leaves all of it, or nothing.

import { assert, CorruptError, VolumeFullError } from '@tintype/core';
import type { Node } from '../btree/node.js';
import type { Tree } from '../btree/tree.js';
import { put64, seal } from '../object.js';
import type { ObjectVersion } from '../object-map.js';
import { ExtentReferences } from '../records/extent-references.js';
import { COMMIT_BLOCKS, type Confinement } from '../spaceman.js';
import { BLOCK_SIZE } from '../structs/container.js';
import { FileExtentValue } from '../structs/records.js';
import type { Container } from './container.js';
import { copyBlocks } from './data-mover.js';
import { eachExtent, leafOf, leafVersions } from './held-stretches.js';
import type { Mounted } from './mounted.js';
import type { HeldMove, ShrinkPlan } from './size-limits.js';
import { SnapshotWriter } from './snapshot-writer.js';

/** Bytes of records that a node which is made new has at least. */
const NODE_BYTES = 1500;
/** Bytes of a record of extent references, with its key, twice: it may be cut. */
const RECORD_BYTES = 120;

/** A leaf that changes. */
interface ChangedLeaf {
  /** Where it is now. */
  version: ObjectVersion;
  /** Moves that change it and are still to come, the last one first. */
  readonly ranks: number[];
}
/** Extent references that change; `xid` null: those of the volume as it is. */
interface ChangedReferences {
  readonly xid: number | null;
  readonly tree: Tree;
}

export class HeldMover {
  readonly #container: Container;
  readonly #confinement: Confinement;
  /** Ascending in each volume. */
  readonly #moves: readonly HeldMove[];

  /** `plan` is of the container as it is on the device. */
  constructor(container: Container, plan: ShrinkPlan) {
    this.#container = container;
    this.#confinement = plan;
    this.#moves = [...plan.moves].sort((a, b) => a.stretch.start - b.stretch.start);
  }

  /**
   * Nothing waits for a commit, before and after. What is known of the volumes' trees does not hold afterwards: the container is
   * to be opened anew. @throws VolumeFullError, with the moves done that were committed
   */
  run(): void {
    if (this.#moves.length === 0) return;
    // Nobody else takes the places that stretches go to.
    const { limit, kept } = this.#confinement;
    const places = this.#moves.map(({ stretch, to }) => ({ start: to, count: stretch.count }));
    this.#container.spaceman.confine({ limit, kept: [...kept, ...places] });
    // What only older checkpoints hold is free after two more, and some of it may have been given to a stretch.
    this.#container.unmount();
    this.#container.unmount();
    for (const volume of this.#container.volumes) {
      const all = this.#moves.filter(({ stretch }) => stretch.volume === volume);
      const waiting = new Waiting(volume, all);
      while (waiting.done < waiting.count) this.#moveSome(volume, waiting);
    }
  }

  /** As many moves as there is room for. */
  #moveSome(volume: Mounted, waiting: Waiting): void {
    const { moves, done } = waiting;
    const end = done + this.#mostAtOnce(volume, waiting);
    const some = Array.from({ length: end - done }, (_, i) => moves.at(done + i));
    for (const move of some.sort((a, b) => a.stretch.start - b.stretch.start)) this.#copy(volume, move);
    for (const leaf of waiting.leavesBefore(end)) leaf.version = moveLeaf(volume, leaf.version, { moves, end });
    this.#moveReferences(volume, waiting, end);
    this.#container.commit();
    waiting.done = end;
  }

  /** How many of the moves, at least one, go into one transaction. @throws VolumeFullError */
  #mostAtOnce(volume: Mounted, waiting: Waiting): number {
    const { spaceman } = volume.place;
    const cost = new Cost(volume);
    for (let rank = waiting.done; rank < waiting.count; rank += 1) {
      cost.add(waiting, rank);
      const isFirst = rank === waiting.done;
      const { blocks, freed } = cost;
      if (blocks <= spaceman.available && (isFirst || !spaceman.isCommitDue(freed))) continue;
      if (isFirst) throw spaceman.full(blocks);
      return rank - waiting.done;
    }
    return waiting.count - waiting.done;
  }

  #copy(volume: Mounted, { stretch, to }: HeldMove): void {
    const { device, spaceman } = volume.place;
    if (!spaceman.takeKept(to, stretch.count)) throw new VolumeFullError(stretch.count * BLOCK_SIZE, 0);
    copyBlocks(device, stretch, to);
    spaceman.free(stretch.start, stretch.count);
    volume.add('apfs_total_blocks_alloced', stretch.count);
    volume.add('apfs_total_blocks_freed', stretch.count);
  }

  /** @throws CorruptError unless each block is one of just one state */
  #moveReferences(volume: Mounted, waiting: Waiting, end: number): void {
    const snapshots = new SnapshotWriter(volume);
    const { moves, done } = waiting;
    const owned = new Float64Array(end - done);
    for (const [{ xid, tree }, ranks] of waiting.referencesBefore(end)) {
      const records = new ExtentReferences(volume, xid === null ? null : tree);
      for (const rank of ranks) {
        const { stretch, to } = moves.at(rank);
        owned[rank - done] = (owned[rank - done] as number) + records.shift(stretch.start, stretch.count, to);
      }
      if (xid !== null && tree.root.dirty) snapshots.putReferences(xid, tree);
    }
    for (const [index, own] of owned.entries()) {
      const { stretch } = moves.at(done + index);
      if (own !== stretch.count)
        throw new CorruptError(
          'j_phys_ext_key',
          'block',
          stretch.start,
          `of ${stretch.count} blocks that snapshots hold ${own} are in records of their own`,
        );
    }
  }
}

/**
 * Moves of one volume, in the order in which they are asked for first, which is that of leaves: then all that one of them names
 * is moved at once, and it is written once, not once for each part of the volume that it has something in.
 */
class Moves {
  /** By where they come from. */
  readonly #ascending: readonly HeldMove[];
  /** Of each of those: its rank, or -1. */
  readonly #ranks: Int32Array;
  readonly #all: HeldMove[] = [];

  constructor(ascending: readonly HeldMove[]) {
    this.#ascending = ascending;
    this.#ranks = new Int32Array(ascending.length).fill(-1);
  }
  at(rank: number): HeldMove {
    const move = this.#all[rank];
    assert(move !== undefined, 'a move has a rank');
    return move;
  }
  /** Calls `visit` for those that move one of these blocks. */
  each(start: number, count: number, visit: (rank: number) => void): void {
    for (let index = this.#indexFrom(start); index < this.#ascending.length; index += 1) {
      const move = this.#ascending[index] as HeldMove;
      if (move.stretch.start >= start + count) return;
      const known = this.#ranks[index] as number;
      if (known < 0) this.#ranks[index] = this.#all.push(move) - 1;
      visit(this.#ranks[index] as number);
    }
  }
  /** Of the first that ends behind a block. */
  #indexFrom(block: number): number {
    let low = 0;
    for (let high = this.#ascending.length; low < high; ) {
      const middle = (low + high) >>> 1;
      const { start, count } = (this.#ascending[middle] as HeldMove).stretch;
      if (start + count <= block) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/**
 * What moves are still to change. It is looked for once, so that a transaction costs what it changes, however many others there
 * are.
 */
class Waiting {
  readonly moves: Moves;
  readonly count: number;
  /** So many moves were made. */
  done = 0;
  /** By the next move that changes them. */
  readonly #leaves: (ChangedLeaf[] | undefined)[] = [];
  /** For each move, those with a record that it changes, once for each record. */
  readonly #references: (ChangedReferences[] | undefined)[] = [];

  /** `moves`: ascending. @throws CorruptError */
  constructor(volume: Mounted, moves: readonly HeldMove[]) {
    this.moves = new Moves(moves);
    this.count = moves.length;
    if (moves.length === 0) return;
    for (const { version, leaf } of leafVersions(volume)) this.#addLeaf(volume, version, leaf);
    this.#addReferences(volume, { xid: null, tree: volume.extentReferences });
    for (const { xid, tree } of new SnapshotWriter(volume).references) this.#addReferences(volume, { xid, tree });
  }
  #addLeaf(volume: Mounted, version: ObjectVersion, leaf: Node): void {
    const ranks = new Set<number>();
    eachExtent(volume, leaf, ({ start, count }) => this.moves.each(start, count, (rank) => ranks.add(rank)));
    if (ranks.size > 0) this.#wait({ version, ranks: [...ranks].sort((a, b) => b - a) });
  }
  #wait(leaf: ChangedLeaf): void {
    const next = leaf.ranks.at(-1);
    if (next === undefined) return;
    const others = this.#leaves[next];
    if (others) others.push(leaf);
    else this.#leaves[next] = [leaf];
  }
  #addReferences(volume: Mounted, references: ChangedReferences): void {
    const add = (rank: number): void => {
      const others = this.#references[rank];
      if (others) others.push(references);
      else this.#references[rank] = [references];
    };
    new ExtentReferences(volume, references.tree).each(({ start, count }) => this.moves.each(start, count, add));
  }

  /** Leaves that a move changes, but none before it that is still to come. */
  leavesOf(rank: number): number {
    return this.#leaves[rank]?.length ?? 0;
  }
  referencesOf(rank: number): readonly ChangedReferences[] {
    return this.#references[rank] ?? [];
  }
  /** Takes out the leaves that moves before `end` change: once each, to be changed for all of these moves before the next is asked for. */
  *leavesBefore(end: number): Generator<ChangedLeaf, void, undefined> {
    for (let rank = this.done; rank < end; rank += 1) {
      for (const leaf of this.#leaves[rank] ?? []) {
        while ((leaf.ranks.at(-1) ?? end) < end) leaf.ranks.pop();
        yield leaf;
        this.#wait(leaf);
      }
      this.#leaves[rank] = undefined;
    }
  }
  /** The same for extent references, with the ranks of the moves that change them. */
  referencesBefore(end: number): Map<ChangedReferences, Set<number>> {
    const changed = new Map<ChangedReferences, Set<number>>();
    for (let rank = this.done; rank < end; rank += 1) {
      for (const references of this.referencesOf(rank)) {
        const ranks = changed.get(references);
        if (ranks) ranks.add(rank);
        else changed.set(references, new Set([rank]));
      }
      this.#references[rank] = undefined;
    }
    return changed;
  }
}

/** What moves take in one transaction. */
class Cost {
  readonly #volume: Mounted;
  readonly #mapNodes: number;
  #moves = 0;
  #leaves = 0;
  /** Records that change. */
  readonly #records = new Map<ChangedReferences, number>();
  #ofReferences = 0;

  constructor(volume: Mounted) {
    this.#volume = volume;
    this.#mapNodes = volume.omap.tree.nodeCount;
  }
  /** One move more, the next one. */
  add(waiting: Waiting, rank: number): void {
    this.#moves += 1;
    this.#leaves += waiting.leavesOf(rank);
    for (const references of waiting.referencesOf(rank)) {
      const before = this.#records.get(references) ?? 0;
      this.#records.set(references, before + 1);
      this.#ofReferences += nodesFor(references.tree, before + 1) - nodesFor(references.tree, before);
    }
  }
  /** Pieces that the free queue gets. */
  get freed(): number {
    return this.#moves + this.#leaves;
  }
  /** Taken beside the places of the stretches. */
  get blocks(): number {
    const { omap, snapshots } = this.#volume;
    const maps = Math.min(this.#mapNodes, this.#leaves * omap.tree.height);
    const roots = Math.min(snapshots.nodeCount, this.#records.size * snapshots.height);
    return this.#leaves + maps + this.#ofReferences + roots + 2 * COMMIT_BLOCKS;
  }
}

/** Nodes of a tree of extent references that are copied or made when so many of its records change. */
function nodesFor({ nodeCount, height }: Tree, records: number): number {
  if (records === 0) return 0;
  return Math.min(nodeCount, 3 * records * height) + height + Math.ceil((records * RECORD_BYTES) / NODE_BYTES);
}

/** Another block for this version, in which what moves before `end` moved has its new place; answers the version as it is then. */
function moveLeaf(
  volume: Mounted,
  version: ObjectVersion,
  { moves, end }: { readonly moves: Moves; readonly end: number },
): ObjectVersion {
  const { device, spaceman } = volume.place;
  const leaf = leafOf(volume, version);
  assert(leaf !== null, 'a leaf that changes was one before');
  eachExtent(volume, leaf, ({ start, count, value }) => {
    moves.each(start, count, (rank) => {
      if (rank >= end) return;
      const { stretch, to } = moves.at(rank);
      const isWithin = stretch.start <= start && start + count <= stretch.start + stretch.count;
      assert(isWithin, 'an extent is moved whole');
      put64(leaf.view, value + FileExtentValue.at.phys_block_num, to + start - stretch.start);
    });
  });
  seal(leaf.view);
  const block = spaceman.takeMetadata();
  device.write(block * BLOCK_SIZE, leaf.bytes);
  volume.omap.relocate(version, block);
  spaceman.free(version.block, 1);
  return { ...version, block };
}
