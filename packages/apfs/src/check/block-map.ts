// Which blocks of a container are in use, as its structures say: each has one owner.

import type { Report } from './report.js';

export class BlockMap {
  readonly #bits: Uint8Array;
  readonly count: number;
  readonly #report: Report;

  constructor(count: number, report: Report) {
    this.count = count;
    this.#bits = new Uint8Array(Math.ceil(count / 8));
    this.#report = report;
  }

  /** Blocks of one owner; one finding for all that somebody has already. */
  mark(start: number, count: number, owner: string): void {
    if (count === 0) return;
    if (start < 0 || start + count > this.count) {
      this.#report.add('block-outside', owner, `${count} blocks from ${start} do not lie in ${this.count} blocks`);
      return;
    }
    let shared = 0;
    let first = 0;
    for (let block = start; block < start + count; block += 1) {
      const mask = 1 << (block & 7);
      const byte = this.#bits[block >>> 3] as number;
      if ((byte & mask) !== 0) {
        if (shared === 0) first = block;
        shared += 1;
      }
      this.#bits[block >>> 3] = byte | mask;
    }
    if (shared > 0)
      this.#report.add('block-shared', owner, `${shared} blocks from ${first} on belong to something else, too`);
  }

  has(block: number): boolean {
    return ((this.#bits[block >>> 3] as number) & (1 << (block & 7))) !== 0;
  }
}
