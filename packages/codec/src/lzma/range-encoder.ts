// The range coder, the writing side: bits with the probabilities that predict them.

import { ALIGN_BITS, MOVE_BITS, PROBABILITY_BITS, SMALLEST_RANGE } from './model.js';

export class RangeEncoder {
  readonly #probabilities: Uint16Array;
  readonly #target: Uint8Array;
  #length = 0;
  /** Below 2^33: the 33rd bit is a carry. */
  #low = 0;
  #range = 0xffff_ffff;
  /** The last byte is held back with the 0xFF bytes behind it: a carry may still change them. */
  #held = 0;
  #holding = 1;

  constructor(probabilities: Uint16Array, capacity: number) {
    this.#probabilities = probabilities;
    this.#target = new Uint8Array(capacity);
  }

  /** Bytes that there would be if it ended now. */
  get size(): number {
    return this.#length + this.#holding + 4;
  }

  begin(): void {
    this.#length = 0;
    this.#low = 0;
    this.#range = 0xffff_ffff;
    this.#held = 0;
    this.#holding = 1;
  }

  /** A view that the next `begin` gives up. */
  end(): Uint8Array {
    for (let i = 0; i < 5; i += 1) this.#shift();
    return this.#target.subarray(0, this.#length);
  }

  bit(at: number, bit: number): void {
    const probability = this.#probabilities[at] as number;
    const bound = (this.#range >>> PROBABILITY_BITS) * probability;
    if (bit === 0) {
      this.#range = bound;
      this.#probabilities[at] = probability + (((1 << PROBABILITY_BITS) - probability) >> MOVE_BITS);
    } else {
      this.#low += bound;
      this.#range = (this.#range - bound) >>> 0;
      this.#probabilities[at] = probability - (probability >> MOVE_BITS);
    }
    while (this.#range < SMALLEST_RANGE) {
      this.#range = (this.#range << 8) >>> 0;
      this.#shift();
    }
  }

  /** Highest bit first. */
  tree(at: number, bits: number, value: number): void {
    let symbol = 1;
    for (let i = bits - 1; i >= 0; i -= 1) {
      const bit = (value >>> i) & 1;
      this.bit(at + symbol, bit);
      symbol = (symbol << 1) | bit;
    }
  }
  /** Lowest bit first. */
  reverse(at: number, bits: number, value: number): void {
    let symbol = 1;
    for (let i = 0; i < bits; i += 1) {
      const bit = (value >>> i) & 1;
      this.bit(at + symbol, bit);
      symbol = (symbol << 1) | bit;
    }
  }
  /** Without a probability; the lowest bits, which have a tree, are left out. */
  direct(value: number, bits: number): void {
    for (let i = bits - 1; i >= ALIGN_BITS; i -= 1) {
      this.#range >>>= 1;
      if (((value >>> i) & 1) === 1) this.#low += this.#range;
      while (this.#range < SMALLEST_RANGE) {
        this.#range = (this.#range << 8) >>> 0;
        this.#shift();
      }
    }
  }

  #shift(): void {
    if (this.#low < 0xff00_0000 || this.#low >= 0x1_0000_0000) {
      const carry = this.#low >= 0x1_0000_0000 ? 1 : 0;
      let byte = this.#held;
      for (; this.#holding > 0; this.#holding -= 1) {
        this.#target[this.#length] = byte + carry;
        this.#length += 1;
        byte = 0xff;
      }
      this.#held = Math.floor(this.#low / SMALLEST_RANGE) & 0xff;
    }
    this.#holding += 1;
    this.#low = (this.#low % SMALLEST_RANGE) * 256;
  }
}
