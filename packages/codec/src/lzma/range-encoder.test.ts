import { Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { HALF, MOVE_BITS, PROBABILITY_BITS } from './model.js';
import { RangeEncoder } from './range-encoder.js';

/** The specification's decoder for bits of one probability, in big whole numbers. */
function decodeBits(bytes: Uint8Array, count: number): number[] {
  let probability = HALF;
  let range = 0xffff_ffffn;
  let code = 0n;
  let at = 0;
  const next = () => BigInt(bytes[at++] ?? 0);
  for (let i = 0; i < 5; i += 1) code = (code << 8n) | next();
  return Array.from({ length: count }, () => {
    const bound = (range >> BigInt(PROBABILITY_BITS)) * BigInt(probability);
    const bit = code < bound ? 0 : 1;
    if (bit === 0) {
      range = bound;
      probability += ((1 << PROBABILITY_BITS) - probability) >> MOVE_BITS;
    } else {
      range -= bound;
      code -= bound;
      probability -= probability >> MOVE_BITS;
    }
    if (range < 1n << 24n) {
      range <<= 8n;
      code = (code << 8n) | next();
    }
    return bit;
  });
}

test.each([
  [1, 2],
  [1, 40],
  [39, 40],
  [199, 200],
  [1, 1],
  [0, 1],
])('bits that are 1 %i times in %i come back, carries and all', (ones, times) => {
  const random = new Random(ones + times);
  for (let round = 0; round < 30; round += 1) {
    const bits = Array.from({ length: 3000 }, () => (random.below(times) < ones ? 1 : 0));
    const probabilities = new Uint16Array([HALF]);
    const coder = new RangeEncoder(probabilities, 1 << 16);
    for (const bit of bits) coder.bit(0, bit);
    const { size } = coder;
    const bytes = coder.end();
    expect(bytes.length).toBe(size);
    expect(decodeBits(bytes, bits.length)).toEqual(bits);
  }
});
