import { Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { BitWriter, encodingTable, normalise } from './frequencies.js';
import { literalTable, STATES } from './tables.js';

test('frequencies sum to the states, and leave no symbol out', () => {
  const random = new Random(9);
  for (let round = 0; round < 300; round += 1) {
    const [symbols, states] = random.pick([
      [20, 64],
      [64, 256],
      [256, 1024],
    ]) as [number, number];
    const counts = Uint32Array.from({ length: symbols }, () =>
      random.oneIn(3) ? 0 : random.below(random.pick([2, 9, 40_000])),
    );
    const frequencies = normalise(counts, states);
    const total = counts.reduce((sum, count) => sum + count, 0);
    expect(frequencies.reduce((sum, frequency) => sum + frequency, 0)).toBe(total === 0 ? 0 : states);
    expect(counts.every((count, i) => count === 0 || (frequencies[i] as number) > 0)).toBe(true);
  }
});

test('a table leads each symbol from every state to one that decodes to it, and back', () => {
  const counts = Uint32Array.from({ length: 256 }, (_, i) => (i % 3 === 0 ? 0 : i * i));
  const frequencies = normalise(counts, STATES.literal);
  const table = encodingTable(frequencies, STATES.literal);
  const decode = literalTable(frequencies);
  for (const [symbol, frequency] of frequencies.entries()) {
    if (frequency === 0) continue;
    for (let state = 0; state < STATES.literal; state += 37) {
      const writer = new BitWriter(16);
      const next = writer.symbol(table, symbol, state);
      const entry = decode[next] as number;
      const bits = entry & 255;
      const { bytes } = writer.end();
      const low = ((bytes[0] ?? 0) | ((bytes[1] ?? 0) << 8)) & ((1 << bits) - 1);
      expect([(entry >>> 8) & 255, (entry >>> 16) + low]).toEqual([symbol, state]);
    }
  }
});

test('bits are counted in the last byte', () => {
  const writer = new BitWriter(8);
  writer.put(0b101, 3);
  expect(writer.end()).toEqual({ bytes: Uint8Array.of(5), bits: -5 });
  const full = new BitWriter(8);
  full.put(0xabcd, 16);
  expect(full.end()).toEqual({ bytes: Uint8Array.of(0xcd, 0xab), bits: 0 });
});
