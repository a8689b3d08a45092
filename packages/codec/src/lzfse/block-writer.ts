// One entropy-coded block (`bvx2`): triplets and literals collected, then written backwards, header in front.

import { BitWriter, type EncodingTable, encodingTable, normalise } from './frequencies.js';
import { D_VALUES, L_VALUES, M_VALUES, STATES, type Values } from './tables.js';

export const LITERALS_LIMIT = 40_000;
export const TRIPLETS_LIMIT = 10_000;
/** Largest values of one triplet. */
export const LONGEST_LITERALS = 315;
export const LONGEST_MATCH = 2359;
const PACKED_SIZE = 32;
const MAGIC = 0x3278_7662;
/** Bits that stand before the triplets, for decoders that read eight bytes at once. */
const PADDING_BYTES = 8;

interface Coded {
  readonly frequencies: Uint16Array;
  readonly payload: { readonly bytes: Uint8Array; readonly bits: number };
  readonly states: readonly number[];
}

export class BlockWriter {
  readonly #literals = new Uint8Array(LITERALS_LIMIT);
  readonly #l = new Int32Array(TRIPLETS_LIMIT);
  readonly #m = new Int32Array(TRIPLETS_LIMIT);
  /** 0: as the one before. */
  readonly #d = new Int32Array(TRIPLETS_LIMIT);
  #literalCount = 0;
  #triplets = 0;
  #distance = 0;
  #size = 0;

  get isEmpty(): boolean {
    return this.#triplets === 0;
  }

  /** False if this block has no room for that any more. */
  hasRoomFor(literals: number): boolean {
    return this.#triplets < TRIPLETS_LIMIT && this.#literalCount + literals <= LITERALS_LIMIT;
  }

  /** `literals`, then `match` bytes from `distance` back; lengths within one triplet's limits. */
  add(literals: Uint8Array, match: number, distance: number): void {
    this.#literals.set(literals, this.#literalCount);
    this.#literalCount += literals.length;
    this.#l[this.#triplets] = literals.length;
    this.#m[this.#triplets] = match;
    this.#d[this.#triplets] = distance === this.#distance ? 0 : distance;
    this.#distance = distance;
    this.#triplets += 1;
    this.#size += literals.length + match;
  }

  /** The block's bytes; empty again afterwards. */
  take(): Uint8Array {
    const literals = this.#codedLiterals();
    const lmd = this.#codedTriplets();
    const packed = packFrequencies([...lmd.map(({ frequencies }) => frequencies), literals.frequencies]);
    const size = PACKED_SIZE + packed.length;
    const triplets = (lmd[0] as Coded).payload;
    const block = new Uint8Array(size + literals.payload.bytes.length + triplets.bytes.length);
    const view = new DataView(block.buffer);
    view.setUint32(0, MAGIC, true);
    view.setUint32(4, this.#size, true);
    putFields(view, 8, [
      [this.#literalCount, 20],
      [literals.payload.bytes.length, 20],
      [this.#triplets, 20],
      [literals.payload.bits + 7, 3],
    ]);
    putFields(view, 16, [
      ...literals.states.map((state): [number, number] => [state, 10]),
      [triplets.bytes.length, 20],
      [triplets.bits + 7, 3],
    ]);
    putFields(view, 24, [[size, 32], ...lmd.map(({ states }): [number, number] => [states[0] ?? 0, 10])]);
    block.set(packed, PACKED_SIZE);
    block.set(literals.payload.bytes, size);
    block.set(triplets.bytes, size + literals.payload.bytes.length);
    this.#literalCount = 0;
    this.#triplets = 0;
    this.#distance = 0;
    this.#size = 0;
    return block;
  }

  /** Padded with zeros to a multiple of four: four states take turns. */
  #codedLiterals(): Coded {
    const count = Math.ceil(this.#literalCount / 4) * 4;
    this.#literals.fill(0, this.#literalCount, count);
    this.#literalCount = count;
    const literals = this.#literals.subarray(0, count);
    const counts = new Uint32Array(256);
    for (const literal of literals) counts[literal] = (counts[literal] as number) + 1;
    const frequencies = normalise(counts, STATES.literal);
    const table = encodingTable(frequencies, STATES.literal);
    const writer = new BitWriter(count * 2 + 8);
    const states = [0, 0, 0, 0];
    for (let i = count - 4; i >= 0; i -= 4)
      for (let j = 3; j >= 0; j -= 1) states[j] = writer.symbol(table, literals[i + j] as number, states[j] as number);
    return { frequencies, payload: writer.end(), states };
  }

  /** Of L, M and D, in this order; one payload for the three. */
  #codedTriplets(): Coded[] {
    const count = this.#triplets;
    const kinds = [
      { values: this.#l.subarray(0, count), of: L_VALUES, states: STATES.l },
      { values: this.#m.subarray(0, count), of: M_VALUES, states: STATES.m },
      { values: this.#d.subarray(0, count), of: D_VALUES, states: STATES.d },
    ].map(({ values, of, states }) => {
      const symbols = Uint8Array.from(values, (value) => symbolOf(value, of));
      const counts = new Uint32Array(of.base.length);
      for (const symbol of symbols) counts[symbol] = (counts[symbol] as number) + 1;
      const frequencies = normalise(counts, states);
      return { values, symbols, of, frequencies, table: encodingTable(frequencies, states), state: 0 };
    });
    const writer = new BitWriter(count * 9 + 2 * PADDING_BYTES);
    for (let i = 0; i < PADDING_BYTES; i += 1) writer.put(0, 8);
    for (let i = count - 1; i >= 0; i -= 1)
      for (let kind = 2; kind >= 0; kind -= 1) {
        const { values, symbols, of, table, state } = kinds[kind] as (typeof kinds)[number];
        const symbol = symbols[i] as number;
        writer.put((values[i] as number) - (of.base[symbol] as number), of.bits[symbol] as number);
        (kinds[kind] as { state: number }).state = writer.symbol(table as EncodingTable, symbol, state);
      }
    const payload = writer.end();
    return kinds.map(({ frequencies, state }) => ({ frequencies, payload, states: [state] }));
  }
}

/** The symbol whose values include `value`. */
function symbolOf(value: number, { base }: Values): number {
  let low = 0;
  for (let high = base.length; high - low > 1; ) {
    const middle = (low + high) >> 1;
    if ((base[middle] as number) <= value) low = middle;
    else high = middle;
  }
  return low;
}

/** Numbers of up to 32 bits into 64, the first one lowest. */
function putFields(view: DataView, at: number, fields: readonly (readonly [value: number, bits: number])[]): void {
  let word = 0n;
  let shift = 0n;
  for (const [value, bits] of fields) {
    word |= BigInt(value) << shift;
    shift += BigInt(bits);
  }
  view.setBigUint64(at, word, true);
}

/** Each in 2 to 14 bits, least significant bit first. */
function packFrequencies(tables: readonly Uint16Array[]): Uint8Array {
  const writer = new BitWriter(1024);
  for (const frequencies of tables)
    for (const frequency of frequencies) {
      if (frequency < 2) writer.put(frequency === 0 ? 0b00 : 0b10, 2);
      else if (frequency < 4) writer.put(frequency === 2 ? 0b001 : 0b101, 3);
      else if (frequency < 8) writer.put(0b011 | ((frequency - 4) << 3), 5);
      else if (frequency < 24) writer.put(0b0111 | ((frequency - 8) << 4), 8);
      else writer.put(0b1111 | ((frequency - 24) << 4), 14);
    }
  return writer.end().bytes;
}
