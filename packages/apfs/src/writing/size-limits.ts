// The sizes that a container can be given, and what a smaller one begins with: where its pool goes, and where the data of
// snapshots goes that lies behind the new end. Both are decided before anything is changed.

import { type BlockDevice, type SizeLimits, VolumeFullError } from '@tintype/core';
import { geometry } from '../geometry.js';
import { type Confinement, type Extent, reserveOf } from '../spaceman.js';
import { BLOCK_SIZE } from '../structs/container.js';
import { type Before, blocksOf, firstRun, freeRuns, openBefore, ringAndPool, waitingOf } from './checkpoint-space.js';
import { fixedEnd } from './fixed-places.js';
import { type HeldStretch, holdersOf } from './held-stretches.js';
import { placeWhole } from './placement.js';

/** Bytes. */
export const LARGEST = 16e12;
/** Blocks: more than commits without changes take. */
const SLACK = 256;
/** Of what is in use: so much more may the trees become when extents are cut. */
const SPARE_SHARE = 0.02;

/** Data of snapshots. */
export interface Held {
  /** The block behind the last that snapshots have records of. */
  readonly end: number;
  /** Takes long: all leaves are read. */
  stretches(): readonly HeldStretch[];
}

/** A stretch and the first block of where it goes. */
export interface HeldMove {
  readonly stretch: HeldStretch;
  readonly to: number;
}

/** How a container becomes smaller. */
export interface ShrinkPlan extends Confinement {
  readonly moves: readonly HeldMove[];
}

/** The device is as large as the container can become without another. @throws CorruptError, UnsupportedError */
export function sizeLimits(device: BlockDevice, held: Held): SizeLimits {
  const plans = new Plans(device, held);
  return {
    get smallest() {
      return plans.smallest * BLOCK_SIZE;
    },
    largest: Math.max(device.size, LARGEST),
    get heldBySnapshots() {
      return plans.smallest > plans.least ? plans.smallest * BLOCK_SIZE : 0;
    },
    get holders() {
      const stretch = plans.smallest > plans.least ? plans.lastInPlace : null;
      return stretch ? holdersOf(stretch) : [];
    },
  };
}

/** @throws VolumeFullError if the container cannot be so small, CorruptError, UnsupportedError */
export function shrinkPlan(device: BlockDevice, size: number, held: Held): ShrinkPlan {
  const limit = Math.floor(size / BLOCK_SIZE);
  const plans = new Plans(device, held);
  const plan = limit < plans.least ? null : plans.planFor(limit);
  if (!plan) throw new VolumeFullError(Math.max(BLOCK_SIZE, (plans.smallest - limit) * BLOCK_SIZE), 0);
  return plan;
}

class Plans {
  readonly #before: Before;
  readonly #held: Held;
  /** In use only until two more checkpoints were made. */
  readonly #waiting: readonly Extent[];
  readonly #spare: number;
  /** Blocks of the smallest container, if data of snapshots finds its room. */
  readonly least: number;
  /** The longest first. */
  #stretches: readonly HeldStretch[] | null = null;
  #smallest: number | null = null;
  #runs: readonly Extent[] | null = null;

  constructor(device: BlockDevice, held: Held) {
    const before = openBefore(device);
    this.#before = before;
    this.#held = held;
    this.#waiting = waitingOf(before);
    const { blocks } = before.table;
    const { least, spare } = this.#enough();
    this.#spare = spare;
    const place = this.#poolPlace(least, blocks);
    const end = place ? place.start + place.count : blocks;
    this.least = Math.min(blocks, Math.max(least, end, fixedEnd(device, before.superblock)));
  }

  /** Blocks that are enough for what is in use, what the new size needs, and what the moves take. */
  #enough(): { readonly least: number; readonly spare: number } {
    const { table } = this.#before;
    const own = ringAndPool(this.#before);
    const free = table.free.reduce((sum, each) => sum + each, 0);
    const used = table.blocks - free - blocksOf(this.#waiting) - blocksOf(own);
    const spare = Math.ceil(used * SPARE_SHARE) + SLACK;
    // Ring and pool stay in use until the container has its new size; what of them lies behind the new end takes no room.
    for (let blocks = used + spare; ; ) {
      const { poolBlocks, poolRingBlocks } = geometry(blocks);
      const kept = own.reduce((sum, { start, count }) => sum + Math.min(count, Math.max(0, blocks - start)), 0);
      const wanted = used + spare + kept + poolBlocks + poolRingBlocks + reserveOf(blocks);
      if (wanted <= blocks) return { least: blocks, spare };
      blocks = wanted;
    }
  }

  /** Blocks of the smallest container that there is a plan for. */
  get smallest(): number {
    this.#smallest ??= this.#leastWithPlan();
    return this.#smallest;
  }
  /** Of a container so small: the stretch nearest to its end that is not moved. */
  get lastInPlace(): HeldStretch | null {
    const end = ({ start, count }: HeldStretch): number => start + count;
    const kept = (this.#stretches ?? []).filter((each) => end(each) <= this.smallest);
    return kept.reduce<HeldStretch | null>((last, each) => (last && end(last) > end(each) ? last : each), null);
  }
  #leastWithPlan(): number {
    let low = this.least;
    let high = this.#before.table.blocks;
    if (this.planFor(low)) return low;
    while (low + 1 < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.planFor(middle)) high = middle;
      else low = middle;
    }
    return high;
  }

  /** Null if there is no room for something that is moved whole. */
  planFor(limit: number): ShrinkPlan | null {
    const place = this.#poolPlace(limit, limit);
    if (!place) return null;
    const moves = this.#held.end > limit ? this.#movesFor(limit, place) : [];
    return moves && { limit, kept: [place], moves };
  }
  /** The first room for ring and pool of a container of so many blocks. */
  #poolPlace(blocks: number, end: number): Extent | null {
    const { poolBlocks, poolRingBlocks } = geometry(blocks);
    const { start, count, isWhole } = firstRun(this.#before, poolBlocks + poolRingBlocks, end, this.#waiting);
    return isWhole ? { start, count } : null;
  }
  #movesFor(limit: number, place: Extent): HeldMove[] | null {
    this.#stretches ??= [...this.#held.stretches()].sort((a, b) => b.count - a.count);
    this.#runs ??= freeRuns(this.#before, this.#waiting);
    const moved = this.#stretches.filter(({ start, count }) => start + count > limit);
    const runs = runsBefore(this.#runs, limit, place);
    // Leaves are copied with the data, and their old blocks free only later.
    const leaves = moved.reduce((most, { mentions }) => Math.max(most, mentions), 0);
    const rest = blocksOf(runs) - blocksOf(moved) - leaves;
    if (moved.length > 0 && rest < this.#spare + reserveOf(limit)) return null;
    const places = placeWhole(
      moved.map(({ count }) => count),
      runs,
    );
    return places && moved.map((stretch, i) => ({ stretch, to: places[i] as number }));
  }
}

/** The parts of `runs` before a block, but for those in `place`. */
function runsBefore(runs: readonly Extent[], limit: number, place: Extent): Extent[] {
  const parts: Extent[] = [];
  const add = (start: number, end: number): void => {
    if (end > start) parts.push({ start, count: end - start });
  };
  for (const { start, count } of runs) {
    const end = Math.min(limit, start + count);
    add(start, Math.min(end, place.start));
    add(Math.max(start, place.start + place.count), end);
  }
  return parts;
}
