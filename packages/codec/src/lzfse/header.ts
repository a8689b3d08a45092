// Headers of entropy-coded blocks: `bvx2` with packed fields, and `bvx1` with plain ones, which no encoder seen writes.

import { CorruptError } from '@tintype/core';
import { STATES } from './tables.js';

const LITERALS_LIMIT = 40_000;
const TRIPLETS_LIMIT = 10_000;
const SYMBOLS = 360;
const PACKED_SIZE = 32;
const LONGEST_PACKED = PACKED_SIZE + (SYMBOLS * 14) / 8;
const PLAIN_SIZE = 772;
const PLAIN_FREQUENCIES = 50;

export interface BlockHeader {
  /** Bytes of the header; the literal payload follows, then that of the triplets. */
  readonly size: number;
  readonly literals: number;
  readonly literalBytes: number;
  /** Bits of the payload's last byte that are in use, less 8: -7 to 0. */
  readonly literalBits: number;
  readonly literalStates: readonly number[];
  readonly triplets: number;
  readonly tripletBytes: number;
  readonly tripletBits: number;
  /** Of L, M, D. */
  readonly tripletStates: readonly number[];
  readonly frequencies: Frequencies;
}

export interface Frequencies {
  readonly l: Uint16Array;
  readonly m: Uint16Array;
  readonly d: Uint16Array;
  readonly literal: Uint16Array;
}

/** The header of a `bvx2` block, everything in it inside `view`. @throws CorruptError */
export function readPackedHeader(view: DataView, at: number): BlockHeader {
  require(view, at, PACKED_SIZE);
  const size = view.getUint32(at + 24, true);
  if (size < PACKED_SIZE || size > LONGEST_PACKED) throw corrupt(at, `a header of ${size} bytes`);
  require(view, at, size);
  return checked(view, at, {
    size,
    literals: field(view, at + 8, 0, 20),
    literalBytes: field(view, at + 8, 20, 20),
    triplets: field(view, at + 8, 40, 20),
    literalBits: field(view, at + 8, 60, 3) - 7,
    literalStates: [0, 10, 20, 30].map((from) => field(view, at + 16, from, 10)),
    tripletBytes: field(view, at + 16, 40, 20),
    tripletBits: field(view, at + 16, 60, 3) - 7,
    tripletStates: [32, 42, 52].map((from) => field(view, at + 24, from, 10)),
    frequencies: split(unpack(view, at + PACKED_SIZE, at + size)),
  });
}

/** The header of a `bvx1` block. @throws CorruptError */
export function readPlainHeader(view: DataView, at: number): BlockHeader {
  require(view, at, PLAIN_SIZE);
  const u16 = (offset: number) => view.getUint16(at + offset, true);
  return checked(view, at, {
    size: PLAIN_SIZE,
    literals: view.getUint32(at + 12, true),
    triplets: view.getUint32(at + 16, true),
    literalBytes: view.getUint32(at + 20, true),
    tripletBytes: view.getUint32(at + 24, true),
    literalBits: view.getInt32(at + 28, true),
    literalStates: [32, 34, 36, 38].map(u16),
    tripletBits: view.getInt32(at + 40, true),
    tripletStates: [44, 46, 48].map(u16),
    frequencies: split(Uint16Array.from({ length: SYMBOLS }, (_, i) => u16(PLAIN_FREQUENCIES + 2 * i))),
  });
}

function checked(view: DataView, at: number, header: BlockHeader): BlockHeader {
  const { literals, triplets, literalStates, tripletStates, literalBits, tripletBits } = header;
  if (literals > LITERALS_LIMIT || literals % 4 !== 0) throw corrupt(at, `${literals} literals`);
  if (triplets > TRIPLETS_LIMIT) throw corrupt(at, `${triplets} matches`);
  if (literalStates.some((state) => state >= STATES.literal)) throw corrupt(at, 'a literal state is out of range');
  const limits = [STATES.l, STATES.m, STATES.d];
  if (tripletStates.some((state, i) => state >= (limits[i] as number)))
    throw corrupt(at, 'a state of the matches is out of range');
  for (const bits of [literalBits, tripletBits])
    if (bits < -7 || bits > 0) throw corrupt(at, `${bits} bits of a last byte`);
  require(view, at, header.size + header.literalBytes + header.tripletBytes);
  return header;
}

/** `count` bits from bit `from` on of the 64 at `at`. */
function field(view: DataView, at: number, from: number, count: number): number {
  const low = view.getUint32(at, true);
  const high = view.getUint32(at + 4, true);
  const mask = 2 ** count - 1;
  if (from >= 32) return (high >>> (from - 32)) & mask;
  return (from === 0 ? low : (low >>> from) | (high << (32 - from))) & mask;
}

function split(all: Uint16Array): Frequencies {
  return { l: all.subarray(0, 20), m: all.subarray(20, 40), d: all.subarray(40, 104), literal: all.subarray(104) };
}

/** Frequencies in 2 to 14 bits each, least significant bit first. Nothing there: all are 0. */
function unpack(view: DataView, at: number, end: number): Uint16Array {
  const frequencies = new Uint16Array(SYMBOLS);
  if (at === end) return frequencies;
  let window = 0;
  let have = 0;
  let next = at;
  for (let i = 0; i < SYMBOLS; i += 1) {
    for (; have < 14 && next < end; have += 8, next += 1) window |= view.getUint8(next) << have;
    const bits = bitsOf(window);
    if (bits > have) throw corrupt(at, 'the frequencies are cut off');
    frequencies[i] = frequencyOf(window);
    window >>>= bits;
    have -= bits;
  }
  if (next !== end || have >= 8) throw corrupt(at, 'the frequencies end before the header does');
  return frequencies;
}

function bitsOf(window: number): number {
  if ((window & 1) === 0) return 2;
  if ((window & 2) === 0) return 3;
  if ((window & 4) === 0) return 5;
  return (window & 8) === 0 ? 8 : 14;
}

function frequencyOf(window: number): number {
  if ((window & 1) === 0) return (window >> 1) & 1;
  if ((window & 2) === 0) return 2 + ((window >> 2) & 1);
  if ((window & 4) === 0) return 4 + ((window >> 3) & 3);
  return (window & 8) === 0 ? 8 + ((window >> 4) & 15) : 24 + ((window >> 4) & 1023);
}

function require(view: DataView, at: number, length: number): void {
  if (at + length > view.byteLength) throw corrupt(at, 'a block is cut off');
}

function corrupt(at: number, problem: string): CorruptError {
  return new CorruptError('LZFSE stream', 'header', at, problem);
}
