import { CorruptError } from '@tintype/core';
import { fixture, fixtureBytes, Random } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { type BlockHeader, readPackedHeader, readPlainHeader } from './header.js';

const udif = fixture('udif/apfs-empty-lzfse.dmg');

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

describe.skipIf(udif.skip)('headers that Apple wrote', () => {
  const read = (at: number) => readPackedHeader(viewOf(fixtureBytes('udif/apfs-empty-lzfse.dmg')), at);
  test('of 16 KiB of partition entries', () => {
    const { frequencies, ...header } = read(158);
    expect(header).toEqual({
      size: 163,
      literals: 68,
      literalBytes: 35,
      triplets: 10,
      literalBits: -7,
      literalStates: [1011, 670, 558, 837],
      tripletBytes: 24,
      tripletBits: -7,
      tripletStates: [58, 9, 236],
    });
    expect([...frequencies.l]).toEqual([40, 0, 0, 6, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 6, 6, 0]);
  });
  test('of 400 KiB of a container', () => {
    const { frequencies, ...header } = read(384);
    expect(header).toMatchObject({ size: 189, literals: 908, literalBytes: 762, triplets: 633, tripletBytes: 1533 });
    expect(header.literalStates).toEqual([506, 441, 952, 566]);
    expect(header.tripletStates).toEqual([57, 4, 66]);
    expect([...frequencies.l]).toEqual([36, 7, 3, 1, 1, 1, 2, 1, 3, 2, 1, 1, 0, 0, 1, 1, 1, 1, 1, 0]);
  });
});

/** Bits, least significant first, of a frequency. */
function code(value: number): [value: number, bits: number] {
  if (value < 2) return [value << 1, 2];
  if (value < 4) return [1 | ((value - 2) << 2), 3];
  if (value < 8) return [3 | ((value - 4) << 3), 5];
  if (value < 24) return [7 | ((value - 8) << 4), 8];
  return [15 | ((value - 24) << 4), 14];
}

function packed(frequencies: readonly number[], change: (view: DataView) => void = () => {}): DataView {
  let text = '';
  for (const frequency of frequencies) {
    const [value, bits] = code(frequency);
    text += [...value.toString(2).padStart(bits, '0')].reverse().join('');
  }
  const tables = text.match(/.{1,8}/g) ?? [];
  const bytes = new Uint8Array(32 + tables.length + 100);
  for (const [i, part] of tables.entries()) bytes[32 + i] = Number.parseInt([...part].reverse().join(''), 2);
  const view = new DataView(bytes.buffer);
  view.setUint32(12, 7 << 28, true);
  view.setUint32(20, 7 << 28, true);
  view.setUint32(24, 32 + tables.length, true);
  change(view);
  return view;
}

function all({ frequencies: { l, m, d, literal } }: BlockHeader): number[] {
  return [...l, ...m, ...d, ...literal];
}

test('frequencies of every size', () => {
  const random = new Random(7);
  for (let start = 0; start <= 1047; start += 100) {
    const list = Array.from({ length: 360 }, (_, i) => Math.min(1047, start + (i % 100)));
    expect(all(readPackedHeader(packed(list), 0))).toEqual(list);
    const few = list.map((value) => (random.oneIn(3) ? value : random.below(9)));
    expect(all(readPackedHeader(packed(few), 0))).toEqual(few);
  }
});

test('a header without frequencies has only zeros', () => {
  const header = readPackedHeader(
    packed([], () => {}),
    0,
  );
  expect(header.size).toBe(32);
  expect(all(header).every((value) => value === 0)).toBe(true);
});

describe('refused', () => {
  const ones = Array.from({ length: 360 }, () => 1);
  const with64 = (at: number, from: number, count: number, value: number) => (view: DataView) => {
    const bits = view.getBigUint64(at, true);
    const mask = ((1n << BigInt(count)) - 1n) << BigInt(from);
    view.setBigUint64(at, (bits & ~mask) | (BigInt(value) << BigInt(from)), true);
  };
  test.each([
    ['more literals than a block may have', with64(8, 0, 20, 40_004)],
    ['literals not in fours', with64(8, 0, 20, 5)],
    ['more matches than a block may have', with64(8, 40, 20, 10_001)],
    ['literal bytes behind the end', with64(8, 20, 20, 101)],
    ['bytes of matches behind the end', with64(16, 40, 20, 101)],
    ['a state of L', with64(24, 32, 10, 64)],
    ['a state of M', with64(24, 42, 10, 64)],
    ['a state of D', with64(24, 52, 10, 256)],
    ['a header that is too short', with64(24, 0, 32, 31)],
    ['a header that is too long', with64(24, 0, 32, 663)],
    ['frequencies that are cut off', with64(24, 0, 32, 32 + 89)],
    ['frequencies that end too early', with64(24, 0, 32, 32 + 91)],
  ])('%s', (_what, change) => {
    expect(() => readPackedHeader(packed(ones), 0)).not.toThrow();
    expect(() => readPackedHeader(packed(ones, change), 0)).toThrow(CorruptError);
  });
  test('what is cut off', () => {
    for (const length of [0, 31, 40]) {
      const view = new DataView(packed(ones).buffer, 0, length);
      expect(() => readPackedHeader(view, 0)).toThrow(CorruptError);
    }
    expect(() => readPlainHeader(new DataView(new ArrayBuffer(771)), 0)).toThrow(CorruptError);
  });
  test.each([
    ['bits of a byte', 28, 1],
    ['bits of a byte, negative', 40, -8],
    ['more literals than a block may have', 12, 40_004],
    ['more matches than a block may have', 16, 10_001],
  ])('plain: %s', (_what, at, value) => {
    const view = new DataView(new ArrayBuffer(772));
    expect(() => readPlainHeader(view, 0)).not.toThrow();
    view.setInt32(at, value, true);
    expect(() => readPlainHeader(view, 0)).toThrow(CorruptError);
  });
});
