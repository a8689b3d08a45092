// Free runs of blocks for stretches that may not be cut: the longest is placed first, each into the shortest run that has
// room for it, as far as that is found quickly.

import type { Extent } from '../spaceman.js';

/** Runs of about the same length that are looked at. */
const CANDIDATES = 64;

/**
 * A place for each of `lengths`, which descend, in the same order; null if one of them finds none. Runs that were not looked at
 * may have been better: it is quick, not best.
 */
export function placeWhole(lengths: readonly number[], runs: readonly Extent[]): number[] | null {
  const free = new Runs(runs);
  const places: number[] = [];
  for (const length of lengths) {
    const place = free.take(length);
    if (place === null) return null;
    places.push(place);
  }
  return places;
}

/** Free runs by their length: class `n` has those of at least 2^n blocks, and fewer than 2^(n + 1). */
class Runs {
  readonly #classes: Extent[][] = [];

  constructor(runs: readonly Extent[]) {
    for (const run of runs) this.#put(run);
  }
  #put(run: Extent): void {
    if (run.count === 0) return;
    const of = classOf(run.count);
    while (this.#classes.length <= of) this.#classes.push([]);
    this.#classes[of]?.push(run);
  }

  /** The first block of so many. */
  take(count: number): number | null {
    for (let of = classOf(count); of < this.#classes.length; of += 1) {
      const runs = this.#classes[of] ?? [];
      const best = bestOf(runs, count);
      const run = runs[best];
      if (!run) continue;
      const last = runs.pop();
      if (last && best < runs.length) runs[best] = last;
      this.#put({ start: run.start + count, count: run.count - count });
      return run.start;
    }
    return null;
  }
}

function classOf(count: number): number {
  return Math.floor(Math.log2(count));
}
/** Index of the shortest run with room among the last ones, or -1. */
function bestOf(runs: readonly Extent[], count: number): number {
  let best = -1;
  for (let i = runs.length - 1; i >= Math.max(0, runs.length - CANDIDATES); i -= 1) {
    const length = runs[i]?.count ?? 0;
    if (length >= count && (best < 0 || length < (runs[best]?.count ?? 0))) best = i;
  }
  return best;
}
