// Blocks that may not be taken for a while, however many stretches of them there are.

/** Blocks. */
export interface Extent {
  readonly start: number;
  readonly count: number;
}

export class Barred {
  /** Ascending, with others between them. */
  readonly extents: readonly Extent[];

  /** In any order, without overlap. */
  constructor(extents: readonly Extent[]) {
    const all: Extent[] = [];
    for (const extent of [...extents].sort((a, b) => a.start - b.start)) {
      const last = all.at(-1);
      if (last && last.start + last.count === extent.start)
        all[all.length - 1] = { start: last.start, count: last.count + extent.count };
      else if (extent.count > 0) all.push(extent);
    }
    this.extents = all;
  }

  /** Index of the first that ends behind a block. */
  indexFrom(block: number): number {
    let low = 0;
    for (let high = this.extents.length; low < high; ) {
      const middle = (low + high) >>> 1;
      const { start, count } = this.extents[middle] as Extent;
      if (start + count <= block) low = middle + 1;
      else high = middle;
    }
    return low;
  }
  /** How many of these blocks are barred. */
  among(start: number, count: number): number {
    let sum = 0;
    for (let i = this.indexFrom(start); i < this.extents.length; i += 1) {
      const each = this.extents[i] as Extent;
      if (each.start >= start + count) break;
      sum += Math.min(start + count, each.start + each.count) - Math.max(start, each.start);
    }
    return sum;
  }
}
