import { expect, test } from 'vitest';
import { fletcher64 } from './fletcher64.js';

function of(bytes: Uint8Array): string {
  const { low, high } = fletcher64(new DataView(bytes.buffer), 8, bytes.length - 8);
  return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0');
}

test('a block of zeros has no zero checksum', () => {
  expect(of(new Uint8Array(4096))).toBe('ffffffffffffffff');
});
test('known blocks', () => {
  const counting = Uint8Array.from({ length: 4096 }, (_, i) => (i >= 8 && i < 16 ? i - 7 : 0));
  expect(of(counting)).toBe('0805021febf0f5da');
  expect(of(Uint8Array.from({ length: 4096 }, (_, i) => i % 256))).toBe('7a7794798d927784');
});
test('long objects are as exact as short ones', () => {
  const bytes = new Uint8Array(1 << 20).fill(0xff);
  let first = 0n;
  let second = 0n;
  const modulus = 0xffffffffn;
  for (let at = 8; at < bytes.length; at += 4) {
    first = (first + 0xffffffffn) % modulus;
    second = (second + first) % modulus;
  }
  const low = modulus - ((first + second) % modulus);
  const high = modulus - ((first + low) % modulus);
  expect(of(bytes)).toBe(((high << 32n) | low).toString(16));
});
test('whatever the number of words, the sums are those of one word after another', () => {
  for (let words = 0; words < 40; words += 1) {
    const bytes = Uint8Array.from({ length: 8 + 4 * words }, (_, i) => (i * 89 + words * 7) & 0xff);
    const view = new DataView(bytes.buffer);
    let first = 0n;
    let second = 0n;
    for (let at = 8; at < bytes.length; at += 4) {
      first += BigInt(view.getUint32(at, true));
      second += first;
    }
    const modulus = 0xffffffffn;
    const low = modulus - ((first + second) % modulus);
    const high = modulus - ((first + low) % modulus);
    expect(of(bytes), `${words} words`).toBe(high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0'));
  }
});
