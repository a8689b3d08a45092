// Options about images that someone else uses.

import { flag, text } from './arguments.js';
import type { Parsed } from './command.js';
import { parseDuration } from './quantities.js';

/** Of commands that only read: milliseconds. @throws UsageError */
export function waiting(parsed: Parsed): { readonly waitLock: number | undefined } {
  const time = text(parsed, 'wait-lock');
  return { waitLock: time === undefined ? undefined : parseDuration(time) * 1000 };
}

/** Of commands that write. @throws UsageError */
export function locking(parsed: Parsed): ReturnType<typeof waiting> & { readonly breakLock: boolean | undefined } {
  return { ...waiting(parsed), breakLock: flag(parsed, 'break-lock') };
}
