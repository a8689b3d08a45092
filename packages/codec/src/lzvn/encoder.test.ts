import { Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { inputs } from '../codecs.testing.js';
import { decodeLzvn } from '../lzvn.js';
import { encodeLzvn } from './encoder.js';

function roundTrip(clear: Uint8Array): Uint8Array {
  const stream = encodeLzvn(clear);
  const target = new Uint8Array(clear.length);
  expect(decodeLzvn(stream, target)).toBe(clear.length);
  expect(Buffer.compare(target, clear)).toBe(0);
  expect(Buffer.from(stream.subarray(-8)).toString('hex')).toBe('0600000000000000');
  return stream;
}

test.each(inputs())('%s', (_what, clear) => {
  expect(roundTrip(clear).length).toBeLessThan(clear.length * 1.01 + 20);
});

test('the vector of the lzfse tool, as short as there', () => {
  expect(roundTrip(Buffer.from('abcabcabcabcabcabcabc')).length).toBeLessThanOrEqual(16);
});

test('matches at the limits of each form of distance, after 0 to 4 literals', () => {
  const random = new Random(8);
  for (const distance of [1, 2, 1535, 1536, 1537, 16_383, 16_384, 16_385, 65_534, 65_535, 65_536])
    for (const literals of [0, 1, 2, 3, 4])
      for (const length of [4, 5, 10, 11, 34, 35, 300, 600]) {
        const start = random.bytes(Math.max(distance, 1));
        const match = Uint8Array.from({ length }, (_, i) => start[i % distance] as number);
        roundTrip(Buffer.concat([start, random.bytes(literals), match, match]));
      }
});
