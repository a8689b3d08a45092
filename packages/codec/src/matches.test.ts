import { Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { MatchFinder } from './matches.js';

const limits = { shortest: 3, longest: 40, window: 50, depth: 1000, enough: 1000 } as const;

test('finds what a plain search finds, within the window', () => {
  const random = new Random(6);
  const source = Uint8Array.from({ length: 3000 }, () => random.below(3));
  const finder = new MatchFinder(source, limits);
  for (let at = 0; at < source.length; at += random.between(1, 4)) {
    finder.find(at);
    let longest = 0;
    let nearest = 0;
    for (let distance = 1; distance <= Math.min(at, limits.window); distance += 1) {
      const length = finder.same(at, distance, limits.longest);
      if (length >= limits.shortest && length > longest) [longest, nearest] = [length, distance];
    }
    expect([at, finder.length, longest === 0 ? 0 : finder.distance]).toEqual([at, longest, nearest]);
  }
});

test('looks at no more candidates than it may', () => {
  const source = Buffer.from('abcX abcY abcZ abcd abcX');
  const find = (depth: number) => {
    const finder = new MatchFinder(source, { ...limits, depth });
    finder.find(source.length - 4);
    return finder.distance;
  };
  expect([find(1), find(100)]).toEqual([5, 20]);
});

test('the last bytes, too few for a match', () => {
  const finder = new MatchFinder(Buffer.from('abab'), limits);
  finder.find(2);
  expect(finder.length).toBe(0);
  finder.enter(4);
  expect(finder.same(2, 2, 10)).toBe(2);
  expect(finder.same(0, 1, 10)).toBe(0);
});
