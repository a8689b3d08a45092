// Whether a source holds an operating system: its image will not start a machine (B45).

import type { Volume } from '@tintype/core';
import type { RunContext } from '../operation.js';
import { findItem } from '../tree/find-item.js';

/** What only the volume of a system has, all of each row: macOS, Linux, Windows. */
const MARKS = [
  ['System/Library/CoreServices'],
  ['etc/os-release', 'usr/bin', 'var/lib'],
  ['Windows/System32'],
] as const;

export function noticeSystemSource(path: string, volume: Volume, { emit }: Pick<RunContext, 'emit'>): void {
  if (!MARKS.some((marks) => marks.every((mark) => findItem(volume, mark) !== null))) return;
  const message = `${path} holds an operating system: an image keeps all of it, but no machine starts from it; back up to an attached disk for that`;
  emit({ type: 'warning', code: 'system-source', message });
}
