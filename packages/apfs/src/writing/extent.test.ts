import { Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { blocksOf, blocksWithout, type Extent, ExtentList, pushExtent } from './extent.js';

/** One number a block. */
function plain(extents: Iterable<Extent>): number[] {
  return [...extents].flatMap(({ start, count }) =>
    Array.from({ length: count }, (_, i) => (start === 0 ? 0 : start + i)),
  );
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
    const list = new ExtentList(some(random));
    const other = some(random);
    const blocks = plain(list);
    expect(list.blocks).toBe(blocks.length);
    expect(blocksOf(other)).toBe(plain(other).length);
    expect(list.holes).toBe(blocks.filter((block) => block === 0).length);
    const from = random.below(blocks.length + 1);
    const to = random.between(from, blocks.length);
    expect(plain(list.slice(from, to))).toEqual(blocks.slice(from, to));
    const others = new Set(plain(other));
    const without = blocks.filter((block) => block > 0 && !others.has(block)).sort((x, y) => x - y);
    expect(plain(blocksWithout([...list], other))).toEqual(without);
    const changed = new ExtentList(list);
    changed.splice(from, to, other);
    expect(plain(changed)).toEqual([...blocks.slice(0, from), ...plain(other), ...blocks.slice(to)]);
    const merged: Extent[] = [];
    for (const extent of changed) pushExtent(merged, extent);
    expect(merged).toEqual([...changed]);
    expect(plain(list)).toEqual(blocks);
    const { head, tail, block } = list.difference(changed);
    expect(list.entries(0, head)).toEqual(changed.entries(0, head));
    expect(blocksOf(list.entries(0, head))).toBe(block);
    expect(list.entries(list.length - tail, list.length)).toEqual(
      changed.entries(changed.length - tail, changed.length),
    );
  }
});
