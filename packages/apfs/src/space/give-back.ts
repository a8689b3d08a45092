// What goes back to the host of the blocks that commits free: all of it, but for short stretches where nodes lie.
//
// A commit replaces nodes by the thousand, most of them single blocks between others, and the next commits take just these
// blocks. A hole for each would cost more than to write the node, twice: when it is made, and when it is filled. What is not
// taken again goes back once the free blocks around it make a run worth a hole.

import type { BlockDevice } from '@tintype/core';
import { BLOCK_SIZE } from '../structs/container.js';
import { Barred } from './barred.js';

/** Blocks of the shortest hole that is made where nodes lie: 64 KiB. */
export const LEAST_HOLE = 16;

interface Extent {
  readonly start: number;
  readonly count: number;
}

/** The space manager as it is when a commit is durable. */
export interface DurableSpace {
  /** Nodes lie before it, and data only if there is no other room. */
  readonly nodesEnd: number;
  /** Free, and not needed by the checkpoint before either. */
  readonly isFree: (block: number) => boolean;
}

export class GiveBack {
  readonly #device: BlockDevice;
  /** Queued by this transaction and by the one before it: needed by an older checkpoint. */
  #freed: Extent[] = [];
  #freedBefore: Extent[] = [];
  /** Free since this transaction: may have been taken already. */
  #released: Extent[] = [];

  constructor(device: BlockDevice) {
    this.#device = device;
  }

  freed(extent: Extent): void {
    this.#freed.push(extent);
  }
  released(extent: Extent): void {
    this.#released.push(extent);
  }
  /** What the transaction before freed may be taken from now on, before this one is durable. */
  releasedBefore(): void {
    this.#freedBefore = [];
  }

  /** The transaction is durable. `others`: what the one before it freed beside the queue. */
  settle(space: DurableSpace, others: readonly Extent[]): void {
    const freed = joined([...this.#freedBefore, ...others]);
    for (const extent of freed) if (!staysStored(extent, space)) this.#discard(extent);
    let done = 0;
    for (const extent of joined(this.#released)) done = this.#discardFree(extent, done, space);
    this.#freedBefore = this.#freed;
    this.#freed = [];
    this.#released = [];
  }

  /** What is still free of an extent, where nodes lie with what is free around it. Goes on from block `done`; answers how far. */
  #discardFree({ start, count }: Extent, done: number, space: DurableSpace): number {
    const end = start + count;
    const { nodesEnd, isFree } = space;
    let next = Math.max(start, done);
    for (let block = next; block < end; block += 1) {
      if (!isFree(block)) continue;
      const around = block < nodesEnd ? LEAST_HOLE - 1 : 0;
      let first = block;
      while (first > block - around && first > 0 && isFree(first - 1)) first -= 1;
      let last = block;
      while (last + 1 < end + around && isFree(last + 1)) last += 1;
      const run = { start: first, count: last + 1 - first };
      if (!staysStored(run, space)) this.#discard(run);
      block = last;
      next = last + 1;
    }
    return next;
  }
  #discard({ start, count }: Extent): void {
    this.#device.discard(start * BLOCK_SIZE, count * BLOCK_SIZE);
  }
}

function staysStored({ start, count }: Extent, { nodesEnd }: DurableSpace): boolean {
  return count < LEAST_HOLE && start + count <= nodesEnd;
}

/** Ascending, touching ones as one. */
function joined(extents: readonly Extent[]): readonly Extent[] {
  return new Barred(extents).extents;
}
