import { Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import {
  blocksOf,
  blocksWithout,
  difference,
  type Extent,
  holesOf,
  pushExtent,
  sliceExtents,
  spliceExtents,
} from './extent.js';

/** One number a block. */
function plain(extents: readonly Extent[]): number[] {
  return extents.flatMap(({ start, count }) => Array.from({ length: count }, (_, i) => (start === 0 ? 0 : start + i)));
}
function some(random: Random): Extent[] {
  const extents: Extent[] = [];
  let next = 1;
  for (let i = random.below(8); i > 0; i -= 1) {
    const count = random.between(1, 5);
    pushExtent(extents, { start: random.oneIn(4) ? 0 : next, count });
    next += count + random.below(3);
  }
  return extents;
}

test('as lists of single blocks', () => {
  const random = new Random(1);
  for (let i = 0; i < 3000; i += 1) {
    const a = some(random);
    const b = some(random);
    const blocks = plain(a);
    expect(blocksOf(a)).toBe(blocks.length);
    expect(holesOf(a)).toBe(blocks.filter((block) => block === 0).length);
    const from = random.below(blocks.length + 1);
    const to = random.between(from, blocks.length);
    expect(plain(sliceExtents(a, from, to))).toEqual(blocks.slice(from, to));
    expect(plain(spliceExtents(a, from, to, b))).toEqual([...blocks.slice(0, from), ...plain(b), ...blocks.slice(to)]);
    const others = new Set(plain(b));
    expect(plain(blocksWithout(a, b))).toEqual(
      blocks.filter((block) => block > 0 && !others.has(block)).sort((x, y) => x - y),
    );
    const { head, tail, block } = difference(a, b);
    expect(a.slice(0, head)).toEqual(b.slice(0, head));
    expect(blocksOf(a.slice(0, head))).toBe(block);
    if (tail > 0) expect(a.slice(-tail)).toEqual(b.slice(-tail));
  }
});
