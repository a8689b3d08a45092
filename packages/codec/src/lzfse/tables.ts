// Finite state entropy: decoding tables from frequencies. One number a state, so that a step is one look-up.

import { CorruptError } from '@tintype/core';

export const STATES = { l: 64, m: 64, d: 256, literal: 1024 } as const;

/** Symbols stand for ranges of values: where each begins, and how many bits more tell the value. */
export interface Values {
  readonly base: Int32Array;
  readonly bits: Uint8Array;
}

export const L_VALUES = values(20, (symbol) => (symbol < 16 ? 0 : ([2, 3, 5, 8][symbol - 16] as number)));
export const M_VALUES = values(20, (symbol) => (symbol < 16 ? 0 : ([3, 5, 8, 11][symbol - 16] as number)));
export const D_VALUES = values(64, (symbol) => symbol >> 2);

function values(symbols: number, bitsOf: (symbol: number) => number): Values {
  const base = new Int32Array(symbols);
  const bits = Uint8Array.from({ length: symbols }, (_, symbol) => bitsOf(symbol));
  for (let symbol = 1; symbol < symbols; symbol += 1)
    base[symbol] = (base[symbol - 1] as number) + (1 << (bits[symbol - 1] as number));
  return { base, bits };
}

/** Per state of a literal table: bits | symbol << 8 | next state without the bits << 16. */
export function literalTable(frequencies: Uint16Array): Int32Array {
  const table = new Int32Array(STATES.literal);
  eachState(frequencies, STATES.literal, (state, symbol, bits, next) => {
    table[state] = bits | (symbol << 8) | (next << 16);
  });
  return table;
}

/** A table of L, M or D: bits of state and value are pulled at once, those of the value being the lower ones. */
export interface ValueTable {
  /** Per state: bits of both | bits of the value << 5 | next state without its bits << 9. */
  readonly step: Int32Array;
  readonly base: Int32Array;
}

export function valueTable(frequencies: Uint16Array, states: number, { base, bits: extra }: Values): ValueTable {
  const table = { step: new Int32Array(states), base: new Int32Array(states) };
  eachState(frequencies, states, (state, symbol, bits, next) => {
    const more = extra[symbol] as number;
    table.step[state] = (bits + more) | (more << 5) | (next << 9);
    table.base[state] = base[symbol] as number;
  });
  return table;
}

/** @throws CorruptError unless the frequencies sum to the number of states, or to 0 */
function eachState(
  frequencies: Uint16Array,
  states: number,
  visit: (state: number, symbol: number, bits: number, next: number) => void,
): void {
  let sum = 0;
  for (const frequency of frequencies) sum += frequency;
  if (sum !== 0 && sum !== states)
    throw new CorruptError('LZFSE stream', 'frequencies', 0, `they sum to ${sum} instead of ${states}`);
  let state = 0;
  for (const [symbol, frequency] of frequencies.entries()) {
    if (frequency === 0) continue;
    const k = Math.clz32(frequency) - Math.clz32(states);
    const few = ((2 * states) >> k) - frequency;
    for (let j = 0; j < frequency; j += 1, state += 1)
      if (j < few) visit(state, symbol, k, ((frequency + j) << k) - states);
      else visit(state, symbol, k - 1, (j - few) << (k - 1));
  }
}
