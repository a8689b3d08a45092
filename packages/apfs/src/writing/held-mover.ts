// Data of snapshots that lies behind the new end of a container goes before it, each stretch whole, so that no leaf needs another
// record.
//
// One transaction moves a stretch in all states of its volume: every version of a leaf that names it is copied to another block with
// the new place in it, and stays the version of the same transaction; records of extent references get other keys, in the tree
// of the volume and in those of the snapshots. A cut leaves all of it, or nothing.

import { assert, CorruptError, VolumeFullError } from '@tintype/core';
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
  /** For each record that changes, the move that changes it. */
  readonly ranks: readonly number[];
}

export class HeldMover {
  readonly #container: Container;
  readonly #confinement: Confinement;
  #waiting: readonly HeldMove[];

  /** `plan` is of the container as it is on the device. */
  constructor(container: Container, plan: ShrinkPlan) {
    this.#container = container;
    this.#confinement = plan;
    const place = ({ stretch: { volume, start } }: HeldMove): number =>
      2 ** 48 * container.volumes.indexOf(volume) + start;
    this.#waiting = [...plan.moves].sort((a, b) => place(a) - place(b));
  }

  /**
   * Nothing waits for a commit, before and after. What is known of the volumes' trees does not hold afterwards: the container is
   * to be opened anew. @throws VolumeFullError, with the moves done that were committed
   */
  run(): void {
    if (this.#waiting.length === 0) return;
    this.#keepPlaces(0);
    // What only older checkpoints hold is free after two more, and some of it may have been given to a stretch.
    this.#container.unmount();
    this.#container.unmount();
    while (this.#waiting.length > 0) this.#moveAll((this.#waiting[0] as HeldMove).stretch.volume);
  }
  /** Nobody takes the places of stretches that are to come, but for the first `count` of them. */
  #keepPlaces(count: number): void {
    const { limit, kept } = this.#confinement;
    const places = this.#waiting.slice(count).map(({ stretch, to }) => ({ start: to, count: stretch.count }));
    this.#container.spaceman.confine({ limit, kept: [...kept, ...places] });
  }

  #moveAll(volume: Mounted): void {
    const all = this.#waiting.filter(({ stretch }) => stretch.volume === volume);
    // All leaves are read once, whatever the number of transactions.
    const leaves = changedLeaves(volume, new Moves(all));
    for (let done = 0; done < all.length; ) {
      this.#keepPlaces(0);
      done += this.#moveSome(volume, all.slice(done), { leaves, done });
    }
  }
  /** As many of these moves as there is room for, `done` having been made before; answers how many. */
  #moveSome(volume: Mounted, rest: HeldMove[], { leaves, done }: { leaves: ChangedLeaf[]; done: number }): number {
    const references = changedReferences(volume, new Moves(rest));
    const firsts = leaves.flatMap(({ ranks }) => (ranks.length > 0 ? (ranks.at(-1) as number) - done : []));
    const count = this.#mostAtOnce(volume, { moves: rest.length, firsts, references });
    this.#keepPlaces(count);
    const taken = new Moves(rest.slice(0, count));
    for (const move of taken.all) this.#copy(volume, move);
    for (const leaf of leaves) {
      const { length } = leaf.ranks;
      while ((leaf.ranks.at(-1) ?? Number.POSITIVE_INFINITY) < done + count) leaf.ranks.pop();
      if (leaf.ranks.length < length) leaf.version = moveLeaf(volume, leaf.version, taken);
    }
    this.#moveReferences(volume, taken, references);
    this.#container.commit();
    this.#waiting = this.#waiting.slice(count);
    return count;
  }

  /** How many of the moves, at least one, go into one transaction. @throws VolumeFullError */
  #mostAtOnce(
    volume: Mounted,
    { moves, firsts, references }: { moves: number; firsts: number[]; references: ChangedReferences[] },
  ): number {
    const { omap, snapshots } = volume;
    const { spaceman } = volume.place;
    const needs = (count: number): { freed: number; blocks: number } => {
      const changed = firsts.filter((rank) => rank < count).length;
      let blocks = changed + Math.min(omap.tree.nodeCount, changed * omap.tree.height);
      let trees = 0;
      for (const { tree, ranks } of references) {
        const records = ranks.filter((rank) => rank < count).length;
        if (records === 0) continue;
        trees += 1;
        blocks += Math.min(tree.nodeCount, 3 * records * tree.height) + tree.height;
        blocks += Math.ceil((records * RECORD_BYTES) / NODE_BYTES);
      }
      blocks += Math.min(snapshots.nodeCount, trees * snapshots.height);
      return { freed: changed + count, blocks: blocks + 2 * COMMIT_BLOCKS };
    };
    const fits = (count: number): boolean => {
      const { freed, blocks } = needs(count);
      return blocks <= spaceman.available && (count === 1 || !spaceman.isCommitDue(freed));
    };
    if (!fits(1)) throw spaceman.full(needs(1).blocks);
    let low = 1;
    for (let high = moves + 1; low + 1 < high; ) {
      const middle = (low + high) >>> 1;
      if (fits(middle)) low = middle;
      else high = middle;
    }
    return low;
  }

  #copy(volume: Mounted, { stretch, to }: HeldMove): void {
    const { device, spaceman } = volume.place;
    const taken = spaceman.takeAt(to, stretch.count);
    if (taken < stretch.count) throw new VolumeFullError(stretch.count * BLOCK_SIZE, taken * BLOCK_SIZE);
    copyBlocks(device, stretch, to);
    spaceman.free(stretch.start, stretch.count);
    volume.add('apfs_total_blocks_alloced', stretch.count);
    volume.add('apfs_total_blocks_freed', stretch.count);
  }

  /** @throws CorruptError unless each block is one of just one state */
  #moveReferences(volume: Mounted, { all }: Moves, references: readonly ChangedReferences[]): void {
    const snapshots = new SnapshotWriter(volume);
    const owned = all.map(() => 0);
    for (const { xid, tree, ranks } of references) {
      const records = new ExtentReferences(volume, xid === null ? null : tree);
      for (const rank of new Set(ranks)) {
        const move = all[rank];
        if (!move) continue;
        const { start, count } = move.stretch;
        owned[rank] = (owned[rank] ?? 0) + records.shift(start, count, move.to);
      }
      if (xid !== null && tree.root.dirty) snapshots.putReferences(xid, tree);
    }
    for (const [rank, { stretch }] of all.entries())
      if (owned[rank] !== stretch.count)
        throw new CorruptError(
          'j_phys_ext_key',
          'block',
          stretch.start,
          `of ${stretch.count} blocks that snapshots hold ${owned[rank]} are in records of their own`,
        );
  }
}

/** Moves by where they come from. */
class Moves {
  /** Ascending. */
  readonly all: readonly HeldMove[];

  constructor(moves: readonly HeldMove[]) {
    this.all = moves;
  }
  /** Index of the first that ends behind a block. */
  rankFrom(block: number): number {
    let low = 0;
    for (let high = this.all.length; low < high; ) {
      const middle = (low + high) >>> 1;
      const { start, count } = (this.all[middle] as HeldMove).stretch;
      if (start + count <= block) low = middle + 1;
      else high = middle;
    }
    return low;
  }
  /** Indexes of those that move one of these blocks. */
  *ranks(start: number, count: number): Generator<number> {
    for (let rank = this.rankFrom(start); rank < this.all.length; rank += 1) {
      if ((this.all[rank] as HeldMove).stretch.start >= start + count) return;
      yield rank;
    }
  }
}

function changedLeaves(volume: Mounted, moves: Moves): ChangedLeaf[] {
  const changed: ChangedLeaf[] = [];
  for (const { version, leaf } of leafVersions(volume)) {
    const ranks = new Set<number>();
    eachExtent(volume, leaf, ({ start, count }) => {
      for (const rank of moves.ranks(start, count)) ranks.add(rank);
    });
    if (ranks.size > 0) changed.push({ version, ranks: [...ranks].sort((a, b) => b - a) });
  }
  return changed;
}
function changedReferences(volume: Mounted, moves: Moves): ChangedReferences[] {
  const trees = [{ xid: null, tree: volume.extentReferences }, ...new SnapshotWriter(volume).references];
  return trees.flatMap(({ xid, tree }) => {
    const ranks: number[] = [];
    new ExtentReferences(volume, tree).each(({ start, count }) => ranks.push(...moves.ranks(start, count)));
    return ranks.length > 0 ? { xid, tree, ranks } : [];
  });
}

/** Another block for this version, in which what is moved has its new place; answers the version as it is then. */
function moveLeaf(volume: Mounted, version: ObjectVersion, moves: Moves): ObjectVersion {
  const { device, spaceman } = volume.place;
  const leaf = leafOf(volume, version);
  assert(leaf !== null, 'a leaf that changes was one before');
  eachExtent(volume, leaf, ({ start, count, value }) => {
    const move = moves.all[moves.rankFrom(start)];
    if (!move || move.stretch.start >= start + count) return;
    const { stretch, to } = move;
    const isWithin = stretch.start <= start && start + count <= stretch.start + stretch.count;
    assert(isWithin, 'an extent is moved whole');
    put64(leaf.view, value + FileExtentValue.at.phys_block_num, to + start - stretch.start);
  });
  seal(leaf.view);
  const block = spaceman.takeMetadata();
  device.write(block * BLOCK_SIZE, leaf.bytes);
  volume.omap.relocate(version, block);
  spaceman.free(version.block, 1);
  return { ...version, block };
}
