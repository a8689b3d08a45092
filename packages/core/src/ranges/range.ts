// A stretch of bytes, and the arithmetic on it.

/** Bytes `[start, start + length)` of a device or file. */
export interface Range {
  readonly start: number;
  readonly length: number;
}

/** The part that both have, or null. */
export function intersection(a: Range, b: Range): Range | null {
  const start = Math.max(a.start, b.start);
  const end = Math.min(a.start + a.length, b.start + b.length);
  return end > start ? { start, length: end - start } : null;
}
