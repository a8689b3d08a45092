// Where things lie in the kernel's memory. All addresses are bytes; the tables come first, then the caller's two strings.
//
// Invariants: whatever is read ahead or written past the end stays within a margin, so no step looks how much is left.

/** Around both strings: steps read and write 8 bytes at once, and 16 bytes of literals. */
export const MARGIN: usize = 64;

export const LITERALS_LIMIT: i32 = 40_000;
export const TRIPLETS_LIMIT: i32 = 10_000;

export const L_STATES: i32 = 64;
export const M_STATES: i32 = 64;
export const D_STATES: i32 = 256;
export const LITERAL_STATES: i32 = 1024;

export const L_SYMBOLS: i32 = 20;
export const M_SYMBOLS: i32 = 20;
export const D_SYMBOLS: i32 = 64;
export const LITERAL_SYMBOLS: i32 = 256;
export const SYMBOLS: i32 = 360;

export const LONGEST_LITERALS: i32 = 315;
export const LONGEST_MATCH: i32 = 2359;

export const HASH_BITS: i32 = 16;
export const RING: i32 = 262_144;

const START: usize = (__heap_base + 63) & ~63;

/** Newest position + 1 by hash, 32 bits each. */
export const HEADS: usize = START;
/** The position + 1 before it in the same chain: a ring, 32 bits each. */
export const BEFORE: usize = HEADS + (4 << HASH_BITS);
/** Literals of one block, one byte each. */
export const LITERALS: usize = BEFORE + 4 * RING;
/** Triplets of one block, 32 bits each. */
export const L_LIST: usize = LITERALS + LITERALS_LIMIT + 2 * MARGIN;
export const M_LIST: usize = L_LIST + 4 * TRIPLETS_LIMIT;
export const D_LIST: usize = M_LIST + 4 * TRIPLETS_LIMIT;
/** Their symbols, one byte each. */
export const L_CODES: usize = D_LIST + 4 * TRIPLETS_LIMIT;
export const M_CODES: usize = L_CODES + TRIPLETS_LIMIT;
export const D_CODES: usize = M_CODES + TRIPLETS_LIMIT;
/** Frequencies in the order of the header, 16 bits each; counts in the same order, 32 bits each. */
export const FREQUENCIES: usize = D_CODES + TRIPLETS_LIMIT;
export const COUNTS: usize = FREQUENCIES + 2 * SYMBOLS;
/** Per symbol, in the same order: from, k, many, few; 32 bits each. */
export const ENCODING: usize = COUNTS + 4 * SYMBOLS;
/** Per state, 64 bits: step (or, of a literal, all there is) and base. */
export const L_TABLE: usize = ENCODING + 16 * SYMBOLS;
export const M_TABLE: usize = L_TABLE + 8 * L_STATES;
export const D_TABLE: usize = M_TABLE + 8 * M_STATES;
export const LITERAL_TABLE: usize = D_TABLE + 8 * D_STATES;
/** First value and further bits of each symbol of L, M and D, 32 bits each. */
export const BASES: usize = LITERAL_TABLE + 4 * LITERAL_STATES;
export const EXTRA: usize = BASES + 4 * 104;
/** Symbol by value, one byte each. */
export const L_CODE_OF: usize = EXTRA + 4 * 104;
export const M_CODE_OF: usize = L_CODE_OF + LONGEST_LITERALS + 1;
const TABLES_END: usize = M_CODE_OF + LONGEST_MATCH + 1;

/** First symbol of each kind in lists of all. */
export const L_FIRST: i32 = 0;
export const M_FIRST: i32 = 20;
export const D_FIRST: i32 = 40;
export const LITERAL_FIRST: i32 = 104;

/** Where the caller puts the source. */
export const SOURCE: usize = (TABLES_END + MARGIN + 63) & ~63;

/** Makes room for both strings; answers where the target begins, 0 if there is no memory. */
export function place(sourceLength: usize, targetLength: usize): usize {
  const target = (SOURCE + sourceLength + 2 * MARGIN + 63) & ~63;
  const pages = (target + targetLength + MARGIN + 65_535) >>> 16;
  const have = <usize>memory.size();
  if (pages > have && memory.grow(<i32>(pages - have)) < 0) return 0;
  return target;
}

export function source(): usize {
  return SOURCE;
}

/** Further bits of the symbols of L, M and D from 16 on; those of D are a quarter of the symbol. */
function extraOf(kind: i32, symbol: i32): i32 {
  if (kind === D_FIRST) return symbol >> 2;
  if (symbol < 16) return 0;
  const packed: u32 = kind === L_FIRST ? 0x08_05_03_02 : 0x0b_08_05_03;
  return (packed >>> (8 * (symbol - 16))) & 255;
}

function fillValues(kind: i32, symbols: i32, codes: usize, longest: i32): void {
  let value = 0;
  for (let symbol = 0; symbol < symbols; symbol += 1) {
    const bits = extraOf(kind, symbol);
    const at = <usize>(4 * (kind + symbol));
    store<i32>(BASES + at, value);
    store<i32>(EXTRA + at, bits);
    for (let i = 0; i < 1 << bits; i += 1)
      if (codes !== 0 && value + i <= longest) store<u8>(codes + value + i, <u8>symbol);
    value += 1 << bits;
  }
}

/** Once, before everything else; false if there is no memory. */
export function begin(): boolean {
  if (place(0, 0) === 0) return false;
  fillValues(L_FIRST, L_SYMBOLS, L_CODE_OF, LONGEST_LITERALS);
  fillValues(M_FIRST, M_SYMBOLS, M_CODE_OF, LONGEST_MATCH);
  fillValues(D_FIRST, D_SYMBOLS, 0, 0);
  return true;
}
