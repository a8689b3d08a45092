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

/** Blocks of all holes. */
export function holesOf(extents: readonly Extent[]): number {
  let blocks = 0;
  for (const { start, count } of extents) if (start === 0) blocks += count;
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

/** The part `[from, to)` of a stream, in its blocks. */
export function sliceExtents(extents: readonly Extent[], from: number, to: number): Extent[] {
  const slice: Extent[] = [];
  let at = 0;
  for (const { start, count } of extents) {
    if (at >= to) break;
    const low = Math.max(from, at);
    const high = Math.min(to, at + count);
    if (high > low) pushExtent(slice, { start: start === 0 ? 0 : start + low - at, count: high - low });
    at += count;
  }
  return slice;
}

/** The stream with `middle` in place of `[from, to)`. */
export function spliceExtents(
  extents: readonly Extent[],
  from: number,
  to: number,
  middle: readonly Extent[],
): Extent[] {
  const result = sliceExtents(extents, 0, from);
  for (const extent of middle) pushExtent(result, extent);
  for (const extent of sliceExtents(extents, to, Number.MAX_SAFE_INTEGER)) pushExtent(result, extent);
  return result;
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

/** Where two lists differ: entries equal at both ends, and the block at which the first difference begins. */
export function difference(a: readonly Extent[], b: readonly Extent[]): { head: number; tail: number; block: number } {
  let head = 0;
  let block = 0;
  for (; head < a.length && head < b.length && isSame(a[head], b[head]); head += 1) block += (a[head] as Extent).count;
  let tail = 0;
  if (blocksOf(a) === blocksOf(b)) {
    const most = Math.min(a.length, b.length) - head;
    while (tail < most && isSame(a[a.length - 1 - tail], b[b.length - 1 - tail])) tail += 1;
  }
  return { head, tail, block };
}
function isSame(a: Extent | undefined, b: Extent | undefined): boolean {
  return a?.start === b?.start && a?.count === b?.count;
}
