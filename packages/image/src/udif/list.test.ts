import { fixture, fixtureBytes } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { readKoly } from './koly.js';
import { formatList, type ListedTable, listLength } from './list.js';
import { type PlistDictionary, parsePlist } from './plist.js';
import { stored } from './udif.testing.js';

const NAME = 'hfsplus/basic-udzo.dmg';

test.skipIf(fixture(NAME).skip)(
  'the list of an image that macOS made, written again from its tables: byte for byte',
  () => {
    const bytes = fixtureBytes(NAME);
    const { xmlOffset = 0, xmlLength = 0 } = readKoly(stored(bytes)) ?? {};
    const text = Buffer.from(bytes).toString('utf8', xmlOffset, xmlOffset + xmlLength);
    const resources = (parsePlist(text) as PlistDictionary).get('resource-fork') as PlistDictionary;
    const tables = (resources.get('blkx') as PlistDictionary[]).map(
      (entry): ListedTable => ({
        name: String(entry.get('Name')),
        id: Number(entry.get('ID')),
        data: entry.get('Data') as Uint8Array,
      }),
    );
    expect(formatList(tables).toString('utf8')).toBe(text);
  },
);

test('names are escaped', () => {
  const list = formatList([{ name: 'a & <b>', id: -1, data: new Uint8Array(3) }]).toString();
  const [entry] = ((parsePlist(list) as PlistDictionary).get('resource-fork') as PlistDictionary).get(
    'blkx',
  ) as PlistDictionary[];
  expect([entry?.get('Name'), entry?.get('CFName'), entry?.get('ID')]).toEqual(['a & <b>', 'a & <b>', '-1']);
});

test('the length of a list is known from those of its tables', () => {
  for (const size of [0, 1, 2, 3, 32, 33, 34, 244, 10_004]) {
    const tables = [-1, 0].map((id) => ({ name: id < 0 ? '' : 'ä & b', id, data: new Uint8Array(size) }));
    expect(listLength(tables.map(({ name, id }) => ({ name, id, size })))).toBe(formatList(tables).length);
  }
});
