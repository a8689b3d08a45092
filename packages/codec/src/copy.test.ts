import { Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { copyLiterals, copyMatch } from './copy.js';

function naiveMatch(target: Uint8Array, to: number, distance: number, length: number): void {
  for (let i = to; i < to + length; i += 1) target[i] = target[i - distance] as number;
}

test('a match is what a loop byte by byte gives, at every distance and length', () => {
  const random = new Random(1);
  for (let distance = 1; distance <= 90; distance += 1)
    for (let length = 0; length <= 300; length += random.between(1, 7)) {
      const fast = random.bytes(500);
      const slow = fast.slice();
      copyMatch(fast, 100, distance, length);
      naiveMatch(slow, 100, distance, length);
      expect(Buffer.compare(fast, slow)).toBe(0);
    }
});

test('literals of any length', () => {
  const source = new Random(2).bytes(300);
  for (let length = 0; length <= 200; length += 1) {
    const target = new Uint8Array(300).fill(9);
    copyLiterals(source, 50, target, 20, length);
    expect(Buffer.compare(target.subarray(20, 20 + length), source.subarray(50, 50 + length))).toBe(0);
    expect(target.subarray(20 + length).every((byte) => byte === 9)).toBe(true);
  }
});
