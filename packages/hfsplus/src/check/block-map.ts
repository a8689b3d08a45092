// Which allocation blocks have an owner, as the check computes it. Pages come into being when first marked, so the map
// of a volume takes memory for the parts that are in use, whatever size its header claims.

/** Blocks of one page, and its bytes. */
export const PAGE_BLOCKS = 262_144;
export const PAGE_BYTES = PAGE_BLOCKS / 8;

/** Stands for every page whose blocks were all marked at once, so that huge extents cost nothing. Never written. */
const FULL = new Uint8Array(PAGE_BYTES).fill(0xff);

export class BlockMap {
  readonly #pages: (Uint8Array | undefined)[] = [];
  #used = 0;

  /** Blocks marked so far. */
  get used(): number {
    return this.#used;
  }

  /** The bits of one page, most significant first; undefined if none is set. */
  page(index: number): Uint8Array | undefined {
    return this.#pages[index];
  }

  /** Marks the blocks; answers the first one that was marked before, or -1. */
  mark(start: number, count: number): number {
    let clash = -1;
    for (let block = start, left = count; left > 0; ) {
      const index = Math.floor(block / PAGE_BLOCKS);
      const first = block - index * PAGE_BLOCKS;
      const part = Math.min(left, PAGE_BLOCKS - first);
      const found = this.#markPart(index, first, part);
      if (found >= 0 && clash < 0) clash = index * PAGE_BLOCKS + found;
      block += part;
      left -= part;
    }
    return clash;
  }

  #markPart(index: number, first: number, count: number): number {
    const page = this.#pages[index];
    if (page === FULL) return first;
    if (page) return this.#markInPage(page, first, count);
    if (count === PAGE_BLOCKS) {
      this.#pages[index] = FULL;
      this.#used += PAGE_BLOCKS;
      return -1;
    }
    const fresh = new Uint8Array(PAGE_BYTES);
    this.#pages[index] = fresh;
    return this.#markInPage(fresh, first, count);
  }

  #markInPage(page: Uint8Array, first: number, count: number): number {
    let clash = -1;
    const end = first + count;
    for (let bit = first; bit < end; ) {
      const byte = bit >>> 3;
      const low = bit & 7;
      const high = Math.min(8, low + end - bit);
      const mask = (0xff >>> low) & (0xff << (8 - high)) & 0xff;
      const before = page[byte] ?? 0;
      const twice = before & mask;
      if (twice === 0) this.#used += high - low;
      else {
        if (clash < 0) clash = byte * 8 + Math.clz32(twice) - 24;
        this.#used += high - low - bitCount(twice);
      }
      page[byte] = before | mask;
      bit += high - low;
    }
    return clash;
  }
}

export function bitCount(byte: number): number {
  let count = 0;
  for (let rest = byte; rest !== 0; rest &= rest - 1) count += 1;
  return count;
}
