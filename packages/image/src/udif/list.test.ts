import { fixture, fixtureBytes } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { readKoly } from './koly.js';
import { formatList, type ListedTable, listLength } from './list.js';
import { type PlistDictionary, parsePlist } from './plist.js';
import { stored } from './udif.testing.js';

const listed = (tables: readonly ListedTable[]) => Buffer.concat([...formatList(tables)]);

/** As a table comes: in pieces that are no multiple of anything, all in the same memory. */
function* inPieces(bytes: Uint8Array): Generator<Uint8Array> {
  const memory = new Uint8Array(40_011);
  for (let at = 0, length = 7; at < bytes.length; at += length, length = Math.min(length * 3, memory.length)) {
    const piece = bytes.subarray(at, at + length);
    memory.set(piece);
    yield memory.subarray(0, piece.length);
  }
}

const NAME = 'hfsplus/basic-udzo.dmg';

test.skipIf(fixture(NAME).skip)(
  'the list of an image that macOS made, written again from its tables: byte for byte',
  () => {
    const bytes = fixtureBytes(NAME);
    const { xmlOffset = 0, xmlLength = 0 } = readKoly(stored(bytes)) ?? {};
    const text = Buffer.from(bytes).toString('utf8', xmlOffset, xmlOffset + xmlLength);
    const resources = (parsePlist(Buffer.from(text)) as PlistDictionary).get('resource-fork') as PlistDictionary;
    const tables = (resources.get('blkx') as PlistDictionary[]).map(
      (entry): ListedTable => ({
        name: String(entry.get('Name')),
        id: Number(entry.get('ID')),
        pieces: () => inPieces(entry.get('Data') as Uint8Array),
      }),
    );
    expect(listed(tables).toString('utf8')).toBe(text);
  },
);

test('names are escaped', () => {
  const list = listed([{ name: 'a & <b>', id: -1, pieces: () => [new Uint8Array(3)] }]);
  const [entry] = ((parsePlist(list) as PlistDictionary).get('resource-fork') as PlistDictionary).get(
    'blkx',
  ) as PlistDictionary[];
  expect([entry?.get('Name'), entry?.get('CFName'), entry?.get('ID')]).toEqual(['a & <b>', 'a & <b>', '-1']);
});

test('the length of a list is known from those of its tables', () => {
  for (const size of [0, 1, 2, 3, 32, 33, 34, 244, 10_004, 33_792, 33_793, 100_000]) {
    const pieces = () => inPieces(new Uint8Array(size));
    const tables = [-1, 0].map((id) => ({ name: id < 0 ? '' : 'ä & b', id, pieces }));
    expect(listLength(tables.map(({ name, id }) => ({ name, id, size })))).toBe(listed(tables).length);
  }
});
