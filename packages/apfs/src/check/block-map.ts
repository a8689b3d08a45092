// Which blocks of a container are in use, as its structures say: each has one owner. Kept in pages of one chunk, laid out as the
// chunk's own bitmap, and only where something is in use.

import type { Report } from './report.js';

export class BlockMap {
  readonly count: number;
  readonly #pages: (Uint8Array | undefined)[] = [];
  readonly #pageBytes: number;
  readonly #report: Report;

  /** `pageBytes`: of a chunk's bitmap, which is one block. */
  constructor(count: number, pageBytes: number, report: Report) {
    this.count = count;
    this.#pageBytes = pageBytes;
    this.#report = report;
  }

  /** Blocks of one owner; one finding for all that somebody has already. */
  mark(start: number, count: number, owner: string): void {
    if (count === 0) return;
    if (start < 0 || start + count > this.count) {
      this.#report.add('block-outside', owner, `${count} blocks from ${start} do not lie in ${this.count} blocks`);
      return;
    }
    const perPage = 8 * this.#pageBytes;
    let shared = 0;
    for (let block = start; block < start + count; ) {
      const index = Math.floor(block / perPage);
      const end = Math.min(start + count, (index + 1) * perPage);
      shared += markBits(this.#page(index), block - index * perPage, end - index * perPage);
      block = end;
    }
    if (shared > 0)
      this.#report.add('block-shared', owner, `${shared} of ${count} blocks at ${start} belong to something else, too`);
  }

  /** The bitmap of a chunk as it should be; null if nothing of it is in use. */
  page(index: number): Uint8Array | null {
    return this.#pages[index] ?? null;
  }

  #page(index: number): Uint8Array {
    let page = this.#pages[index];
    if (!page) {
      page = new Uint8Array(this.#pageBytes);
      this.#pages[index] = page;
    }
    return page;
  }
}

/** Sets bits, whole bytes where it can; answers how many were set. */
function markBits(page: Uint8Array, from: number, to: number): number {
  let shared = 0;
  for (let bit = from; bit < to; ) {
    const at = bit >>> 3;
    if ((bit & 7) === 0 && bit + 8 <= to && page[at] === 0) {
      page[at] = 0xff;
      bit += 8;
      continue;
    }
    const mask = 1 << (bit & 7);
    if (((page[at] as number) & mask) !== 0) shared += 1;
    page[at] = (page[at] as number) | mask;
    bit += 1;
  }
  return shared;
}
