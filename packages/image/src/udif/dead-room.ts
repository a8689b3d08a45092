// Stretches of a new archive's data fork that stand for nothing any more, and who gets them.
//
// Invariants: stretches ascend, never touch each other, and none reaches the end of the fork. Who asks gets the shortest
// one that is long enough, of equal ones the first: the same calls always give the same places.

import { assert, type Range } from '@tintype/core';

export class DeadRoom {
  readonly #starts: number[] = [];
  readonly #lengths: number[] = [];
  /** Of all stretches, in bytes. */
  total = 0;

  /** Ascending. */
  get ranges(): readonly Range[] {
    return this.#starts.map((start, i) => ({ start, length: this.#lengths[i] as number }));
  }

  /** A place for so many bytes, which is taken; null if there is none. */
  take(length: number): number | null {
    let best = -1;
    let shortest = Number.POSITIVE_INFINITY;
    for (const [i, each] of this.#lengths.entries()) {
      if (each < length || each >= shortest) continue;
      best = i;
      shortest = each;
    }
    const start = this.#starts[best];
    if (start === undefined) return null;
    if (shortest === length) this.#remove(best, 1);
    else {
      this.#starts[best] = start + length;
      this.#lengths[best] = shortest - length;
    }
    this.total -= length;
    return start;
  }

  /** A stretch that nobody needs any more, in a fork of so many bytes; answers how many that are without a dead tail. */
  add({ start, length }: Range, end: number): number {
    assert(length > 0 && start + length <= end, 'what is given up was stored');
    const after = this.#after(start);
    const before = after - 1;
    const joinsBefore = before >= 0 && this.#endOf(before) === start;
    const joinsAfter = this.#starts[after] === start + length;
    assert(before < 0 || this.#endOf(before) <= start, 'a stretch is given up once');
    assert(after === this.#starts.length || (this.#starts[after] as number) >= start + length, 'and only once');
    const first = joinsBefore ? (this.#starts[before] as number) : start;
    const last = joinsAfter ? this.#endOf(after) : start + length;
    const [from, to] = [joinsBefore ? before : after, joinsAfter ? after + 1 : after];
    this.total += length;
    this.#remove(from, to - from);
    if (last === end) {
      this.total -= last - first;
      return first;
    }
    this.#starts.splice(from, 0, first);
    this.#lengths.splice(from, 0, last - first);
    return end;
  }

  /** Those from here on are none any more. */
  cut(end: number): void {
    const from = this.#after(end - 1);
    for (const length of this.#lengths.slice(from)) this.total -= length;
    this.#remove(from, this.#starts.length - from);
  }

  /** How many begin at `position` or before it. */
  #after(position: number): number {
    let low = 0;
    let high = this.#starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#starts[middle] as number) <= position) low = middle + 1;
      else high = middle;
    }
    return low;
  }
  #endOf(i: number): number {
    return (this.#starts[i] as number) + (this.#lengths[i] as number);
  }
  #remove(from: number, count: number): void {
    this.#starts.splice(from, count);
    this.#lengths.splice(from, count);
  }
}
