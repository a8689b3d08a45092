// Decodes LZMA2 (a sequence of LZMA and raw chunks) into a target that is its own dictionary.
//
// Invariants: `#in` never passes the end of the chunk, `#out` never that of the chunk's clear bytes; both lie inside
// source and target, which is looked at when a chunk begins.

import { CorruptError } from '@tintype/core';
import { copyMatch } from '../copy.js';
import {
  ALIGN_BITS,
  AT,
  afterLiteral,
  afterMatch,
  afterRepeat,
  afterShortRepeat,
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
  literalAt,
  MOVE_BITS,
  newProbabilities,
  PROBABILITY_BITS,
  type Properties,
  propertiesOf,
  SHORTEST_MATCH,
  SLOT_BITS,
} from './model.js';

const CONTROL = { end: 0, rawFirst: 1, raw: 2, lzma: 0x80 } as const;
/** Bits 5 and 6 of an LZMA chunk's control byte, each including the ones before. */
const RESET = { state: 1, properties: 2, dictionary: 3 } as const;

/** Answers the bytes of `source` that were used, end mark included. Fills `target` from `start` to `end` exactly. */
export function decodeLzma2(source: Uint8Array, target: Uint8Array, start: number, end: number): number {
  return new Lzma2Decoder(source, target, start).run(end);
}

class Lzma2Decoder {
  readonly #source: Uint8Array;
  readonly #target: Uint8Array;
  readonly #probabilities = newProbabilities();
  #properties: Properties | null = null;
  #state = 0;
  readonly #repeats = [0, 0, 0, 0];
  #in = 0;
  #out: number;
  /** Where the dictionary begins; nothing is copied from before it. */
  #dictionary = -1;
  #range = 0;
  #code = 0;
  #needsState = true;

  constructor(source: Uint8Array, target: Uint8Array, start: number) {
    this.#source = source;
    this.#target = target;
    this.#out = start;
  }

  run(end: number): number {
    for (;;) {
      const at = this.#in;
      const control = this.#byte();
      if (control === CONTROL.end) break;
      if (control >= CONTROL.lzma) this.#lzmaChunk(control, end, at);
      else if (control <= CONTROL.raw) this.#rawChunk(control, end, at);
      else throw corrupt(at, `control byte ${control}`);
    }
    if (this.#out !== end) throw corrupt(this.#in, `ends ${end - this.#out} bytes too early`);
    return this.#in;
  }

  #rawChunk(control: number, end: number, at: number): void {
    const size = this.#u16() + 1;
    if (control === CONTROL.rawFirst) this.#dictionary = this.#out;
    else if (this.#dictionary < 0) throw corrupt(at, 'the first chunk has no new dictionary');
    if (size > end - this.#out || this.#in + size > this.#source.length)
      throw corrupt(at, `a raw chunk of ${size} bytes`);
    this.#target.set(this.#source.subarray(this.#in, this.#in + size), this.#out);
    this.#in += size;
    this.#out += size;
    this.#needsState = true;
  }

  #lzmaChunk(control: number, end: number, at: number): void {
    const size = (((control & 0x1f) << 16) | this.#u16()) + 1;
    const stored = this.#u16() + 1;
    const reset = (control >> 5) & 3;
    if (reset === RESET.dictionary) this.#dictionary = this.#out;
    else if (this.#dictionary < 0) throw corrupt(at, 'the first chunk has no new dictionary');
    if (reset >= RESET.properties) {
      this.#properties = propertiesOf(this.#byte());
      if (!this.#properties) throw corrupt(at, 'there are no such properties');
    }
    if (!this.#properties || (reset < RESET.state && this.#needsState))
      throw corrupt(at, 'a chunk goes on where nothing was begun');
    if (reset >= RESET.state) {
      this.#probabilities.fill(HALF);
      this.#state = 0;
      this.#repeats.fill(0);
    }
    this.#needsState = false;
    const next = this.#in + stored;
    if (size > end - this.#out || next > this.#source.length)
      throw corrupt(at, `a chunk of ${stored} bytes for ${size}, where ${end - this.#out} are wanted`);
    if (stored < 5 || this.#byte() !== 0) throw corrupt(at, 'the range coder does not begin with 0');
    this.#range = 0xffff_ffff;
    this.#code = ((this.#u16() << 16) | this.#u16()) >>> 0;
    this.#symbols(this.#properties, this.#out + size);
    if (this.#in !== next || this.#code !== 0) throw corrupt(at, 'a chunk is not used up');
  }

  #symbols(properties: Properties, end: number): void {
    const target = this.#target;
    const positions = (1 << properties.pb) - 1;
    const dictionary = this.#dictionary;
    while (this.#out < end) {
      const position = this.#out - dictionary;
      const positionState = position & positions;
      if (this.#bit(AT.isMatch + (this.#state << 4) + positionState) === 0) {
        this.#literal(properties, position);
        continue;
      }
      const length = this.#match(positionState);
      const distance = (this.#repeats[0] as number) + 1;
      if (distance > position) throw corrupt(this.#in, `a match from ${distance} bytes back`);
      if (length > end - this.#out) throw corrupt(this.#in, 'a match reaches behind its chunk');
      if (length === 1) target[this.#out] = target[this.#out - distance] as number;
      else copyMatch(target, this.#out, distance, length);
      this.#out += length;
    }
  }

  #literal(properties: Properties, position: number): void {
    const target = this.#target;
    const base = literalAt(properties, position, position === 0 ? 0 : (target[this.#out - 1] as number));
    let symbol = 1;
    if (this.#state >= LITERAL_STATES) {
      // After a match the byte that would have continued it tells which one is unlikely.
      const distance = (this.#repeats[0] as number) + 1;
      if (distance > position) throw corrupt(this.#in, `a literal that looks ${distance} bytes back`);
      let match = target[this.#out - distance] as number;
      while (symbol < 0x100) {
        const matchBit = (match >> 7) & 1;
        match <<= 1;
        const bit = this.#bit(base + ((1 + matchBit) << 8) + symbol);
        symbol = (symbol << 1) | bit;
        if (bit !== matchBit) break;
      }
    }
    while (symbol < 0x100) symbol = (symbol << 1) | this.#bit(base + symbol);
    target[this.#out] = symbol;
    this.#out += 1;
    this.#state = afterLiteral(this.#state);
  }

  /** Answers the length; its distance is the first of the repeats afterwards. */
  #match(positionState: number): number {
    const state = this.#state;
    const repeats = this.#repeats as [number, number, number, number];
    if (this.#bit(AT.isRepeat + state) === 0) {
      const length = this.#length(AT.matchLength, positionState);
      const distance = this.#distance(length);
      repeats[3] = repeats[2];
      repeats[2] = repeats[1];
      repeats[1] = repeats[0];
      repeats[0] = distance;
      this.#state = afterMatch(state);
      return length;
    }
    if (this.#bit(AT.isNotFirst + state) === 0) {
      if (this.#bit(AT.isLong + (state << 4) + positionState) === 0) {
        this.#state = afterShortRepeat(state);
        return 1;
      }
    } else {
      const which = this.#bit(AT.isNotSecond + state) === 0 ? 1 : 2 + this.#bit(AT.isNotThird + state);
      const distance = repeats[which] as number;
      for (let i = which; i > 0; i -= 1) repeats[i] = repeats[i - 1] as number;
      repeats[0] = distance;
    }
    this.#state = afterRepeat(state);
    return this.#length(AT.repeatLength, positionState);
  }

  #length(at: number, positionState: number): number {
    if (this.#bit(at + LENGTH_CHOICE) === 0)
      return SHORTEST_MATCH + this.#tree(at + LENGTH_LOW + (positionState << 3), 3);
    if (this.#bit(at + LENGTH_CHOICE_2) === 0)
      return SHORTEST_MATCH + 8 + this.#tree(at + LENGTH_MIDDLE + (positionState << 3), 3);
    return SHORTEST_MATCH + 16 + this.#tree(at + LENGTH_HIGH, 8);
  }

  /** Less 1. */
  #distance(length: number): number {
    const lengthState = Math.min(length - SHORTEST_MATCH, LENGTH_STATES - 1);
    const slot = this.#tree(AT.slots + (lengthState << SLOT_BITS), SLOT_BITS);
    if (slot < FIRST_LONG_SLOT) return slot;
    const bits = (slot >> 1) - 1;
    const base = (2 | (slot & 1)) * 2 ** bits;
    if (slot < FIRST_ALIGNED_SLOT) return base + this.#reverse(AT.special + base - slot, bits);
    return base + this.#direct(bits - ALIGN_BITS) * 16 + this.#reverse(AT.align, ALIGN_BITS);
  }

  #tree(at: number, bits: number): number {
    let symbol = 1;
    for (let i = 0; i < bits; i += 1) symbol = (symbol << 1) | this.#bit(at + symbol);
    return symbol - (1 << bits);
  }
  #reverse(at: number, bits: number): number {
    let symbol = 1;
    let value = 0;
    for (let i = 0; i < bits; i += 1) {
      const bit = this.#bit(at + symbol);
      symbol = (symbol << 1) | bit;
      value |= bit << i;
    }
    return value;
  }

  #direct(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i += 1) {
      this.#range >>>= 1;
      const bit = this.#code >= this.#range ? 1 : 0;
      if (bit === 1) this.#code = (this.#code - this.#range) >>> 0;
      value = value * 2 + bit;
      if (this.#range < 0x100_0000) this.#refill();
    }
    return value;
  }

  #bit(at: number): number {
    const probability = this.#probabilities[at] as number;
    const bound = (this.#range >>> PROBABILITY_BITS) * probability;
    let bit: number;
    if (this.#code < bound) {
      this.#range = bound;
      this.#probabilities[at] = probability + (((1 << PROBABILITY_BITS) - probability) >> MOVE_BITS);
      bit = 0;
    } else {
      this.#range = (this.#range - bound) >>> 0;
      this.#code = (this.#code - bound) >>> 0;
      this.#probabilities[at] = probability - (probability >> MOVE_BITS);
      bit = 1;
    }
    if (this.#range < 0x100_0000) this.#refill();
    return bit;
  }

  #refill(): void {
    this.#range = (this.#range << 8) >>> 0;
    this.#code = ((this.#code << 8) | this.#byte()) >>> 0;
  }

  #byte(): number {
    if (this.#in >= this.#source.length) throw corrupt(this.#in, 'is cut off');
    const byte = this.#source[this.#in] as number;
    this.#in += 1;
    return byte;
  }
  #u16(): number {
    return (this.#byte() << 8) | this.#byte();
  }
}

function corrupt(at: number, problem: string): CorruptError {
  return new CorruptError('LZMA2 data', 'chunk', at, problem);
}
