import { CorruptError } from '@tintype/core';
import { expect, test } from 'vitest';
import { readKoly } from './koly.js';
import { kolyOf, stored } from './udif.testing.js';

const read = (fields: Parameters<typeof kolyOf>[0], before = 1000) =>
  readKoly(stored(Buffer.concat([Buffer.alloc(before), kolyOf(fields)])));

test('a trailer stands at the end, or there is none', () => {
  expect(read({ sectorCount: 77 })?.sectorCount).toBe(77);
  expect(readKoly(stored(Buffer.alloc(511)))).toBeNull();
  expect(readKoly(stored(Buffer.concat([kolyOf({}), Buffer.alloc(100)])))).toBeNull();
});

test.each([
  ['another version', { version: 5 }],
  ['another size', { headerSize: 256 }],
  ['a data fork behind the end', { dataForkOffset: 900, dataForkLength: 101 }],
  ['a list behind the end', { xmlOffset: 1001, xmlLength: 1 }],
  ['a list over the trailer', { xmlOffset: 0, xmlLength: 1001 }],
  ['a resource fork behind the end', { resourceForkOffset: 2 ** 40, resourceForkLength: 1 }],
  ['a checksum of too many bits', { masterChecksumSize: 1025 }],
  ['a disk of too many sectors', { sectorCount: 2 ** 45 }],
])('refused: %s', (_what, fields) => {
  expect(() => read(fields)).toThrow(CorruptError);
});
