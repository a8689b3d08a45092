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
