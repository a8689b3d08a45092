// Extents of a stream, as lists of whole blocks that follow each other from its beginning. Block 0 stands for a hole.

export interface Extent {
  /** First block, or 0: a hole. */
  readonly start: number;
  readonly count: number;
}

export function blocksOf(extents: readonly Extent[]): number {
  let blocks = 0;
  for (const { count } of extents) blocks += count;
  return blocks;
}

/** Adds an extent, merged with the last one where it goes on. */
export function pushExtent(extents: Extent[], extent: Extent): void {
  if (extent.count === 0) return;
  const last = extents.at(-1);
  const goesOn =
    last && (extent.start === 0 ? last.start === 0 : last.start > 0 && last.start + last.count === extent.start);
  if (last && goesOn) extents[extents.length - 1] = { start: last.start, count: last.count + extent.count };
  else extents.push(extent);
}

/** The extents of one stream, of which there may be very many: found by halving, exchanged where they lie. */
export class ExtentList {
  readonly #starts: number[];
  /** Of each extent: the block of the stream behind its last. */
  readonly #ends: number[];

  constructor(extents: readonly Extent[] | ExtentList = []) {
    if (extents instanceof ExtentList) {
      this.#starts = extents.#starts.slice();
      this.#ends = extents.#ends.slice();
      return;
    }
    this.#starts = [];
    this.#ends = [];
    for (const extent of extents) this.push(extent);
  }

  get length(): number {
    return this.#starts.length;
  }
  /** Blocks of the stream. */
  get blocks(): number {
    return this.#ends[this.#ends.length - 1] ?? 0;
  }
  get holes(): number {
    let blocks = 0;
    for (let i = 0; i < this.length; i += 1) if (this.#starts[i] === 0) blocks += this.#count(i);
    return blocks;
  }
  at(index: number): Extent | undefined {
    const start = this.#starts[index];
    return start === undefined ? undefined : { start, count: this.#count(index) };
  }
  get last(): Extent | undefined {
    return this.at(this.length - 1);
  }
  #count(index: number): number {
    return (this.#ends[index] as number) - this.#begin(index);
  }
  #begin(index: number): number {
    return index === 0 ? 0 : (this.#ends[index - 1] as number);
  }
  /** The extent that holds a block of the stream, or how many there are. */
  #indexOf(block: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ends[middle] as number) <= block) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  push(extent: Extent): void {
    this.splice(this.blocks, this.blocks, [extent]);
  }
  /** The part `[from, to)`, in blocks of the stream. */
  slice(from: number, to: number): Extent[] {
    const slice: Extent[] = [];
    for (let i = this.#indexOf(from); i < this.length && this.#begin(i) < to; i += 1) {
      const start = this.#starts[i] as number;
      const low = Math.max(from, this.#begin(i));
      const high = Math.min(to, this.#ends[i] as number);
      if (high > low) pushExtent(slice, { start: start === 0 ? 0 : start + low - this.#begin(i), count: high - low });
    }
    return slice;
  }
  /** Extents from `index` up to `end`, as they are. */
  entries(index: number, end: number): Extent[] {
    const entries: Extent[] = [];
    for (let i = index; i < end; i += 1) entries.push({ start: this.#starts[i] as number, count: this.#count(i) });
    return entries;
  }
  /** Puts `middle` in place of `[from, to)`. */
  splice(from: number, to: number, middle: readonly Extent[]): void {
    const before = this.blocks;
    if (from >= before) {
      for (const extent of middle) this.#append(extent);
      return;
    }
    // One more at each side, to be merged where it goes on.
    const first = Math.max(0, this.#indexOf(from) - 1);
    const past = Math.min(this.length, this.#indexOf(to) + 1);
    const begin = this.#begin(first);
    const end = past === 0 ? 0 : (this.#ends[past - 1] as number);
    const parts = this.slice(begin, from);
    for (const extent of middle) pushExtent(parts, extent);
    for (const extent of this.slice(to, end)) pushExtent(parts, extent);
    let at = begin;
    const ends = parts.map(({ count }) => {
      at += count;
      return at;
    });
    this.#starts.splice(first, past - first, ...parts.map(({ start }) => start));
    this.#ends.splice(first, past - first, ...ends);
    const change = from + blocksOf(middle) - to;
    if (change === 0 || to >= before) return;
    for (let i = first + parts.length; i < this.length; i += 1) this.#ends[i] = (this.#ends[i] as number) + change;
  }

  #append({ start, count }: Extent): void {
    if (count === 0) return;
    const last = this.length - 1;
    const end = this.blocks + count;
    const lastStart = this.#starts[last];
    const goesOn =
      lastStart !== undefined &&
      (start === 0 ? lastStart === 0 : lastStart > 0 && lastStart + this.#count(last) === start);
    if (goesOn) {
      this.#ends[last] = end;
      return;
    }
    this.#starts.push(start);
    this.#ends.push(end);
  }

  *[Symbol.iterator](): Generator<Extent> {
    for (let i = 0; i < this.length; i += 1) yield { start: this.#starts[i] as number, count: this.#count(i) };
  }

  /** Where this list and another differ: entries equal at both ends, and the block at which the first difference begins. */
  difference(other: ExtentList): { readonly head: number; readonly tail: number; readonly block: number } {
    let head = 0;
    const most = Math.min(this.length, other.length);
    while (head < most && this.#isSame(head, other, head)) head += 1;
    let tail = 0;
    while (tail < most - head && this.#isSame(this.length - 1 - tail, other, other.length - 1 - tail)) tail += 1;
    return { head, tail, block: this.#begin(head) };
  }
  #isSame(i: number, other: ExtentList, j: number): boolean {
    return (
      this.#starts[i] === other.#starts[j] && this.#ends[i] === other.#ends[j] && this.#begin(i) === other.#begin(j)
    );
  }
}

/** Blocks, holes left out, that `a` has and `b` does not: ascending. */
export function blocksWithout(a: readonly Extent[], b: readonly Extent[]): Extent[] {
  const result: Extent[] = [];
  const mine = sorted(a);
  const others = sorted(b);
  let j = 0;
  for (const { start, count } of mine) {
    const end = start + count;
    let at = start;
    while (j > 0 && endOf(others[j - 1]) > at) j -= 1;
    for (; at < end; ) {
      while (j < others.length && endOf(others[j]) <= at) j += 1;
      const other = others[j];
      if (!other || other.start >= end) {
        pushExtent(result, { start: at, count: end - at });
        break;
      }
      if (other.start > at) pushExtent(result, { start: at, count: other.start - at });
      at = other.start + other.count;
    }
  }
  return result;
}
function sorted(extents: readonly Extent[]): Extent[] {
  return extents.filter(({ start }) => start > 0).sort((x, y) => x.start - y.start);
}
function endOf(extent: Extent | undefined): number {
  return extent ? extent.start + extent.count : 0;
}
