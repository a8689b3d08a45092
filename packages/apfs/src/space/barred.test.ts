import { count, Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { Barred } from './barred.js';

test('it answers what a list of all blocks would', () => {
  for (let seed = 1; seed <= count(50, 1000); seed += 1) {
    const random = new Random(seed);
    const extents: { start: number; count: number }[] = [];
    for (let at = random.below(4); at < 200; at += random.below(4)) {
      const length = random.below(9);
      extents.push({ start: at, count: length });
      at += length;
    }
    const isBarred = (block: number): boolean =>
      extents.some((each) => each.start <= block && block < each.start + each.count);
    const barred = new Barred(random.shuffle(extents));
    for (const [i, { start, count }] of barred.extents.entries())
      expect(start + count, `seed ${seed}`).toBeLessThan(barred.extents[i + 1]?.start ?? 1e9);
    for (let i = 0; i < 40; i += 1) {
      const start = random.below(220);
      const length = random.below(60);
      const blocks = Array.from({ length }, (_, each) => start + each);
      expect(barred.among(start, length), `seed ${seed}`).toBe(blocks.filter(isBarred).length);
      const next = barred.extents[barred.indexFrom(start)];
      const first = Array.from({ length: 300 }, (_, each) => start + each).find(isBarred);
      expect(next && Math.max(next.start, start), `seed ${seed}`).toBe(first);
    }
  }
});
