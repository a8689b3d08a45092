import { CorruptError } from '@tintype/core';
import { Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { D_VALUES, L_VALUES, literalTable, M_VALUES, STATES, valueTable } from './tables.js';

test('ranges of values are those of the format', () => {
  expect([...L_VALUES.base].slice(14)).toEqual([14, 15, 16, 20, 28, 60]);
  expect([...M_VALUES.base].slice(14)).toEqual([14, 15, 16, 24, 56, 312]);
  expect([...D_VALUES.base].slice(0, 22).join(' ')).toBe(
    '0 1 2 3 4 6 8 10 12 16 20 24 28 36 44 52 60 76 92 108 124 156',
  );
  expect([...D_VALUES.base].slice(60)).toEqual([131_068, 163_836, 196_604, 229_372]);
  const largest = ({ base, bits }: typeof L_VALUES) => (base.at(-1) ?? 0) + 2 ** (bits.at(-1) ?? 0) - 1;
  expect([L_VALUES, M_VALUES, D_VALUES].map(largest)).toEqual([315, 2359, 262_139]);
});

function frequencies(random: Random, symbols: number, states: number): Uint16Array {
  const list = new Uint16Array(symbols);
  const used = random.between(1, symbols);
  for (let left = states; left > 0; ) {
    const part = Math.min(left, random.between(1, Math.ceil(states / used)));
    const symbol = random.below(used);
    list[symbol] = (list[symbol] as number) + part;
    left -= part;
  }
  return list;
}

/** The states that follow those of one symbol: each exactly once, or the encoder could not come from there. */
function expectWhole(entries: readonly { symbol: number; bits: number; next: number }[], states: number): void {
  const followers = new Map<number, number[]>();
  for (const { symbol, bits, next } of entries) {
    const list = followers.get(symbol) ?? [];
    for (let state = next; state < next + 2 ** bits; state += 1) list.push(state);
    followers.set(symbol, list);
  }
  for (const list of followers.values()) {
    expect(list.sort((a, b) => a - b)).toEqual(Array.from({ length: states }, (_, state) => state));
  }
}

test('each symbol can be followed by every state, on one way only', () => {
  const random = new Random(5);
  for (let round = 0; round < 30; round += 1) {
    const literal = literalTable(frequencies(random, 256, STATES.literal));
    const split = (entry: number) => ({ bits: entry & 255, symbol: (entry >> 8) & 255, next: entry >> 16 });
    expectWhole([...literal].map(split), STATES.literal);
    const { step, base } = valueTable(frequencies(random, 64, STATES.d), STATES.d, D_VALUES);
    const entries = [...step].map((entry, state) => {
      const symbol = D_VALUES.base.indexOf(base[state] as number);
      expect((entry >> 5) & 15).toBe(D_VALUES.bits[symbol]);
      return { symbol, bits: (entry & 31) - ((entry >> 5) & 15), next: entry >> 9 };
    });
    expectWhole(entries, STATES.d);
  }
});

test('no symbols at all make a table of zeros', () => {
  expect(literalTable(new Uint16Array(256)).every((entry) => entry === 0)).toBe(true);
});

test.each([63, 65, 1, 65_535])('frequencies that sum to %i instead of 64 are refused', (sum) => {
  const list = new Uint16Array(20);
  list[3] = sum;
  expect(() => valueTable(list, STATES.l, L_VALUES)).toThrow(CorruptError);
});
