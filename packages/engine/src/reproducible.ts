// Archives that are the same bytes for the same input (SOURCE_DATE_EPOCH): a clock that stands still, and numbers that
// are derived instead of drawn.

import { createHash } from 'node:crypto';
import type { Item } from '@tintype/core';
import type { RunContext } from './operation.js';

/** Numbers that follow from what an image is: its volume's name, its capacity, and what each number is for. */
export function derivedRandom(volumeName: string, capacity: number): (target: Uint8Array) => void {
  let uses = 0;
  return (target) => {
    const role = uses;
    uses += 1;
    for (let at = 0, block = 0; at < target.length; at += 32, block += 1) {
      const digest = createHash('sha256')
        .update(JSON.stringify([volumeName, capacity, role, block]))
        .digest();
      target.set(digest.subarray(0, target.length - at), at);
    }
  };
}

/** What a run is given whose result shall be reproducible. `epoch`: seconds since 1970. */
export function reproducible(
  context: RunContext,
  { epoch, volumeName, capacity }: { readonly epoch: number; readonly volumeName: string; readonly capacity: number },
): RunContext {
  return { ...context, now: () => epoch, random: derivedRandom(volumeName, capacity) };
}

/** Times that no copy of a source has again are the smaller of the content's and the epoch. */
export function withReproducibleTimes(item: Item, epoch: number): Item {
  const isLater = item.mtime >= epoch;
  const [seconds, nanos] = isLater ? [epoch, 0] : [item.mtime, item.mtimeNanos];
  return { ...item, ctime: seconds, ctimeNanos: nanos, btime: seconds, btimeNanos: nanos };
}

/** Of `SOURCE_DATE_EPOCH`; undefined if it says nothing. */
export function epochOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,12}$/.test(text) ? Number(text) : undefined;
}
