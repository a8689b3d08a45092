// Sizes and durations as people write them, and as they are shown.

import { UsageError } from '@tintype/engine/run';

export { showCount, showSize } from '@tintype/core';

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  t: 1024 ** 4,
  p: 1024 ** 5,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  pb: 1e15,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
  tib: 1024 ** 4,
};

/** `10g`, `1.5t`, `4096`: bytes. k, m, g, t are powers of 1024; kb, mb, gb, tb of 1000. @throws UsageError */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)([a-z]*)$/i.exec(text.trim());
  const unit = match && UNITS[(match[2] ?? '').toLowerCase()];
  if (!match || unit === undefined || unit === null)
    throw new UsageError(`${JSON.stringify(text)} is no size; write 4096, 512m, 10g or 1.5t`);
  const bytes = Math.floor(Number(match[1]) * unit);
  if (!Number.isSafeInteger(bytes)) throw new UsageError(`${JSON.stringify(text)} is too large: the most is 7p`);
  return bytes;
}

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** `90s`, `15m`, `1d`, `0`, `forever`: seconds. @throws UsageError */
export function parseDuration(text: string): number {
  if (text === 'forever') return Number.POSITIVE_INFINITY;
  const match = /^(\d+(?:\.\d+)?)([smhdw]?)$/.exec(text.trim());
  if (!match) throw new UsageError(`${JSON.stringify(text)} is no duration; write 30s, 15m, 12h or 1d`);
  return Number(match[1]) * (SECONDS[match[2] || 's'] ?? 1);
}

export function showDuration(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
