// Content of one file or disk as a power cut may leave it: what was durable, and writes since then of which each sector
// of 512 bytes may have arrived or not. A sector arrives whole: with it comes all that earlier writes had put there.

import type { Random } from './seeds.js';
import type { SparseBytes } from './sparse-bytes.js';

export const SECTOR = 512;

/** A write since the last sync, widened to whole sectors. Null bytes: the range was made to read as zeros. */
interface Change {
  readonly start: number;
  readonly length: number;
  readonly bytes: Uint8Array | null;
}

/** How a cut treats what was not durable: chosen anew for every state, so that gentle and wild cuts both occur. */
export interface Cut {
  /** Chance that a change arrived whole. */
  readonly keep: number;
  /** Chance that one which did not arrive whole arrived in part. */
  readonly tear: number;
  readonly reorder: boolean;
}

export function randomCut(random: Random): Cut {
  return { keep: random.pick([0, 0.1, 0.5, 0.9, 1]), tear: random.pick([0, 0.5, 1]), reorder: random.oneIn(2) };
}

export class UnsyncedContent {
  #durable: SparseBytes;
  #changes: Change[] = [];

  constructor(durable: SparseBytes) {
    this.#durable = durable.clone();
  }
  get pending(): number {
    return this.#changes.length;
  }
  /** `live` has the write in it already; `bytes` are never changed again. */
  wrote(live: SparseBytes, position: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const start = Math.floor(position / SECTOR) * SECTOR;
    const length = Math.ceil((position + bytes.length) / SECTOR) * SECTOR - start;
    if (start === position && length === bytes.length) {
      this.#changes.push({ start, length, bytes });
      return;
    }
    const whole = new Uint8Array(length);
    live.read(start, whole);
    this.#changes.push({ start, length, bytes: whole });
  }
  /** `live` reads as zeros there already. */
  zeroed(live: SparseBytes, position: number, length: number): void {
    const first = Math.ceil(position / SECTOR) * SECTOR;
    const past = Math.floor((position + length) / SECTOR) * SECTOR;
    if (past > first) this.#changes.push({ start: first, length: past - first, bytes: null });
    this.#edge(live, position, Math.min(first, position + length));
    if (past >= first) this.#edge(live, past, position + length);
  }
  /** Everything is durable now. */
  synced(live: SparseBytes): void {
    if (this.#changes.length === 0) return;
    this.#durable = live.clone();
    this.#changes = [];
  }
  /** One of the possible contents after a cut, before its length is set. */
  cut(random: Random, cut: Cut): SparseBytes {
    const content = this.#durable.clone();
    const changes = cut.reorder ? random.shuffle(this.#changes) : this.#changes;
    for (const change of changes) {
      if (random.fraction() < cut.keep) apply(content, change, 0, change.length);
      else if (random.fraction() < cut.tear) tear(content, change, random);
    }
    return content;
  }

  #edge(live: SparseBytes, start: number, end: number): void {
    if (end <= start) return;
    const sector = new Uint8Array(SECTOR);
    const at = Math.floor(start / SECTOR) * SECTOR;
    live.read(at, sector);
    this.#changes.push({ start: at, length: SECTOR, bytes: sector });
  }
}

function apply(content: SparseBytes, change: Change, offset: number, length: number): void {
  const position = change.start + offset;
  if (change.bytes) content.adopt(position, change.bytes.subarray(offset, offset + length));
  else content.punch(position, length);
}

/** Some sectors of the change: its beginning, its end, all but one, or each by chance. */
function tear(content: SparseBytes, change: Change, random: Random): void {
  const sectors = change.length / SECTOR;
  const at = random.below(sectors + 1) * SECTOR;
  switch (random.below(4)) {
    case 0:
      apply(content, change, 0, at);
      break;
    case 1:
      apply(content, change, at, change.length - at);
      break;
    case 2:
      apply(content, change, 0, at);
      apply(content, change, Math.min(change.length, at + SECTOR), Math.max(0, change.length - at - SECTOR));
      break;
    default:
      for (let sector = 0; sector < sectors; sector += 1) {
        if (random.oneIn(2)) apply(content, change, sector * SECTOR, SECTOR);
      }
  }
}
