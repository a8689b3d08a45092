// Finds repeated bytes: hash chains over the positions seen so far. Every encoder of this package parses with it.
//
// Invariants: a position enters its chain once, in ascending order; a candidate is never further back than the window,
// so the chain, which is a ring of that size, still holds it.

/** How much is looked at. */
export interface MatchLimits {
  /** Bytes that are hashed: 3 or 4; no shorter match is found. */
  readonly shortest: 3 | 4;
  readonly longest: number;
  /** Largest distance, in bytes. */
  readonly window: number;
  /** Candidates that are compared at one position. */
  readonly depth: number;
  /** A match of this length is good enough: no more candidates. */
  readonly enough: number;
}

const HASH_BITS = 16;

export class MatchFinder {
  /** Of the match that `find` saw; length 0: none. */
  length = 0;
  distance = 0;
  readonly #source: Uint8Array;
  readonly #limits: MatchLimits;
  /** Newest position + 1 by hash; 0: none. */
  readonly #heads = new Int32Array(1 << HASH_BITS);
  /** The position + 1 before it in the same chain. */
  readonly #before: Int32Array;
  readonly #mask: number;
  #next = 0;

  constructor(source: Uint8Array, limits: MatchLimits) {
    this.#source = source;
    this.#limits = limits;
    const reach = Math.max(1, Math.min(source.length, limits.window + 1));
    const ring = 2 ** Math.ceil(Math.log2(reach));
    this.#before = new Int32Array(ring);
    this.#mask = ring - 1;
  }

  /** Looks for the longest match at `at`, the nearest of these. Positions up to `at` enter the chains. */
  find(at: number): void {
    const { shortest, longest, window, depth, enough } = this.#limits;
    const source = this.#source;
    this.length = 0;
    const limit = Math.min(longest, source.length - at);
    if (limit < shortest) return;
    this.enter(at);
    let candidate = (this.#heads[this.#hash(at)] as number) - 1;
    let best = shortest - 1;
    for (let left = depth; left > 0 && candidate >= 0 && at - candidate <= window; left -= 1) {
      if (source[candidate + best] === source[at + best]) {
        let length = 0;
        while (length < limit && source[candidate + length] === source[at + length]) length += 1;
        if (length > best) {
          best = length;
          this.length = length;
          this.distance = at - candidate;
          if (length >= limit || length >= enough) break;
        }
      }
      const next = (this.#before[candidate & this.#mask] as number) - 1;
      // An older entry of the ring's place would lead forwards.
      if (next >= candidate) break;
      candidate = next;
    }
    this.#add(at);
    this.#next = at + 1;
  }

  /** Bytes that are the same at `at` and `distance` before it, at most `limit`. */
  same(at: number, distance: number, limit: number): number {
    const source = this.#source;
    const most = Math.min(limit, source.length - at);
    if (distance > at) return 0;
    let length = 0;
    while (length < most && source[at + length - distance] === source[at + length]) length += 1;
    return length;
  }

  /** Positions before `end` enter the chains. */
  enter(end: number): void {
    const last = Math.min(end, this.#source.length - this.#limits.shortest + 1);
    for (; this.#next < last; this.#next += 1) this.#add(this.#next);
  }

  #add(at: number): void {
    const hash = this.#hash(at);
    this.#before[at & this.#mask] = this.#heads[hash] as number;
    this.#heads[hash] = at + 1;
  }

  #hash(at: number): number {
    const source = this.#source;
    const three = (source[at] as number) | ((source[at + 1] as number) << 8) | ((source[at + 2] as number) << 16);
    const all = this.#limits.shortest === 4 ? three | ((source[at + 3] as number) << 24) : three;
    return Math.imul(all, 0x9e37_79b1) >>> (32 - HASH_BITS);
  }
}
