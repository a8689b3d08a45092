// Counts of references along the blocks of a container, as changes that are sorted once all are known.

const FIRST_PAIRS = 512;

export class Changes {
  /** Pairs of block and change. */
  #pairs = new Float64Array(2 * FIRST_PAIRS);
  #used = 0;

  add(start: number, count: number, change: number): void {
    if (this.#used + 4 > this.#pairs.length) {
      const longer = new Float64Array(2 * this.#pairs.length);
      longer.set(this.#pairs);
      this.#pairs = longer;
    }
    const pairs = this.#pairs;
    pairs[this.#used] = start;
    pairs[this.#used + 1] = change;
    pairs[this.#used + 2] = start + count;
    pairs[this.#used + 3] = -change;
    this.#used += 4;
  }

  /** Pairs of block and change, ascending by block: good until the next `add`. */
  sorted(): Float64Array {
    const used = this.#used;
    let from = this.#pairs;
    let to: Float64Array<ArrayBuffer> | null = null;
    for (let starts = runsOf(from, used); starts.length > 1; starts = starts.filter((_, i) => i % 2 === 0)) {
      to ??= new Float64Array(from.length);
      for (let i = 0; i < starts.length; i += 2) {
        const middle = starts[i + 1] ?? used;
        mergeRuns(from, to, { start: starts[i] as number, middle, end: starts[i + 2] ?? used });
      }
      [from, to] = [to, from];
    }
    this.#pairs = from;
    return from.subarray(0, used);
  }
}

/** Where each stretch that ascends begins. What was written in one go makes one, so a few merges sort them all. */
function runsOf(pairs: Float64Array, used: number): number[] {
  const starts: number[] = [];
  for (let i = 0; i < used; i += 2) if (i === 0 || (pairs[i] as number) < (pairs[i - 2] as number)) starts.push(i);
  return starts;
}

function mergeRuns(from: Float64Array, to: Float64Array, runs: { start: number; middle: number; end: number }): void {
  const { start, middle, end } = runs;
  let left = start;
  let right = middle;
  for (let at = start; at < end; at += 2) {
    const isLeft = right >= end || (left < middle && (from[left] as number) <= (from[right] as number));
    const source = isLeft ? left : right;
    to[at] = from[source] as number;
    to[at + 1] = from[source + 1] as number;
    if (isLeft) left += 2;
    else right += 2;
  }
}
