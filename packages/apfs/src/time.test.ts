import { Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { nanosAt, putTime, secondsAt, TIME_RANGE } from './time.js';

const view = new DataView(new ArrayBuffer(8));

test.each([
  [0, 0],
  [1, 999_999_999],
  [-1, 1],
  [-5_000_000_000, 123_456_789],
  [1_777_000_000, 987_654_321],
  [TIME_RANGE.first, 0],
  [TIME_RANGE.last, 999_999_999],
])('%i seconds and %i nanoseconds', (seconds, nanos) => {
  putTime(view, 0, seconds, nanos);
  expect(view.getBigInt64(0, true)).toBe(BigInt(seconds) * 1_000_000_000n + BigInt(nanos));
  expect([secondsAt(view, 0), nanosAt(view, 0)]).toEqual([seconds, nanos]);
});
test('times beyond the range are clamped', () => {
  putTime(view, 0, 2 ** 40, 0);
  expect(secondsAt(view, 0)).toBe(TIME_RANGE.last);
});

test('any 64 bits are taken apart as BigInt does it, next to whole seconds above all', () => {
  const random = new Random(5);
  for (let i = 0; i < 20_000; i += 1) {
    const near = BigInt(random.below(2 ** 32)) * 4n - 2n ** 33n;
    const value =
      i % 2 === 0 ? near * 1_000_000_000n + BigInt(random.below(5) - 2) : (near << 30n) ^ BigInt(random.below(2 ** 32));
    view.setBigInt64(0, BigInt.asIntN(64, value), true);
    const nanos = ((BigInt.asIntN(64, value) % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
    const seconds = (BigInt.asIntN(64, value) - nanos) / 1_000_000_000n;
    expect([secondsAt(view, 0), nanosAt(view, 0)], `${value}`).toEqual([Number(seconds), Number(nanos)]);
  }
});
