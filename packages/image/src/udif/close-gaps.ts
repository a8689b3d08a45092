// The dead room of a new archive goes before it is finished: what lies behind it moves down. A little room in front may
// stay, so that a large archive is not written twice for a few bytes; it reads as zeros.

import { assert, type StoreFile } from '@tintype/core';
import type { ChunkPlaces } from './chunk-places.js';
import type { DeadRoom } from './dead-room.js';

/** Of the bytes that count: so much dead room may stay. */
const KEPT_SHARE = 0.01;
const ZEROS = new Uint8Array(1 << 16);

/** A data fork of `end` bytes with its chunks in the order of their places. */
export interface GappedFork {
  readonly file: StoreFile;
  readonly dead: DeadRoom;
  readonly places: ChunkPlaces;
  readonly ordered: Uint32Array;
  readonly end: number;
}

/** Moves chunks, which stay in their order, and clears what room stays; answers the fork's new length. */
export function closeGaps({ file, dead, places, ordered, end }: GappedFork): number {
  const limit = (end - dead.total) * KEPT_SHARE;
  let kept = 0;
  const first = dead.ranges.find(({ length }) => {
    kept += length;
    return kept > limit;
  });
  let to = end;
  if (first) {
    to = first.start;
    for (const chunk of ordered) {
      const { start, length } = places.range(chunk);
      if (start < first.start) continue;
      const bytes = new Uint8Array(length);
      assert(file.read(start, bytes) === length, 'what was stored is there');
      file.write(to, bytes);
      places.move(chunk, to);
      to += length;
    }
    dead.cut(first.start);
  }
  for (const { start, length } of dead.ranges)
    for (let at = 0; at < length; at += ZEROS.length)
      file.write(start + at, ZEROS.subarray(0, Math.min(ZEROS.length, length - at)));
  return to;
}
