// Encodes LZMA2: hash chains, the four last distances, one step of lazy comparison. Levels differ in how long they look.
// (No optimal parsing, no matches below 4 bytes: at level 6, text came out 6 % and programs 14 % larger than by `xz -6`.)

import { MatchFinder } from '../matches.js';
import {
  ALIGN_BITS,
  AT,
  afterLiteral,
  afterMatch,
  afterRepeat,
  afterShortRepeat,
  DEFAULT_PROPERTIES,
  FIRST_ALIGNED_SLOT,
  FIRST_LONG_SLOT,
  HALF,
  LENGTH_CHOICE,
  LENGTH_CHOICE_2,
  LENGTH_HIGH,
  LENGTH_LOW,
  LENGTH_MIDDLE,
  LENGTH_STATES,
  LITERAL_STATES,
  LONGEST_MATCH,
  literalAt,
  newProbabilities,
  propertiesByte,
  SHORTEST_MATCH,
  SLOT_BITS,
} from './model.js';
import { RangeEncoder } from './range-encoder.js';

/** Of one chunk, clear and stored. */
const CLEAR_LIMIT = 1 << 21;
const STORED_LIMIT = 1 << 16;
const RAW_LIMIT = 1 << 16;
/** More than any symbol takes. */
const SYMBOL_ROOM = 64;
const POSITIONS = (1 << DEFAULT_PROPERTIES.pb) - 1;

/** Distances reach this far back, in bytes; the stream has to say so. */
export const DICTIONARY = 8 << 20;

/** A whole LZMA2 stream with its end mark. */
export function encodeLzma2(source: Uint8Array, level: number): Uint8Array {
  return new Lzma2Encoder(source, level).run();
}

class Lzma2Encoder {
  readonly #source: Uint8Array;
  readonly #probabilities = newProbabilities();
  readonly #coder = new RangeEncoder(this.#probabilities, STORED_LIMIT + SYMBOL_ROOM);
  readonly #finder: MatchFinder;
  readonly #parts: Uint8Array[] = [];
  #state = 0;
  /** Each less 1. */
  readonly #repeats: [number, number, number, number] = [0, 0, 0, 0];
  #at = 0;
  #isFirst = true;
  #needsState = true;
  #needsProperties = true;
  /** Length of the match at `#at` that was looked for one step ago; 0: look now. */
  #aheadLength = 0;
  #aheadDistance = 0;

  constructor(source: Uint8Array, level: number) {
    this.#source = source;
    const depth = 1 << Math.max(2, Math.min(level, 9));
    const limits = {
      shortest: 4,
      longest: LONGEST_MATCH,
      window: DICTIONARY,
      depth,
      enough: 16 << (level >> 1),
    } as const;
    this.#finder = new MatchFinder(source, limits);
  }

  run(): Uint8Array {
    while (this.#at < this.#source.length) this.#chunk();
    return Buffer.concat([...this.#parts, Uint8Array.of(0)]);
  }

  #chunk(): void {
    const start = this.#at;
    if (this.#needsState) {
      this.#probabilities.fill(HALF);
      this.#state = 0;
      this.#repeats.fill(0);
    }
    this.#coder.begin();
    while (
      this.#at < this.#source.length &&
      this.#coder.size + SYMBOL_ROOM <= STORED_LIMIT &&
      this.#at - start + LONGEST_MATCH <= CLEAR_LIMIT
    )
      this.#symbol();
    const stored = this.#coder.end();
    const size = this.#at - start;
    if (stored.length >= size) this.#raw(start);
    else this.#coded(size, stored);
    this.#isFirst = false;
  }

  #coded(size: number, stored: Uint8Array): void {
    // Dictionary, properties, state: each reset includes the ones behind it.
    const reset = this.#isFirst ? 3 : this.#needsProperties ? 2 : this.#needsState ? 1 : 0;
    const head = [0x80 | (reset << 5) | ((size - 1) >> 16), (size - 1) >> 8, size - 1];
    head.push((stored.length - 1) >> 8, stored.length - 1);
    if (reset >= 2) head.push(propertiesByte(DEFAULT_PROPERTIES));
    this.#parts.push(Uint8Array.from(head), stored.slice());
    this.#needsState = false;
    this.#needsProperties = false;
  }

  /** What does not shrink is kept as it is; all that was learned from it is forgotten. */
  #raw(start: number): void {
    for (let at = start; at < this.#at; at += RAW_LIMIT) {
      const part = this.#source.subarray(at, Math.min(at + RAW_LIMIT, this.#at));
      const control = this.#isFirst ? 1 : 2;
      this.#isFirst = false;
      this.#parts.push(Uint8Array.of(control, (part.length - 1) >> 8, part.length - 1), part);
    }
    this.#needsState = true;
  }

  #symbol(): void {
    const at = this.#at;
    const limit = LONGEST_MATCH;
    let repeat = 0;
    let repeatLength = 0;
    for (let i = 0; i < 4; i += 1) {
      const length = this.#finder.same(at, (this.#repeats[i] as number) + 1, limit);
      if (length > repeatLength) {
        repeatLength = length;
        repeat = i;
      }
    }
    this.#look(at);
    const length = this.#aheadLength;
    const distance = this.#aheadDistance;
    this.#aheadLength = 0;
    // A distance that is known costs little: worth two bytes of length, near ones less.
    if (repeatLength >= 2 && repeatLength + 1 >= length) this.#repeat(repeat, repeatLength);
    else if (length >= 4 && repeatLength >= 2 && repeatLength + 2 >= length && distance > 1 << 9)
      this.#repeat(repeat, repeatLength);
    else if (length >= 4 && !this.#isBetterLater(length)) this.#match(length, distance);
    else if (length < 4 && repeatLength === 1 && repeat === 0) this.#shortRepeat();
    else this.#literal();
  }

  /** Sets `#aheadLength` and `#aheadDistance` for `at`, unless the step before did. */
  #look(at: number): void {
    if (this.#aheadLength > 0) return;
    this.#finder.find(at);
    this.#aheadLength = this.#finder.length;
    this.#aheadDistance = this.#finder.distance;
  }

  /** Whether a literal here is worth a longer match at the next byte; that one is then remembered. */
  #isBetterLater(length: number): boolean {
    if (length >= 32) return false;
    this.#finder.find(this.#at + 1);
    if (this.#finder.length <= length) return false;
    this.#aheadLength = this.#finder.length;
    this.#aheadDistance = this.#finder.distance;
    return true;
  }

  #literal(): void {
    const coder = this.#coder;
    const source = this.#source;
    const at = this.#at;
    coder.bit(AT.isMatch + (this.#state << 4) + (at & POSITIONS), 0);
    const base = literalAt(DEFAULT_PROPERTIES, at, at === 0 ? 0 : (source[at - 1] as number));
    const byte = source[at] as number;
    let symbol = 1;
    let next = 7;
    if (this.#state >= LITERAL_STATES) {
      const match = source[at - this.#repeats[0] - 1] as number;
      for (; next >= 0; next -= 1) {
        const matchBit = (match >> next) & 1;
        const bit = (byte >> next) & 1;
        coder.bit(base + ((1 + matchBit) << 8) + symbol, bit);
        symbol = (symbol << 1) | bit;
        if (bit !== matchBit) {
          next -= 1;
          break;
        }
      }
    }
    for (; next >= 0; next -= 1) {
      const bit = (byte >> next) & 1;
      coder.bit(base + symbol, bit);
      symbol = (symbol << 1) | bit;
    }
    this.#state = afterLiteral(this.#state);
    this.#at += 1;
  }

  #match(length: number, distance: number): void {
    const state = this.#beginMatch(0);
    this.#length(AT.matchLength, length);
    this.#distance(distance - 1, length);
    const repeats = this.#repeats;
    repeats[3] = repeats[2];
    repeats[2] = repeats[1];
    repeats[1] = repeats[0];
    repeats[0] = distance - 1;
    this.#state = afterMatch(state);
    this.#at += length;
  }

  #repeat(which: number, length: number): void {
    const coder = this.#coder;
    const state = this.#beginMatch(1);
    coder.bit(AT.isNotFirst + state, which === 0 ? 0 : 1);
    if (which === 0) coder.bit(AT.isLong + (state << 4) + (this.#at & POSITIONS), 1);
    else {
      coder.bit(AT.isNotSecond + state, which === 1 ? 0 : 1);
      if (which > 1) coder.bit(AT.isNotThird + state, which - 2);
    }
    this.#length(AT.repeatLength, length);
    const distance = this.#repeats[which] as number;
    for (let i = which; i > 0; i -= 1) this.#repeats[i] = this.#repeats[i - 1] as number;
    this.#repeats[0] = distance;
    this.#state = afterRepeat(state);
    this.#at += length;
  }

  #shortRepeat(): void {
    const state = this.#beginMatch(1);
    this.#coder.bit(AT.isNotFirst + state, 0);
    this.#coder.bit(AT.isLong + (state << 4) + (this.#at & POSITIONS), 0);
    this.#state = afterShortRepeat(state);
    this.#at += 1;
  }

  /** Answers the state before it. */
  #beginMatch(isRepeat: number): number {
    const state = this.#state;
    this.#coder.bit(AT.isMatch + (state << 4) + (this.#at & POSITIONS), 1);
    this.#coder.bit(AT.isRepeat + state, isRepeat);
    return state;
  }

  #length(at: number, length: number): void {
    const coder = this.#coder;
    const value = length - SHORTEST_MATCH;
    const positionState = this.#at & POSITIONS;
    coder.bit(at + LENGTH_CHOICE, value < 8 ? 0 : 1);
    if (value < 8) coder.tree(at + LENGTH_LOW + (positionState << 3), 3, value);
    else {
      coder.bit(at + LENGTH_CHOICE_2, value < 16 ? 0 : 1);
      if (value < 16) coder.tree(at + LENGTH_MIDDLE + (positionState << 3), 3, value - 8);
      else coder.tree(at + LENGTH_HIGH, 8, value - 16);
    }
  }

  /** `distance` less 1. */
  #distance(distance: number, length: number): void {
    const coder = this.#coder;
    const lengthState = Math.min(length - SHORTEST_MATCH, LENGTH_STATES - 1);
    const high = 31 - Math.clz32(distance);
    const slot = distance < FIRST_LONG_SLOT ? distance : (high << 1) | ((distance >>> (high - 1)) & 1);
    coder.tree(AT.slots + (lengthState << SLOT_BITS), SLOT_BITS, slot);
    if (slot < FIRST_LONG_SLOT) return;
    const bits = (slot >> 1) - 1;
    const base = (2 | (slot & 1)) << bits;
    const rest = distance - base;
    if (slot < FIRST_ALIGNED_SLOT) coder.reverse(AT.special + base - slot, bits, rest);
    else {
      coder.direct(rest, bits);
      coder.reverse(AT.align, ALIGN_BITS, rest);
    }
  }
}
