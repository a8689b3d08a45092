// Writes LZVN streams: greedy matches, each in the shortest form that its distance allows.
// Source: the public lzfse project's format, as docs/formats/codecs.md describes it.

import { MatchFinder } from '../matches.js';

/** Literals that a match's opcode takes along. */
const CARRIED = 3;
/** Most of one opcode of literals, or of a match without a distance of its own. */
const LONG = 271;
const SMALL_DISTANCE = 1536;
const MEDIUM_DISTANCE = 16_384;
const END_MARK = [0x06, 0, 0, 0, 0, 0, 0, 0] as const;
const LIMITS = { shortest: 4, longest: 1 << 16, window: 65_535, depth: 16, enough: 256 } as const;

/** A whole stream, with its end mark. */
export function encodeLzvn(source: Uint8Array): Uint8Array {
  const writer = new OpcodeWriter(source);
  const finder = new MatchFinder(source, LIMITS);
  let start = 0;
  for (let at = 0; at < source.length; ) {
    finder.find(at);
    if (finder.length === 0) {
      at += 1;
      continue;
    }
    writer.match(start, at - start, finder.length, finder.distance);
    at += finder.length;
    start = at;
  }
  return writer.end(start);
}

class OpcodeWriter {
  readonly #source: Uint8Array;
  readonly #target: Uint8Array;
  #out = 0;
  #distance = 0;

  constructor(source: Uint8Array) {
    this.#source = source;
    // Literals take two bytes more for each 16 at worst, matches none.
    this.#target = new Uint8Array(source.length + (source.length >> 3) + 2 * END_MARK.length);
  }

  /** `count` literals from `start` on, then `length` bytes from `distance` back. */
  match(start: number, count: number, length: number, distance: number): void {
    const carried = count > CARRIED ? 0 : count;
    this.#literals(start, count - carried);
    const first = this.#first(carried, length, distance);
    this.#copy(start + count - carried, carried);
    this.#distance = distance;
    for (let left = length - first; left > 0; ) {
      const part = Math.min(left, LONG);
      this.#longOr(0xf0, part);
      left -= part;
    }
  }

  end(start: number): Uint8Array {
    this.#literals(start, this.#source.length - start);
    this.#put(...END_MARK);
    return this.#target.slice(0, this.#out);
  }

  /** An opcode for the match's beginning; answers how many of its bytes that is. */
  #first(literals: number, length: number, distance: number): number {
    const isRepeated = distance === this.#distance;
    if (isRepeated && literals === 0) return 0;
    // Above this, three forms would run into each other's numbers.
    const few = Math.min(length, 10 - 2 * literals);
    const head = (literals << 6) | ((few - 3) << 3);
    if (isRepeated) this.#put(head | 6);
    else if (distance < SMALL_DISTANCE) this.#put(head | (distance >> 8), distance & 255);
    else if (distance < MEDIUM_DISTANCE) {
      const part = Math.min(length, 34);
      const word = ((part - 3) & 3) | (distance << 2);
      this.#put(0xa0 | (literals << 3) | ((part - 3) >> 2), word & 255, word >> 8);
      return part;
    } else this.#put(head | 7, distance & 255, distance >> 8);
    return few;
  }

  #literals(start: number, count: number): void {
    for (let done = 0; done < count; ) {
      const part = Math.min(count - done, LONG);
      this.#longOr(0xe0, part);
      this.#copy(start + done, part);
      done += part;
    }
  }

  /** A length in the opcode itself, or, from 16 on, in the byte behind it. */
  #longOr(opcode: number, length: number): void {
    if (length < 16) this.#put(opcode | length);
    else this.#put(opcode, length - 16);
  }

  #copy(start: number, count: number): void {
    this.#target.set(this.#source.subarray(start, start + count), this.#out);
    this.#out += count;
  }

  #put(...bytes: readonly number[]): void {
    for (const byte of bytes) {
      this.#target[this.#out] = byte;
      this.#out += 1;
    }
  }
}
