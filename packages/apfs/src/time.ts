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
  const low = view.getUint32(at, true);
  const near = nearSeconds(view, at, low);
  const rest = restOf(low, near);
  return rest < 0 ? near - 1 : rest >= BILLION ? near + 1 : near;
}
/** Nanoseconds above the second, 0 to 999,999,999. */
export function nanosAt(view: DataView, at: number): number {
  const low = view.getUint32(at, true);
  const rest = restOf(low, nearSeconds(view, at, low));
  return rest < 0 ? rest + BILLION : rest >= BILLION ? rest - BILLION : rest;
}

/** The quotient as doubles give it, which may be one too many or too few. */
function nearSeconds(view: DataView, at: number, low: number): number {
  return Math.floor((view.getInt32(at + 4, true) * 0x1_0000_0000 + low) / BILLION);
}
/** What is left: between -10^9 and 2 x 10^9, so its low 32 bits are all of it. */
function restOf(low: number, seconds: number): number {
  return (low - Math.imul(seconds, BILLION)) | 0;
}
