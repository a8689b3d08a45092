// Times on APFS: signed 64-bit nanoseconds since 1970, read and written as two numbers.

const BILLION = 1_000_000_000;
/** First and last second that 64 bits of nanoseconds hold. */
export const TIME_RANGE = { first: -9_223_372_036, last: 9_223_372_035 } as const;

/** `seconds` beyond the range become its first or last. */
export function putTime(view: DataView, at: number, seconds: number, nanos: number): void {
  const clamped = Math.min(Math.max(seconds, TIME_RANGE.first), TIME_RANGE.last);
  const high = Math.floor(clamped / 65_536);
  // In units of 2^16 nanoseconds and of one; both stay far below 2^53.
  const upper = high * BILLION;
  const low = (clamped - high * 65_536) * BILLION + nanos + (upper - Math.floor(upper / 65_536) * 65_536) * 65_536;
  view.setUint32(at, low >>> 0, true);
  view.setInt32(at + 4, Math.floor(upper / 65_536) + Math.floor(low / 0x1_0000_0000), true);
}

/** Whole seconds, rounded down. */
export function secondsAt(view: DataView, at: number): number {
  return divide(view, at, 'quotient');
}
/** Nanoseconds above the second, 0 to 999,999,999. */
export function nanosAt(view: DataView, at: number): number {
  return divide(view, at, 'remainder');
}

/** Long division by 10^9 with digits of 16 bits. */
function divide(view: DataView, at: number, wanted: 'quotient' | 'remainder'): number {
  const high = view.getInt32(at + 4, true);
  const low = view.getUint32(at, true);
  const first = Math.floor(high / BILLION);
  const middle = (high - first * BILLION) * 65_536 + (low >>> 16);
  const second = Math.floor(middle / BILLION);
  const last = (middle - second * BILLION) * 65_536 + (low & 0xffff);
  const third = Math.floor(last / BILLION);
  return wanted === 'quotient' ? first * 0x1_0000_0000 + second * 65_536 + third : last - third * BILLION;
}
