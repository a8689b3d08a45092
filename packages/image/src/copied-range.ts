// Copying inside a file, so that what was a hole is one again.

import type { StoreFile } from '@tintype/core';
import { isZero } from './zeros.js';

/** Bytes read at once, and of the smallest hole that is kept: a block of most hosts. */
const PIECE = 1 << 20;
const GRAIN = 4096;

export interface CopiedRange {
  readonly from: number;
  readonly to: number;
  readonly length: number;
  /** True if the target is a hole, or zeros: zeros are not written. */
  readonly isClear: boolean;
}

/** What lies behind the end of the file counts as zeros. The ranges must not overlap. */
export function copyInside(file: StoreFile, { from, to, length, isClear }: CopiedRange): void {
  const buffer = new Uint8Array(Math.min(PIECE, length));
  for (let at = 0; at < length; at += buffer.length) {
    const piece = buffer.subarray(0, Math.min(buffer.length, length - at));
    piece.fill(0, file.read(from + at, piece));
    if (!isClear) file.write(to + at, piece);
    else for (const { start, end } of filled(piece)) file.write(to + at + start, piece.subarray(start, end));
  }
}

/** Stretches of whole grains that are not zero. */
function* filled(piece: Uint8Array): Generator<{ start: number; end: number }> {
  let start = -1;
  for (let at = 0; at < piece.length; at += GRAIN) {
    const isHole = isZero(piece.subarray(at, at + GRAIN));
    if (!isHole && start < 0) start = at;
    if (!isHole || start < 0) continue;
    yield { start, end: at };
    start = -1;
  }
  if (start >= 0) yield { start, end: piece.length };
}
