// One entropy-coded block (`bvx2`): what `src/lzfse/block-writer.ts` and `src/lzfse/frequencies.ts` do.

import {
  BASES,
  COUNTS,
  D_CODES,
  D_FIRST,
  D_LIST,
  D_STATES,
  D_SYMBOLS,
  ENCODING,
  EXTRA,
  FREQUENCIES,
  L_CODE_OF,
  L_CODES,
  L_FIRST,
  L_LIST,
  L_STATES,
  L_SYMBOLS,
  LITERAL_FIRST,
  LITERAL_STATES,
  LITERAL_SYMBOLS,
  LITERALS,
  LITERALS_LIMIT,
  M_CODE_OF,
  M_CODES,
  M_FIRST,
  M_LIST,
  M_STATES,
  M_SYMBOLS,
  SYMBOLS,
  TRIPLETS_LIMIT,
} from './memory';

const PACKED_SIZE: usize = 32;
const MAGIC: u32 = 0x3278_7662;
/** Bits that stand before the triplets, for decoders that read eight bytes at once. */
const PADDING: usize = 8;

let literalCount: i32 = 0;
let triplets: i32 = 0;
let previous: i32 = 0;
let size: i32 = 0;
let taken: i32 = 0;
/** Bits of a payload's last byte that are in use, and 7 - 8; and the states that it ends with. */
let lastBits: u64 = 0;
let literalStates: u64 = 0;
let tripletStates: u64 = 0;

export function startBlocks(): void {
  literalCount = 0;
  triplets = 0;
  previous = 0;
  size = 0;
}

export function isEmpty(): boolean {
  return triplets === 0;
}

export function hasRoomFor(literals: i32): boolean {
  return triplets < TRIPLETS_LIMIT && literalCount + literals <= LITERALS_LIMIT;
}

/** Bytes of the block that was taken last. */
export function blockLength(): i32 {
  return taken;
}

export function addTriplet(literals: usize, count: i32, match: i32, distance: i32): void {
  const to = LITERALS + literalCount;
  for (let i = 0; i < count; i += 8) store<u64>(to + i, load<u64>(literals + i));
  literalCount += count;
  const at = <usize>(triplets << 2);
  store<i32>(L_LIST + at, count);
  store<i32>(M_LIST + at, match);
  store<i32>(D_LIST + at, distance === previous ? 0 : distance);
  previous = distance;
  triplets += 1;
  size += count + match;
}

/** Writes the block at `to`; answers how many bytes it has. Empty again afterwards. */
export function takeBlock(to: usize): usize {
  padLiterals();
  countSymbols();
  prepare(L_FIRST, L_SYMBOLS, L_STATES);
  prepare(M_FIRST, M_SYMBOLS, M_STATES);
  prepare(D_FIRST, D_SYMBOLS, D_STATES);
  prepare(LITERAL_FIRST, LITERAL_SYMBOLS, LITERAL_STATES);
  const headerSize = PACKED_SIZE + packFrequencies(to + PACKED_SIZE);
  const literalBytes = codeLiterals(to + headerSize);
  const literalBits = lastBits;
  const tripletBytes = codeTriplets(to + headerSize + literalBytes);
  store<u32>(to, MAGIC);
  store<i32>(to, size, 4);
  store<u64>(to, <u64>literalCount | ((<u64>literalBytes) << 20) | ((<u64>triplets) << 40) | (literalBits << 60), 8);
  store<u64>(to, literalStates | ((<u64>tripletBytes) << 40) | (lastBits << 60), 16);
  store<u64>(to, <u64>headerSize | (tripletStates << 32), 24);
  const length = headerSize + literalBytes + tripletBytes;
  taken = <i32>length;
  startBlocks();
  return length;
}

/** With zeros to a multiple of four: four states take turns. */
function padLiterals(): void {
  while ((literalCount & 3) !== 0) {
    store<u8>(LITERALS + literalCount, 0);
    literalCount += 1;
  }
}

function countSymbols(): void {
  memory.fill(COUNTS, 0, 4 * SYMBOLS);
  for (let i = 0; i < literalCount; i += 1) increase(LITERAL_FIRST + <i32>load<u8>(LITERALS + i));
  for (let i = 0; i < triplets; i += 1) {
    const at = <usize>(i << 2);
    const l = load<u8>(L_CODE_OF + load<i32>(L_LIST + at));
    const m = load<u8>(M_CODE_OF + load<i32>(M_LIST + at));
    const d = distanceCode(load<i32>(D_LIST + at));
    store<u8>(L_CODES + i, l);
    store<u8>(M_CODES + i, m);
    store<u8>(D_CODES + i, <u8>d);
    increase(L_FIRST + <i32>l);
    increase(M_FIRST + <i32>m);
    increase(D_FIRST + d);
  }
}

function increase(symbol: i32): void {
  const at = COUNTS + (symbol << 2);
  store<i32>(at, load<i32>(at) + 1);
}

/** Four symbols for each number of further bits; the first value of those with `bits` is 4 × 2^bits - 4. */
function distanceCode(distance: i32): i32 {
  const bits = 29 - clz<i32>(distance + 4);
  return (bits << 2) + ((distance + 4 - (4 << bits)) >> bits);
}

/** Frequencies that sum to the number of states, and what each symbol does to a state. */
function prepare(first: i32, symbols: i32, states: i32): void {
  normalise(COUNTS + (first << 2), FREQUENCIES + (first << 1), symbols, states);
  let offset = 0;
  for (let symbol = first; symbol < first + symbols; symbol += 1) {
    const frequency = <i32>load<u16>(FREQUENCIES + (symbol << 1));
    if (frequency === 0) continue;
    const k = clz<i32>(frequency) - clz<i32>(states);
    const entry = ENCODING + (symbol << 4);
    store<i32>(entry, (frequency << k) - states);
    store<i32>(entry, k, 4);
    store<i32>(entry, offset - frequency + (states >> k), 8);
    store<i32>(entry, k === 0 ? 0 : offset - frequency + (states >> (k - 1)), 12);
    offset += frequency;
  }
}

function normalise(counts: usize, frequencies: usize, symbols: i32, states: i32): void {
  let total = 0;
  for (let i = 0; i < symbols; i += 1) total += load<i32>(counts + (i << 2));
  let sum = 0;
  for (let i = 0; i < symbols; i += 1) {
    const count = load<i32>(counts + (i << 2));
    // Rounded, halves up.
    const frequency = count === 0 ? 0 : max<i32>(1, (2 * count * states + total) / (2 * total));
    store<u16>(frequencies + (i << 1), <u16>frequency);
    sum += frequency;
  }
  if (total === 0) return;
  while (sum !== states) {
    const step = sum < states ? 1 : -1;
    const largest = frequencies + (largestOf(frequencies, symbols) << 1);
    store<u16>(largest, <u16>(<i32>load<u16>(largest) + step));
    sum += step;
  }
}

function largestOf(frequencies: usize, symbols: i32): i32 {
  let found = 0;
  let largest: u32 = 0;
  for (let i = 0; i < symbols; i += 1) {
    const frequency = <u32>load<u16>(frequencies + (i << 1));
    if (frequency <= largest) continue;
    largest = frequency;
    found = i;
  }
  return found;
}

/** Each in 2 to 14 bits, least significant bit first. Answers how many bytes that is. */
function packFrequencies(to: usize): usize {
  let window: u64 = 0;
  let have: u64 = 0;
  let at = to;
  for (let i = 0; i < SYMBOLS; i += 1) {
    const frequency = <u64>load<u16>(FREQUENCIES + (i << 1));
    let bits: u64 = frequency === 0 ? 0 : 2;
    let count: u64 = 2;
    if (frequency >= 24) {
      bits = 0b1111 | ((frequency - 24) << 4);
      count = 14;
    } else if (frequency >= 8) {
      bits = 0b0111 | ((frequency - 8) << 4);
      count = 8;
    } else if (frequency >= 4) {
      bits = 0b011 | ((frequency - 4) << 3);
      count = 5;
    } else if (frequency >= 2) {
      bits = frequency === 2 ? 0b001 : 0b101;
      count = 3;
    }
    window |= bits << have;
    have += count;
    store<u64>(at, window);
    at += <usize>(have >>> 3);
    window >>>= have & ~7;
    have &= 7;
  }
  return at - to + (have > 0 ? 1 : 0);
}

/** Of a payload that ends with `have` bits in its last byte: 7 and them, less 8; 7 if it ends with a byte. */
function endOf(have: u64): u64 {
  return have === 0 ? 7 : have - 1;
}

/** From the last to the first. Answers how many bytes that is. */
function codeLiterals(to: usize): usize {
  let window: u64 = 0;
  let have: u64 = 0;
  let at = to;
  literalStates = 0;
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  for (let i = literalCount - 4; i >= 0; i -= 4) {
    const four = load<u32>(LITERALS + i);
    let entry = ENCODING + ((LITERAL_FIRST + (four >>> 24)) << 4);
    let count = bitsOf(entry, d);
    window |= (<u64>(d & ((1 << count) - 1))) << have;
    have += count;
    d = (d >> count) + after(entry, d);

    entry = ENCODING + ((LITERAL_FIRST + ((four >>> 16) & 255)) << 4);
    count = bitsOf(entry, c);
    window |= (<u64>(c & ((1 << count) - 1))) << have;
    have += count;
    c = (c >> count) + after(entry, c);

    entry = ENCODING + ((LITERAL_FIRST + ((four >>> 8) & 255)) << 4);
    count = bitsOf(entry, b);
    window |= (<u64>(b & ((1 << count) - 1))) << have;
    have += count;
    b = (b >> count) + after(entry, b);

    entry = ENCODING + ((LITERAL_FIRST + (four & 255)) << 4);
    count = bitsOf(entry, a);
    window |= (<u64>(a & ((1 << count) - 1))) << have;
    have += count;
    a = (a >> count) + after(entry, a);

    store<u64>(at, window);
    at += <usize>(have >>> 3);
    window >>>= have & ~7;
    have &= 7;
  }
  literalStates = <u64>a | ((<u64>b) << 10) | ((<u64>c) << 20) | ((<u64>d) << 30);
  lastBits = endOf(have);
  return at - to + (have > 0 ? 1 : 0);
}

/** Bits that a symbol takes in a state. */
function bitsOf(entry: usize, state: i32): i32 {
  return load<i32>(entry, 4) - (state < load<i32>(entry) ? 1 : 0);
}

/** What is added to the rest of a state. */
function after(entry: usize, state: i32): i32 {
  return state < load<i32>(entry) ? load<i32>(entry, 12) : load<i32>(entry, 8);
}

/** From the last to the first, D before M before L. Answers how many bytes that is. */
function codeTriplets(to: usize): usize {
  store<u64>(to, 0);
  let window: u64 = 0;
  let have: u64 = 0;
  let at = to + PADDING;
  let l = 0;
  let m = 0;
  let d = 0;
  for (let i = triplets - 1; i >= 0; i -= 1) {
    const four = <usize>(i << 2);
    let symbol = D_FIRST + <i32>load<u8>(D_CODES + i);
    let value = load<i32>(D_LIST + four) - load<i32>(BASES + (symbol << 2));
    window |= (<u64>value) << have;
    have += load<i32>(EXTRA + (symbol << 2));
    let entry = ENCODING + (symbol << 4);
    let count = bitsOf(entry, d);
    window |= (<u64>(d & ((1 << count) - 1))) << have;
    have += count;
    d = (d >> count) + after(entry, d);

    symbol = M_FIRST + <i32>load<u8>(M_CODES + i);
    value = load<i32>(M_LIST + four) - load<i32>(BASES + (symbol << 2));
    window |= (<u64>value) << have;
    have += load<i32>(EXTRA + (symbol << 2));
    entry = ENCODING + (symbol << 4);
    count = bitsOf(entry, m);
    window |= (<u64>(m & ((1 << count) - 1))) << have;
    have += count;
    m = (m >> count) + after(entry, m);

    symbol = L_FIRST + <i32>load<u8>(L_CODES + i);
    value = load<i32>(L_LIST + four) - load<i32>(BASES + (symbol << 2));
    window |= (<u64>value) << have;
    have += load<i32>(EXTRA + (symbol << 2));
    entry = ENCODING + (symbol << 4);
    count = bitsOf(entry, l);
    window |= (<u64>(l & ((1 << count) - 1))) << have;
    have += count;
    l = (l >> count) + after(entry, l);

    store<u64>(at, window);
    at += <usize>(have >>> 3);
    window >>>= have & ~7;
    have &= 7;
  }
  tripletStates = <u64>l | ((<u64>m) << 10) | ((<u64>d) << 20);
  lastBits = endOf(have);
  return at - to + (have > 0 ? 1 : 0);
}
