// Where blocks lie that were moved, for the streams that share them and are still to learn it.

interface Moved {
  readonly start: number;
  readonly count: number;
  readonly to: number;
}

export class MovedBlocks {
  /** Ascending, without overlap. */
  readonly #moved: Moved[] = [];

  get length(): number {
    return this.#moved.length;
  }

  /** Index of the first entry that ends behind a block. */
  #indexOf(block: number): number {
    let low = 0;
    for (let high = this.#moved.length; low < high; ) {
      const middle = (low + high) >>> 1;
      const { start, count } = this.#moved[middle] as Moved;
      if (start + count <= block) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** None of these blocks is in it yet. */
  add(start: number, count: number, to: number): void {
    this.#moved.splice(this.#indexOf(start), 0, { start, count, to });
  }

  /** The first of `count` blocks lies at `to`, and as many behind it; `to` null: so many were not moved. */
  find(start: number, count: number): { readonly count: number; readonly to: number | null } {
    const next = this.#moved[this.#indexOf(start)];
    if (!next || next.start >= start + count) return { count, to: null };
    if (next.start > start) return { count: next.start - start, to: null };
    const skipped = start - next.start;
    return { count: Math.min(count, next.count - skipped), to: next.to + skipped };
  }
}
