// Streams of coded and raw blocks: what `src/lzfse.ts` does. Whatever is not plain sailing is left to that one.

import {
  BASES,
  D_FIRST,
  D_STATES,
  D_SYMBOLS,
  D_TABLE,
  EXTRA,
  FREQUENCIES,
  L_FIRST,
  L_STATES,
  L_SYMBOLS,
  L_TABLE,
  LITERAL_FIRST,
  LITERAL_STATES,
  LITERAL_SYMBOLS,
  LITERAL_TABLE,
  LITERALS,
  LITERALS_LIMIT,
  M_FIRST,
  M_STATES,
  M_SYMBOLS,
  M_TABLE,
  SOURCE,
  SYMBOLS,
  TRIPLETS_LIMIT,
} from './memory';

const RAW: u32 = 0x2d78_7662;
const PACKED: u32 = 0x3278_7662;
const END: u32 = 0x2478_7662;
const PACKED_SIZE: usize = 32;
const LONGEST_PACKED: usize = 662;

/** False: the stream is damaged, or has blocks of other kinds. */
export function decode(sourceLength: i32, target: usize, targetLength: i32): boolean {
  const end = SOURCE + sourceLength;
  const targetEnd = target + targetLength;
  let at = SOURCE;
  let out = target;
  while (true) {
    if (at + 4 > end) return false;
    const magic = load<u32>(at);
    if (magic === END) return out === targetEnd;
    if (at + 12 > end) return false;
    const size = load<u32>(at, 4);
    if (size > <u32>(targetEnd - out)) return false;
    if (magic === RAW) {
      if (size > <u32>(end - at - 8)) return false;
      memory.copy(out, at + 8, size);
      at += 8 + size;
    } else if (magic === PACKED) {
      const length = decodeBlock(at, end, target, out, out + size);
      if (length === 0) return false;
      at += length;
    } else return false;
    out += size;
  }
}

/** Answers how many bytes the block has, 0 if it is damaged. */
function decodeBlock(at: usize, end: usize, target: usize, out: usize, outEnd: usize): usize {
  if (at + PACKED_SIZE > end) return 0;
  const counts = load<u64>(at, 8);
  const states = load<u64>(at, 16);
  const last = load<u64>(at, 24);
  const headerSize = <usize>(last & 0xffff_ffff);
  if (headerSize < PACKED_SIZE || headerSize > LONGEST_PACKED || headerSize > end - at) return 0;
  const literals = <i32>(counts & 0xf_ffff);
  const literalBytes = <usize>((counts >>> 20) & 0xf_ffff);
  const triplets = <i32>((counts >>> 40) & 0xf_ffff);
  const tripletBytes = <usize>((states >>> 40) & 0xf_ffff);
  if (literals > LITERALS_LIMIT || (literals & 3) !== 0 || triplets > TRIPLETS_LIMIT) return 0;
  const length = headerSize + literalBytes + tripletBytes;
  if (length > end - at) return 0;
  if (!unpack(at + PACKED_SIZE, at + headerSize) || !fillTables()) return 0;
  const literalsAt = at + headerSize;
  const tripletsAt = literalsAt + literalBytes;
  const literalBits = <i32>((counts >>> 60) & 7) - 7;
  if (!decodeLiterals(literalsAt, ((<i32>literalBytes) << 3) + literalBits, literals, states)) return 0;
  const tripletBits = <i32>((states >>> 60) & 7) - 7;
  const position = ((<i32>tripletBytes) << 3) + tripletBits;
  return decodeMatches(tripletsAt, position, triplets, last >>> 32, literals, target, out, outEnd) ? length : 0;
}

/** Frequencies in 2 to 14 bits each, least significant bit first. Nothing there: all are 0. */
function unpack(from: usize, end: usize): boolean {
  memory.fill(FREQUENCIES, 0, 2 * SYMBOLS);
  if (from === end) return true;
  let window: u32 = 0;
  let have: i32 = 0;
  let at = from;
  for (let i = 0; i < SYMBOLS; i += 1) {
    for (; have < 14 && at < end; have += 8, at += 1) window |= (<u32>load<u8>(at)) << have;
    let bits = 14;
    let frequency = 24 + ((window >>> 4) & 1023);
    if ((window & 1) === 0) {
      bits = 2;
      frequency = (window >>> 1) & 1;
    } else if ((window & 2) === 0) {
      bits = 3;
      frequency = 2 + ((window >>> 2) & 1);
    } else if ((window & 4) === 0) {
      bits = 5;
      frequency = 4 + ((window >>> 3) & 3);
    } else if ((window & 8) === 0) {
      bits = 8;
      frequency = 8 + ((window >>> 4) & 15);
    }
    if (bits > have) return false;
    store<u16>(FREQUENCIES + (i << 1), <u16>frequency);
    window >>>= bits;
    have -= bits;
  }
  return at === end && have < 8;
}

function fillTables(): boolean {
  return (
    fillTable(L_FIRST, L_SYMBOLS, L_STATES, L_TABLE) &&
    fillTable(M_FIRST, M_SYMBOLS, M_STATES, M_TABLE) &&
    fillTable(D_FIRST, D_SYMBOLS, D_STATES, D_TABLE) &&
    fillTable(LITERAL_FIRST, LITERAL_SYMBOLS, LITERAL_STATES, LITERAL_TABLE)
  );
}

/** False unless the frequencies sum to the number of states, or to 0. */
function fillTable(first: i32, symbols: i32, states: i32, table: usize): boolean {
  let sum = 0;
  for (let symbol = first; symbol < first + symbols; symbol += 1) sum += <i32>load<u16>(FREQUENCIES + (symbol << 1));
  if (sum === 0) memory.fill(table, 0, first === LITERAL_FIRST ? 4 * states : 8 * states);
  if (sum !== states) return sum === 0;
  let state = 0;
  for (let symbol = 0; symbol < symbols; symbol += 1) {
    const frequency = <i32>load<u16>(FREQUENCIES + ((first + symbol) << 1));
    if (frequency === 0) continue;
    const k = clz<i32>(frequency) - clz<i32>(states);
    const few = ((2 * states) >> k) - frequency;
    for (let j = 0; j < frequency; j += 1, state += 1) {
      const bits = j < few ? k : k - 1;
      const next = j < few ? ((frequency + j) << k) - states : (j - few) << (k - 1);
      if (first === LITERAL_FIRST) store<i32>(table + (state << 2), bits | (symbol << 8) | (next << 16));
      else {
        const more = load<i32>(EXTRA + ((first + symbol) << 2));
        store<i32>(table + (state << 3), (bits + more) | (more << 5) | (next << 9));
        store<i32>(table + (state << 3), load<i32>(BASES + ((first + symbol) << 2)), 4);
      }
    }
  }
  return true;
}

/** Bits are read from `position` downwards: those up to 56 below it, and where they begin in the word. */
function wordBelow(payload: usize, position: i32): u64 {
  return load<u64>(payload + (position >> 3) - 7);
}

function decodeLiterals(payload: usize, from: i32, count: i32, states: u64): boolean {
  let position = from;
  let a = <i32>(states & 1023);
  let b = <i32>((states >>> 10) & 1023);
  let c = <i32>((states >>> 20) & 1023);
  let d = <i32>((states >>> 30) & 1023);
  for (let i = 0; i < count; i += 4) {
    const word = wordBelow(payload, position);
    let left = 56 + (position & 7);
    const start = left;
    const aEntry = load<i32>(LITERAL_TABLE + (a << 2));
    left -= aEntry & 255;
    a = (aEntry >>> 16) + (<i32>(word >>> left) & ((1 << (aEntry & 255)) - 1));
    const bEntry = load<i32>(LITERAL_TABLE + (b << 2));
    left -= bEntry & 255;
    b = (bEntry >>> 16) + (<i32>(word >>> left) & ((1 << (bEntry & 255)) - 1));
    const cEntry = load<i32>(LITERAL_TABLE + (c << 2));
    left -= cEntry & 255;
    c = (cEntry >>> 16) + (<i32>(word >>> left) & ((1 << (cEntry & 255)) - 1));
    const dEntry = load<i32>(LITERAL_TABLE + (d << 2));
    left -= dEntry & 255;
    d = (dEntry >>> 16) + (<i32>(word >>> left) & ((1 << (dEntry & 255)) - 1));
    const pair = ((aEntry >>> 8) & 255) | (bEntry & 0xff00);
    store<i32>(LITERALS + i, pair | ((cEntry & 0xff00) << 8) | ((dEntry & 0xff00) << 16));
    position -= start - left;
    if (position < 0) return false;
  }
  return true;
}

function decodeMatches(
  payload: usize,
  from: i32,
  triplets: i32,
  states: u64,
  literalCount: i32,
  target: usize,
  start: usize,
  end: usize,
): boolean {
  let l = <i32>(states & 1023);
  let m = <i32>((states >>> 10) & 1023);
  let d = <i32>((states >>> 20) & 1023);
  if (l >= L_STATES || m >= M_STATES || d >= D_STATES) return false;
  let position = from;
  let out = start;
  let literal = LITERALS;
  const literalsEnd = LITERALS + literalCount;
  let distance: usize = 0;
  for (let i = 0; i < triplets; i += 1) {
    const word = wordBelow(payload, position);
    let left = 56 + (position & 7);
    const first = left;
    const lStep = load<i32>(L_TABLE + (l << 3));
    left -= lStep & 31;
    const lBits = <i32>(word >>> left) & ((1 << (lStep & 31)) - 1);
    const lExtra = (lStep >>> 5) & 15;
    const count = <usize>(load<i32>(L_TABLE + (l << 3), 4) + (lBits & ((1 << lExtra) - 1)));
    l = (lStep >>> 9) + (lBits >>> lExtra);

    const mStep = load<i32>(M_TABLE + (m << 3));
    left -= mStep & 31;
    const mBits = <i32>(word >>> left) & ((1 << (mStep & 31)) - 1);
    const mExtra = (mStep >>> 5) & 15;
    const match = <usize>(load<i32>(M_TABLE + (m << 3), 4) + (mBits & ((1 << mExtra) - 1)));
    m = (mStep >>> 9) + (mBits >>> mExtra);

    const dStep = load<i32>(D_TABLE + (d << 3));
    left -= dStep & 31;
    const dBits = <i32>(word >>> left) & ((1 << (dStep & 31)) - 1);
    const dExtra = (dStep >>> 5) & 15;
    const newDistance = <usize>(load<i32>(D_TABLE + (d << 3), 4) + (dBits & ((1 << dExtra) - 1)));
    d = (dStep >>> 9) + (dBits >>> dExtra);
    if (newDistance !== 0) distance = newDistance;

    position -= first - left;
    if (position < 0 || literal + count > literalsEnd || count + match > end - out) return false;
    copyLiterals(literal, out, count);
    literal += count;
    out += count;
    if (match === 0) continue;
    if (distance === 0 || distance > out - target) return false;
    copyMatch(out, distance, match);
    out += match;
  }
  return out === end;
}

/** Up to 15 bytes more than `count` are written, which the next step or nobody reads. */
function copyLiterals(from: usize, to: usize, count: usize): void {
  for (let i: usize = 0; i < count; i += 16) {
    store<u64>(to + i, load<u64>(from + i));
    store<u64>(to + i, load<u64>(from + i, 8), 8);
  }
}

/** Up to 7 bytes more than `length` are written. */
function copyMatch(to: usize, distance: usize, length: usize): void {
  const from = to - distance;
  if (distance >= 8) for (let i: usize = 0; i < length; i += 8) store<u64>(to + i, load<u64>(from + i));
  else if (distance === 1) memory.fill(to, load<u8>(from), length);
  else for (let i: usize = 0; i < length; i += 1) store<u8>(to + i, load<u8>(from + i));
}
