import { Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { BlockWriter, LITERALS_LIMIT, LONGEST_LITERALS, LONGEST_MATCH, TRIPLETS_LIMIT } from './block-writer.js';
import { decodeByReference } from './decoder.js';
import { readPackedHeader } from './header.js';

const END = Buffer.from('bvx$');

function decode(block: Uint8Array, size: number): Uint8Array {
  const target = new Uint8Array(size);
  decodeByReference(Buffer.concat([block, END]), target);
  return target;
}

test('the longest of everything', () => {
  const writer = new BlockWriter();
  const literals = new Random(1).bytes(LONGEST_LITERALS);
  writer.add(literals, LONGEST_MATCH, 7);
  writer.add(new Uint8Array(0), LONGEST_MATCH, 7);
  const clear = decode(writer.take(), LONGEST_LITERALS + 2 * LONGEST_MATCH);
  expect(Buffer.compare(clear.subarray(0, literals.length), literals)).toBe(0);
  for (let i = literals.length; i < clear.length; i += 1) expect(clear[i]).toBe(clear[i - 7]);
});

test('literals of one value take no bits', () => {
  const writer = new BlockWriter();
  writer.add(new Uint8Array(300).fill(9), 0, 1);
  const block = writer.take();
  const header = readPackedHeader(new DataView(block.buffer, block.byteOffset, block.length), 0);
  expect(header).toMatchObject({ literals: 300, literalBytes: 0, triplets: 1 });
  expect(decode(block, 300).every((byte) => byte === 9)).toBe(true);
});

test('a full block says so, and is empty once taken', () => {
  const writer = new BlockWriter();
  const literals = new Random(2).bytes(LONGEST_LITERALS);
  let added = 0;
  for (; writer.hasRoomFor(LONGEST_LITERALS); added += LONGEST_LITERALS) writer.add(literals, 0, 1);
  expect(added).toBe(Math.floor(LITERALS_LIMIT / LONGEST_LITERALS) * LONGEST_LITERALS);
  expect(decode(writer.take(), added).length).toBe(added);
  expect(writer.isEmpty).toBe(true);
  for (let i = 0; i < TRIPLETS_LIMIT; i += 1) writer.add(literals.subarray(0, 1), 4, 1);
  expect(writer.hasRoomFor(0)).toBe(false);
  expect(decode(writer.take(), TRIPLETS_LIMIT * 5).every((byte) => byte === literals[0])).toBe(true);
});
