// LZFSE streams: blocks of raw bytes, LZVN, or finite-state-entropy coded matches.
// Source: the public lzfse project's format, as docs/formats/codecs.md describes it.

import { CorruptError } from '@tintype/core';
import { decodeLzvn } from './lzvn.js';

const L_BASE = bases(20, (s) => (s < 16 ? 0 : ([2, 3, 5, 8][s - 16] as number)));
const M_BASE = bases(20, (s) => (s < 16 ? 0 : ([3, 5, 8, 11][s - 16] as number)));
const D_BASE = bases(64, (s) => s >> 2);
const LITERALS_LIMIT = 40_000;
const TRIPLETS_LIMIT = 10_000;

interface Values {
  readonly base: Int32Array;
  readonly bits: Int32Array;
}

function bases(symbols: number, bitsOf: (symbol: number) => number): Values {
  const base = new Int32Array(symbols);
  const bits = new Int32Array(symbols);
  for (let s = 0, value = 0; s < symbols; s += 1) {
    base[s] = value;
    bits[s] = bitsOf(s);
    value += 2 ** bitsOf(s);
  }
  return { base, bits };
}

/** Decodes a whole stream into `target`, which it must fill exactly. @throws CorruptError */
export function decodeLzfse(source: Uint8Array, target: Uint8Array): void {
  const view = new DataView(source.buffer, source.byteOffset, source.length);
  let at = 0;
  let out = 0;
  for (;;) {
    if (at + 4 > source.length) throw corrupt(at, 'ends without an end mark');
    const magic = view.getUint32(at, true);
    if (magic === 0x2478_7662) break;
    if (at + 12 > source.length) throw corrupt(at, 'a block is cut off');
    const size = view.getUint32(at + 4, true);
    if (size > target.length - out) throw corrupt(at, `a block of ${size} bytes where ${target.length - out} are left`);
    if (magic === 0x2d78_7662) at = rawBlock(source, at + 8, size, target, out);
    else if (magic === 0x6e78_7662) at = lzvnBlock(source, view, at, size, target, out);
    else if (magic === 0x3278_7662) at = fseBlock(source, view, at, size, target, out);
    else throw corrupt(at, `unknown block ${magic.toString(16)}`);
    out += size;
  }
  if (out !== target.length) throw corrupt(at, `${out} bytes instead of ${target.length}`);
}

function rawBlock(source: Uint8Array, at: number, size: number, target: Uint8Array, out: number): number {
  if (at + size > source.length) throw corrupt(at, 'raw bytes are cut off');
  target.set(source.subarray(at, at + size), out);
  return at + size;
}

function lzvnBlock(
  source: Uint8Array,
  view: DataView,
  at: number,
  size: number,
  target: Uint8Array,
  out: number,
): number {
  const payload = view.getUint32(at + 8, true);
  if (at + 12 + payload > source.length) throw corrupt(at, 'an LZVN block is cut off');
  const end = decodeLzvn(source.subarray(at + 12, at + 12 + payload), target, out, out + size);
  if (end !== out + size) throw corrupt(at, 'an LZVN block is too short');
  return at + 12 + payload;
}

interface Entry {
  readonly symbol: Uint16Array;
  readonly bits: Uint8Array;
  readonly delta: Int32Array;
}

interface Header {
  readonly literals: number;
  readonly literalBytes: number;
  readonly literalBits: number;
  readonly literalStates: number[];
  readonly triplets: number;
  readonly lmdBytes: number;
  readonly lmdBits: number;
  readonly lmdStates: number[];
  readonly size: number;
}

function bitsOf(view: DataView, at: number, from: number, count: number): number {
  const low = view.getUint32(at, true);
  const high = view.getUint32(at + 4, true);
  if (from + count <= 32) return (low >>> from) & (2 ** count - 1);
  if (from >= 32) return (high >>> (from - 32)) & (2 ** count - 1);
  const below = 32 - from;
  return ((low >>> from) | ((high & (2 ** (count - below) - 1)) << below)) >>> 0;
}

function readHeader(view: DataView, at: number): Header {
  if (at + 32 > view.byteLength) throw corrupt(at, 'a block header is cut off');
  const header: Header = {
    literals: bitsOf(view, at + 8, 0, 20),
    literalBytes: bitsOf(view, at + 8, 20, 20),
    triplets: bitsOf(view, at + 8, 40, 20),
    literalBits: bitsOf(view, at + 8, 60, 3) - 7,
    literalStates: [0, 10, 20, 30].map((from) => bitsOf(view, at + 16, from, 10)),
    lmdBytes: bitsOf(view, at + 16, 40, 20),
    lmdBits: bitsOf(view, at + 16, 60, 3) - 7,
    size: view.getUint32(at + 24, true),
    lmdStates: [32, 42, 52].map((from) => bitsOf(view, at + 24, from, 10)),
  };
  const { literals, triplets, literalStates, lmdStates, size, literalBytes, lmdBytes } = header;
  if (literals > LITERALS_LIMIT || literals % 4 !== 0 || triplets > TRIPLETS_LIMIT)
    throw corrupt(at, 'too many literals or matches');
  if (literalStates.some((state) => state >= 1024) || lmdStates.some((state, i) => state >= (i === 2 ? 256 : 64)))
    throw corrupt(at, 'a state is out of range');
  if (size < 32 || size > 32 + 630 || at + size + literalBytes + lmdBytes > view.byteLength)
    throw corrupt(at, 'a payload is cut off');
  return header;
}

const FREQUENCY_COUNT = 360;

/** 360 packed frequencies, least significant bit first. */
function readFrequencies(source: Uint8Array, at: number, end: number): Uint16Array {
  const frequencies = new Uint16Array(FREQUENCY_COUNT);
  if (end === at) return frequencies;
  let window = 0;
  let have = 0;
  let position = at;
  for (let i = 0; i < FREQUENCY_COUNT; i += 1) {
    for (; have < 14 && position < end; have += 8, position += 1) window |= (source[position] as number) << have;
    const [value, bits] = frequency(window);
    if (bits > have) throw corrupt(at, 'the frequencies are cut off');
    frequencies[i] = value;
    window >>>= bits;
    have -= bits;
  }
  return frequencies;
}

function frequency(window: number): readonly [number, number] {
  switch (window & 3) {
    case 0:
      return [0, 2];
    case 2:
      return [1, 2];
    case 1:
      return [(window & 4) !== 0 ? 3 : 2, 3];
    default:
      if ((window & 7) === 3) return [4 + ((window >> 3) & 3), 5];
      return (window & 15) === 7 ? [8 + ((window >> 4) & 15), 8] : [24 + ((window >> 4) & 1023), 14];
  }
}

function decodingTable(frequencies: Uint16Array, states: number, at: number): Entry {
  const table = { symbol: new Uint16Array(states), bits: new Uint8Array(states), delta: new Int32Array(states) };
  let state = 0;
  for (const [symbol, f] of frequencies.entries()) {
    if (f === 0) continue;
    if (state + f > states) throw corrupt(at, 'the frequencies sum to too much');
    const k = Math.clz32(f) - Math.clz32(states);
    const j0 = ((2 * states) >> k) - f;
    for (let j = 0; j < f; j += 1, state += 1) {
      table.symbol[state] = symbol;
      table.bits[state] = j < j0 ? k : k - 1;
      table.delta[state] = j < j0 ? ((f + j) << k) - states : (j - j0) << (k - 1);
    }
  }
  if (state !== 0 && state !== states) throw corrupt(at, 'the frequencies sum to too little');
  return table;
}

/** Bits read from the end of a stretch downwards. */
class BackwardBits {
  #position: number;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, padding: number) {
    this.#bytes = bytes;
    this.#position = bytes.length * 8 + padding;
  }
  pull(count: number): number {
    if (count === 0) return 0;
    this.#position -= count;
    if (this.#position < 0) throw corrupt(0, 'the bits are used up');
    const byte = this.#position >> 3;
    const shift = this.#position & 7;
    const bytes = this.#bytes;
    const low = (bytes[byte] as number) | ((bytes[byte + 1] ?? 0) << 8) | ((bytes[byte + 2] ?? 0) << 16);
    const value = shift + count > 24 ? (low + (bytes[byte + 3] ?? 0) * 0x100_0000) / 2 ** shift : low >>> shift;
    return Math.floor(value) & (2 ** count - 1);
  }
}

function fseBlock(
  source: Uint8Array,
  view: DataView,
  at: number,
  size: number,
  target: Uint8Array,
  out: number,
): number {
  const header = readHeader(view, at);
  const frequencies = readFrequencies(source, at + 32, at + header.size);
  const tables = {
    l: decodingTable(frequencies.subarray(0, 20), 64, at),
    m: decodingTable(frequencies.subarray(20, 40), 64, at),
    d: decodingTable(frequencies.subarray(40, 104), 256, at),
    literal: decodingTable(frequencies.subarray(104), 1024, at),
  };
  const literalEnd = at + header.size + header.literalBytes;
  const literals = decodeLiterals(source.subarray(at + header.size, literalEnd), header, tables.literal);
  const end = literalEnd + header.lmdBytes;
  decodeMatches(
    new BackwardBits(source.subarray(literalEnd, end), header.lmdBits),
    header,
    tables,
    literals,
    target,
    out,
    out + size,
    at,
  );
  return end;
}

function decodeLiterals(bytes: Uint8Array, header: Header, table: Entry): Uint8Array {
  const bits = new BackwardBits(bytes, header.literalBits);
  const states = [...header.literalStates];
  const literals = new Uint8Array(header.literals);
  for (let i = 0; i < literals.length; i += 1) {
    const state = states[i & 3] as number;
    literals[i] = table.symbol[state] as number;
    states[i & 3] = (table.delta[state] as number) + bits.pull(table.bits[state] as number);
  }
  return literals;
}

function decodeMatches(
  bits: BackwardBits,
  header: Header,
  tables: { l: Entry; m: Entry; d: Entry },
  literals: Uint8Array,
  target: Uint8Array,
  start: number,
  end: number,
  at: number,
): void {
  const [lState = 0, mState = 0, dState = 0] = header.lmdStates;
  const states = { l: lState, m: mState, d: dState };
  const next = (name: 'l' | 'm' | 'd', values: Values): number => {
    const table = tables[name];
    const state = states[name];
    const symbol = table.symbol[state] as number;
    states[name] = (table.delta[state] as number) + bits.pull(table.bits[state] as number);
    return (values.base[symbol] as number) + bits.pull(values.bits[symbol] as number);
  };
  let out = start;
  let literal = 0;
  let distance = 0;
  for (let i = 0; i < header.triplets; i += 1) {
    const l = next('l', L_BASE);
    const m = next('m', M_BASE);
    const d = next('d', D_BASE);
    if (d !== 0) distance = d;
    if (literal + l > literals.length || out + l + m > end) throw corrupt(at, 'a block holds more than it says');
    target.set(literals.subarray(literal, literal + l), out);
    literal += l;
    out += l;
    if (m > 0 && (distance === 0 || distance > out)) throw corrupt(at, `a match from ${distance} bytes back`);
    if (distance >= m) target.copyWithin(out, out - distance, out - distance + m);
    else for (let j = 0; j < m; j += 1) target[out + j] = target[out + j - distance] as number;
    out += m;
  }
  if (out !== end) throw corrupt(at, `a block of ${out - start} bytes instead of ${end - start}`);
}

function corrupt(at: number, problem: string): CorruptError {
  return new CorruptError('LZFSE stream', 'block', at, problem);
}
