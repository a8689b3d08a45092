// Seeded random numbers: the same seed gives the same test for ever, on every machine. And how much of a test is run.

/** splitmix32: one addition and three multiplications a number, every seed good, no state but 32 bits. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }
  /** The next 32 bits, as a number from 0 to 2^32 - 1. */
  next(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  }
  /** A whole number from 0 up to, but not including, `bound`, which may exceed 2^32. */
  below(bound: number): number {
    return Math.floor(this.fraction() * bound);
  }
  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }
  /** From 0 up to 1, of 53 random bits. */
  fraction(): number {
    return ((this.next() >>> 5) * 67108864 + (this.next() >>> 6)) / 9007199254740992;
  }
  /** True once in `odds` times. */
  oneIn(odds: number): boolean {
    return this.below(odds) === 0;
  }
  pick<T>(list: readonly T[]): T {
    if (list.length === 0) throw new RangeError('nothing to pick from');
    return list[this.below(list.length)] as T;
  }
  shuffle<T>(list: readonly T[]): T[] {
    const shuffled = [...list];
    for (let i = shuffled.length - 1; i > 0; i -= 1) {
      const j = this.below(i + 1);
      [shuffled[i], shuffled[j]] = [shuffled[j] as T, shuffled[i] as T];
    }
    return shuffled;
  }
  fill(target: Uint8Array): void {
    let bits = 0;
    for (let i = 0; i < target.length; i += 1) {
      if ((i & 3) === 0) bits = this.next();
      target[i] = bits;
      bits >>>= 8;
    }
  }
  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.fill(bytes);
    return bytes;
  }
  /** A generator of its own, for a part of a test that must not shift the numbers of the rest. */
  fork(): Random {
    return new Random(this.next());
  }
}

/** True where all counts of the project's promises are run, not only those for every day. */
export const FULL = (process.env.TINTYPE_TEST_FULL ?? '') !== '';

/** How often to repeat: `small` every day, `full` with `TINTYPE_TEST_FULL=1`. */
export function count(small: number, full: number): number {
  return FULL ? full : small;
}
