import { zlib } from '@tintype/codec';
import { CorruptError, StoreError } from '@tintype/core';
import { MemoryStore, Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { holder } from '../encryption/encrypted.testing.js';
import { openImage } from '../open.js';
import { segmentPath } from './segments.js';
import { END, forkAndTables, kolyOf, listOf } from './udif.testing.js';

const clear = new Random(6).bytes(64 * 512);
const coded = zlib.encode(clear.subarray(0, 32 * 512));
const { fork, resources } = forkAndTables([
  {
    name: 'disk',
    firstSector: 0,
    sectorCount: 64,
    chunks: [
      { type: 0x8000_0005, firstSector: 0, sectorCount: 32, stored: coded },
      { type: 1, firstSector: 32, sectorCount: 32, stored: clear.subarray(32 * 512) },
      END,
    ],
  },
]);

/** The fork cut at the given places, each part in a file of its own. */
function segmented(cuts: readonly number[], id = 9): MemoryStore {
  const store = new MemoryStore();
  const ends = [...cuts, fork.length];
  const list = listOf(resources);
  for (const [i, end] of ends.entries()) {
    const part = fork.subarray(ends[i - 1] ?? 0, end);
    const file = store.open(i === 0 ? 'big.dmg' : segmentPath('big.dmg', i + 1), 'create');
    const koly = kolyOf({
      segmentNumber: i + 1,
      segmentCount: ends.length,
      segmentId: new Uint8Array(16).fill(id),
      dataForkLength: part.length,
      runningDataForkOffset: ends[i - 1] ?? 0,
      sectorCount: 64,
      ...(i === 0 ? { xmlOffset: part.length, xmlLength: list.length } : {}),
    });
    file.write(0, Buffer.concat([part, ...(i === 0 ? [list] : []), koly]));
    file.close();
  }
  return store;
}

function open(store: MemoryStore) {
  return openImage(store, 'big.dmg', { writable: false, waitLock: 0, holder, allowTimeMachine: false });
}

test('names', () => {
  expect([segmentPath('a/b.dmg', 2), segmentPath('b.DMG', 12), segmentPath('b', 1000)]).toEqual([
    'a/b.002.dmgpart',
    'b.012.dmgpart',
    'b.1000.dmgpart',
  ]);
});

test.each([[[]], [[1000]], [[5, 6, 7]], [[coded.length]], [[300, coded.length + 1, fork.length - 1]]])(
  'cut at %j: chunks go on in the next file',
  (cuts) => {
    const image = open(segmented(cuts));
    const disk = new Uint8Array(image.device.size);
    image.device.read(0, disk);
    expect(Buffer.compare(disk, clear)).toBe(0);
    expect([...image.verify()]).toEqual([]);
    image.close();
  },
);

test('a segment that is missing, of another image, or not the first', () => {
  const missing = segmented([100, 200]);
  missing.remove(segmentPath('big.dmg', 3));
  expect(() => open(missing)).toThrow(StoreError);
  expect(() => open(missing)).toThrow(/big\.003\.dmgpart/);
  const mixed = segmented([100]);
  const other = segmented([100], 8).open(segmentPath('big.dmg', 2), 'read');
  const bytes = new Uint8Array(other.size());
  other.read(0, bytes);
  const file = mixed.open(segmentPath('big.dmg', 2), 'write');
  file.write(0, bytes);
  expect(() => open(mixed)).toThrow(CorruptError);
  const short = segmented([100]);
  short.open(segmentPath('big.dmg', 2), 'write').truncate(600);
  expect(() => open(short)).toThrow(CorruptError);
});
