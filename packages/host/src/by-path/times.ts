// Times through node:fs, which takes them as fractions of a second: microseconds are what comes through.

/** Unit of the times that `setTime` keeps, in nanoseconds. */
export const pathTimeUnit = 1000;

/** Half of a microsecond, in seconds: hosts cut the fraction that they are given, and a double cannot hold it exactly. */
const half = 0.5e-6;

/**
 * Calls `set` with the time as node:fs takes it: as text, because node:fs makes "now" of negative numbers. `isKept`
 * looks at what the host made of a time before 1970, which some cut towards zero and others downwards.
 */
export function setTime(
  time: { readonly seconds: number; readonly nanos: number },
  set: (value: string) => void,
  isKept: () => boolean,
): void {
  const { seconds, nanos } = time;
  const whole = seconds + Math.floor(nanos / pathTimeUnit) / 1e6;
  set(String(seconds < 0 ? whole - half : whole + half));
  if (seconds < 0 && !isKept()) set(String(whole + half));
}
