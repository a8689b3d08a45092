// Packing a sparse image: the last bands move into free slots, and the file is cut.
//
// Order, with a barrier after each step: entries of bands that go are cleared; then, a batch of moves at a time, data is
// copied, the lower slots are named, the higher ones are cleared; last tables that name nothing are unlinked; the file is
// cut. A cut in between leaves a band named twice, whose lower slot wins and whose copies are equal.

import { assert, type StoreFile } from '@tintype/core';
import { copyInside } from '../copied-range.js';
import { EncryptedFile } from '../encryption/file.js';
import type { Slots } from './slots.js';

/** Bytes of a batch. */
const BATCH = 64 << 20;

export interface SlotCompaction {
  readonly file: StoreFile;
  /** All that was written is durable and named. */
  readonly slots: Slots;
  /** True if the band's content does not matter, or is all zeros. */
  readonly isEmpty: (band: number) => boolean;
  /** Called before anything is written, in each batch anew. */
  readonly check: () => void;
}

interface Move {
  readonly band: number;
  readonly from: number;
  readonly to: number;
}

/** Answers by how many bytes the file became shorter. */
export function compactSlots({ file, slots, isEmpty, check }: SlotCompaction): number {
  const before = file.size();
  check();
  if (slots.drop(isEmpty) > 0) file.sync();
  const moves = movesOf(slots);
  const length = Math.max(1, Math.floor(BATCH / slots.bandSize));
  for (let at = 0; at < moves.length; at += length) {
    check();
    moveBatch(file, slots, moves.slice(at, at + length));
  }
  check();
  if (slots.trim()) file.sync();
  if (file.size() > slots.end) {
    file.truncate(slots.end);
    file.sync();
  }
  return Math.max(0, before - file.size());
}

/** The last band into the first free slot, and so on until they meet. */
function movesOf(slots: Slots): Move[] {
  const used = slots.inUse();
  const isUsed = new Set(used.map(({ slot }) => slot));
  const moves: Move[] = [];
  let free = 0;
  for (const { slot, band } of used.reverse()) {
    while (isUsed.has(free)) free += 1;
    if (free >= slot) break;
    moves.push({ band, from: slot, to: free });
    free += 1;
  }
  return moves;
}

function moveBatch(file: StoreFile, slots: Slots, moves: readonly Move[]): void {
  for (const { from, to } of moves) {
    assert(to < from, 'bands move down');
    copyBand(file, slots.placeOf(from), slots.placeOf(to), slots.bandSize);
  }
  file.sync();
  for (const { band, to } of moves) slots.name(to, band);
  file.sync();
  for (const { from } of moves) slots.clear(from);
  file.sync();
  for (const { band, to } of moves) slots.move(band, to);
}

/** Zeros stay holes where the host has them. The last band of a file may be short. */
function copyBand(file: StoreFile, from: number, to: number, length: number): void {
  if (file instanceof EncryptedFile) {
    file.copy(from, to, length);
    return;
  }
  copyInside(file, { from, to, length, isClear: file.punch(to, length) });
}
