import { Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { clearBits, countSet, findClear, isSet, runLength, setBits } from './bits.js';

test('as an array of booleans', () => {
  const random = new Random(3);
  const bytes = new Uint8Array(64);
  const plain = Array.from({ length: 512 }, () => false);
  for (let step = 0; step < 2000; step += 1) {
    const first = random.below(512);
    const count = Math.min(random.below(60), 512 - first);
    const on = random.oneIn(2);
    (on ? setBits : clearBits)(bytes, first, count);
    plain.fill(on, first, first + count);
    expect(countSet(bytes)).toBe(plain.filter((bit) => bit).length);
    const place = random.below(512);
    expect(isSet(bytes, place)).toBe(plain[place]);
    const end = random.between(place + 1, 512);
    let run = place;
    while (run < end && plain[run] === plain[place]) run += 1;
    expect(runLength(bytes, place, end)).toBe(run - place);
    const least = random.between(1, 20);
    const text = plain
      .map((bit) => (bit ? '1' : '0'))
      .join('')
      .slice(0, end);
    let expected = -1;
    for (let at = place; at + least <= end && expected < 0; at += 1)
      if (text.startsWith('0'.repeat(least), at)) expected = at;
    expect(findClear(bytes, place, end, least)).toBe(expected);
  }
});

test('a search looks no further than it has to', () => {
  const bytes = new Uint8Array(4096);
  let looked = 0;
  const watched = new Proxy(bytes, {
    get(target, key) {
      looked += 1;
      return Reflect.get(target, key);
    },
  });
  expect(findClear(watched, 0, 32_768, 3)).toBe(0);
  expect(looked).toBeLessThan(10);
});
