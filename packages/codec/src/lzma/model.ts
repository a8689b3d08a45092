// What LZMA's two directions share: the layout of the probabilities, and how a symbol changes the state.
// Source: the LZMA specification in the public domain (LZMA SDK); docs/formats/codecs.md.

export const STATES = 12;
/** States below this follow a literal. */
export const LITERAL_STATES = 7;
export const POSITION_STATES = 16;
export const SHORTEST_MATCH = 2;
export const LONGEST_MATCH = 273;
/** Distances have one of these slots' trees, by the length of their match. */
export const LENGTH_STATES = 4;
/** Slots from 4 on have more bits; from 14 on, the lowest four of these are a tree of their own. */
export const FIRST_LONG_SLOT = 4;
export const FIRST_ALIGNED_SLOT = 14;
export const SLOT_BITS = 6;
export const ALIGN_BITS = 4;

/** Probabilities are 11 bits, all begin at one half, and move by a 32nd. */
export const PROBABILITY_BITS = 11;
export const HALF = 1 << (PROBABILITY_BITS - 1);
export const MOVE_BITS = 5;
/** The range is refilled below this. */
export const SMALLEST_RANGE = 1 << 24;

/** A length's tree: choice, choice 2, low (by position state), middle (by position state), high. */
export const LENGTH_CHOICE = 0;
export const LENGTH_CHOICE_2 = 1;
export const LENGTH_LOW = 2;
export const LENGTH_MIDDLE = LENGTH_LOW + POSITION_STATES * 8;
export const LENGTH_HIGH = LENGTH_MIDDLE + POSITION_STATES * 8;
const LENGTH_SIZE = LENGTH_HIGH + 256;

/** Where each kind of probability lies in one array. */
export const AT = (() => {
  const sizes = {
    isMatch: STATES * POSITION_STATES,
    isRepeat: STATES,
    isNotFirst: STATES,
    isNotSecond: STATES,
    isNotThird: STATES,
    isLong: STATES * POSITION_STATES,
    slots: LENGTH_STATES << SLOT_BITS,
    special: 1 << (FIRST_ALIGNED_SLOT / 2),
    align: 1 << ALIGN_BITS,
    matchLength: LENGTH_SIZE,
    repeatLength: LENGTH_SIZE,
    literals: 0,
  };
  let at = 0;
  const offsets = { ...sizes };
  for (const name of Object.keys(sizes) as (keyof typeof sizes)[]) {
    offsets[name] = at;
    at += sizes[name];
  }
  return Object.freeze(offsets);
})();
const LITERAL_SIZE = 0x300;

/** lc: bits of the byte before; lp, pb: bits of the position, for literals and for all else. lc + lp is 4 at most. */
export interface Properties {
  readonly lc: number;
  readonly lp: number;
  readonly pb: number;
}

/** What every encoder uses that macOS is known to read. */
export const DEFAULT_PROPERTIES: Properties = { lc: 3, lp: 0, pb: 2 };

export function propertiesByte({ lc, lp, pb }: Properties): number {
  return (pb * 5 + lp) * 9 + lc;
}

/** Null if no such properties exist in LZMA2. */
export function propertiesOf(byte: number): Properties | null {
  const properties = { lc: byte % 9, lp: Math.floor(byte / 9) % 5, pb: Math.floor(byte / 45) };
  return properties.pb > 4 || properties.lc + properties.lp > 4 ? null : properties;
}

/** Room for the largest properties that LZMA2 has. */
export function newProbabilities(): Uint16Array {
  return new Uint16Array(AT.literals + (LITERAL_SIZE << 4)).fill(HALF);
}

/** Of the literal at `position` after `before`: where its 0x300 probabilities begin. */
export function literalAt({ lc, lp }: Properties, position: number, before: number): number {
  return AT.literals + LITERAL_SIZE * (((position & ((1 << lp) - 1)) << lc) + (before >> (8 - lc)));
}

export function afterLiteral(state: number): number {
  if (state < 4) return 0;
  return state < 10 ? state - 3 : state - 6;
}
export function afterMatch(state: number): number {
  return state < LITERAL_STATES ? 7 : 10;
}
export function afterRepeat(state: number): number {
  return state < LITERAL_STATES ? 8 : 11;
}
export function afterShortRepeat(state: number): number {
  return state < LITERAL_STATES ? 9 : 11;
}
