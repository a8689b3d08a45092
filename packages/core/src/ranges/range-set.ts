// A set of bytes kept as ascending ranges that neither overlap nor touch.

import type { Range } from './range.js';

/** A set of bytes, kept as ascending ranges that neither overlap nor touch. All numbers in bytes. */
export class RangeSet {
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];

  get count(): number {
    return this.#starts.length;
  }

  /** Bytes in the set. */
  get length(): number {
    let sum = 0;
    for (const range of this) sum += range.length;
    return sum;
  }

  add(start: number, length: number): void {
    if (length <= 0) return;
    const end = start + length;
    const first = this.#firstEndingAtOrAfter(start);
    let last = first;
    let low = start;
    let high = end;
    while (last < this.#starts.length && (this.#starts[last] as number) <= end) {
      low = Math.min(low, this.#starts[last] as number);
      high = Math.max(high, this.#ends[last] as number);
      last += 1;
    }
    this.#starts.splice(first, last - first, low);
    this.#ends.splice(first, last - first, high);
  }

  remove(start: number, length: number): void {
    if (length <= 0) return;
    const end = start + length;
    const first = this.#firstEndingAtOrAfter(start + 1);
    let last = first;
    const keepStarts: number[] = [];
    const keepEnds: number[] = [];
    while (last < this.#starts.length && (this.#starts[last] as number) < end) {
      const low = this.#starts[last] as number;
      const high = this.#ends[last] as number;
      if (low < start) {
        keepStarts.push(low);
        keepEnds.push(start);
      }
      if (high > end) {
        keepStarts.push(end);
        keepEnds.push(high);
      }
      last += 1;
    }
    this.#starts.splice(first, last - first, ...keepStarts);
    this.#ends.splice(first, last - first, ...keepEnds);
  }

  /** True if every byte of the range is in the set. */
  covers(start: number, length: number): boolean {
    const index = this.#firstEndingAtOrAfter(start + 1);
    return length <= 0 || ((this.#starts[index] ?? Infinity) <= start && (this.#ends[index] ?? -1) >= start + length);
  }

  /** True if any byte of the range is in the set. */
  overlaps(start: number, length: number): boolean {
    const index = this.#firstEndingAtOrAfter(start + 1);
    return length > 0 && (this.#starts[index] ?? Infinity) < start + length;
  }

  clear(): void {
    this.#starts.length = 0;
    this.#ends.length = 0;
  }

  *[Symbol.iterator](): Generator<Range> {
    for (let i = 0; i < this.#starts.length; i += 1) {
      const start = this.#starts[i] as number;
      yield { start, length: (this.#ends[i] as number) - start };
    }
  }

  #firstEndingAtOrAfter(position: number): number {
    let low = 0;
    let high = this.#ends.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ends[middle] as number) < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
