import { createHash } from 'node:crypto';
import { crc32, RefusedError } from '@tintype/core';
import { MemoryStore, Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { holder } from '../encryption/encrypted.testing.js';
import { openImage } from '../open.js';
import { wordBytes } from './checksums.js';
import { padded } from './table.js';
import { END, forkAndTables, kolyOf, listOf, type MadeTable } from './udif.testing.js';

const SECTOR = 512;
const bytes = new Random(4).bytes(32 * SECTOR);
const part = (from: number, to: number) => bytes.subarray(from * SECTOR, to * SECTOR);
const raw = (firstSector: number, from: number, to: number) => {
  return { type: 1, firstSector, sectorCount: to - from, stored: part(from, to) };
};
const crcOf = (...parts: Uint8Array[]) => ({ type: 2, bytes: wordBytes(crc32(Buffer.concat(parts))) });
const md5Of = (...parts: Uint8Array[]) => {
  return { type: 4, bytes: createHash('md5').update(Buffer.concat(parts)).digest() };
};
const zeros = new Uint8Array(4 * SECTOR);

/** Zeros that count, space that does not, MD5, chunks in another order than the disk's, a table without a sum. */
const TABLES: readonly MadeTable[] = [
  {
    name: 'mixed',
    firstSector: 0,
    sectorCount: 16,
    chunks: [
      raw(0, 0, 4),
      { type: 0, firstSector: 4, sectorCount: 4 },
      { type: 2, firstSector: 8, sectorCount: 4 },
      raw(12, 4, 8),
      END,
    ],
    checksum: crcOf(part(0, 4), zeros, part(4, 8)),
  },
  {
    name: 'MD5',
    firstSector: 16,
    sectorCount: 8,
    chunks: [{ type: 0, firstSector: 0, sectorCount: 4 }, raw(4, 8, 12), END],
    checksum: md5Of(zeros, part(8, 12)),
  },
  {
    name: 'shuffled',
    firstSector: 24,
    sectorCount: 8,
    chunks: [raw(4, 12, 16), raw(0, 16, 20), END],
    checksum: crcOf(part(12, 16), part(16, 20)),
  },
  { name: 'unknown', firstSector: 32, sectorCount: 4, chunks: [raw(0, 20, 24), END] },
  {
    name: 'free',
    firstSector: 36,
    sectorCount: 4,
    chunks: [{ type: 2, firstSector: 0, sectorCount: 4 }, END],
    checksum: crcOf(),
  },
];
const SIZE = 40 * SECTOR;

/** `change`: of what the trailer says by itself. */
function open(tables: readonly MadeTable[], change: Parameters<typeof kolyOf>[0] = {}, ignoreChecksums = false) {
  const { fork, resources } = forkAndTables(tables);
  const list = listOf(resources);
  const words = tables.map(({ checksum }) => Buffer.from(checksum?.bytes ?? new Uint8Array(4)).subarray(0, 4));
  const koly = kolyOf({
    dataForkLength: fork.length,
    xmlOffset: fork.length,
    xmlLength: list.length,
    sectorCount: 40,
    masterChecksumType: 2,
    masterChecksumSize: 32,
    masterChecksum: padded(crc32(Buffer.concat(words))),
    dataChecksumType: 2,
    dataChecksumSize: 32,
    dataChecksum: padded(crc32(fork)),
    ...change,
  });
  const store = new MemoryStore();
  const file = store.open('x.dmg', 'create');
  file.write(0, Buffer.concat([fork, list, koly]));
  file.close();
  const options = { writable: false, waitLock: 0, holder, allowTimeMachine: false, ignoreChecksums };
  return openImage(store, 'x.dmg', options);
}

const WRONG = padded(5);

/** Reads the ranges, in bytes, and asks for the sums. */
function settled(
  tables: readonly MadeTable[],
  ranges: readonly (readonly [number, number])[],
  change: Parameters<typeof kolyOf>[0] = {},
  isSummed = false,
): void {
  const image = open(tables, change);
  const disk = image.checked();
  if (!disk) throw new Error('has no checksums');
  const whole = new Uint8Array(SIZE);
  image.device.read(0, whole);
  for (const [from, to] of ranges) {
    const seen = new Uint8Array(to - from);
    if (isSummed) expect(disk.readSummed(from, seen)).toBe(crc32(seen));
    else disk.read(from, seen);
    expect(Buffer.compare(seen, whole.subarray(from, to))).toBe(0);
  }
  disk.settle(() => {});
}

const ALL = [[0, SIZE]] as const;
const WAYS: readonly (readonly (readonly [number, number])[])[] = [
  ALL,
  [
    [0, 100],
    [100, 700],
    [3000, 9000],
    [9000, SIZE],
  ],
  [
    [7 * SECTOR, 13 * SECTOR],
    [18 * SECTOR, 19 * SECTOR],
    [29 * SECTOR, 30 * SECTOR],
  ],
  [
    [SIZE - 1, SIZE],
    [0, 1],
    [0, SECTOR],
    [0, SIZE],
  ],
  [],
];
const changed = (name: string) =>
  TABLES.map((table) => {
    if (table.name !== name || !table.checksum) return table;
    const sum = Uint8Array.from(table.checksum.bytes, (byte, i) => (i === 0 ? byte ^ 1 : byte));
    return { ...table, checksum: { ...table.checksum, bytes: sum } };
  });

test('a good image, read whole, in pieces, with gaps, again and again', () => {
  for (const ranges of WAYS) for (const isSummed of [false, true]) settled(TABLES, ranges, {}, isSummed);
});

test.each(['mixed', 'MD5', 'shuffled', 'free'])('a wrong checksum of the table %s', (name) => {
  for (const ranges of WAYS) {
    const isRead = name === 'free' || ranges.length > 0;
    for (const isSummed of [false, true])
      if (isRead) expect(() => settled(changed(name), ranges, {}, isSummed)).toThrow(`of the clear bytes of ${name}`);
      else settled(changed(name), ranges, {}, isSummed);
  }
  expect(() => settled(changed(name), ALL)).toThrow(RefusedError);
});

test('a wrong checksum of all tables is refused when the image is opened, unless it is to be ignored', () => {
  const tables = TABLES.filter(({ checksum }) => checksum?.type === 2);
  open(tables).close();
  expect(() => open(tables, { masterChecksum: WRONG })).toThrow(RefusedError);
  expect(() => open(tables, { masterChecksum: WRONG })).toThrow(/of all tables in x.dmg/);
  const image = open(tables, { masterChecksum: WRONG }, true);
  const [found, ...more] = image.glance();
  expect([found?.kind, more]).toEqual(['udif-master-checksum', []]);
  expect([...image.verify()].map(({ kind }) => kind)).toContain('udif-master-checksum');
  expect(open(tables).glance()).toEqual([]);
});

test('the stored bytes are asked where a table has no checksum of its own, and else not', () => {
  const wrong = { dataChecksum: WRONG };
  expect(() => settled(TABLES, ALL, wrong)).toThrow(/of the stored bytes of x.dmg/);
  expect(() => open(TABLES, wrong).requireChecksums?.(() => {})).toThrow(/of the stored bytes of x.dmg/);
  const summed = TABLES.filter(({ name }) => name !== 'unknown');
  settled(summed, ALL, wrong);
  open(summed, wrong).requireChecksums?.(() => {});
  for (const none of [{ dataChecksumType: 0 }, { dataChecksumSize: 0 }, { dataChecksumType: 99 }])
    settled(TABLES, ALL, { ...wrong, ...none });
});

test('all at once, before anything is read: each table whose checksum is wrong, and none that is right', () => {
  open(TABLES).requireChecksums?.(() => {});
  for (const name of ['mixed', 'MD5', 'shuffled', 'free'])
    expect(() => open(changed(name)).requireChecksums?.(() => {})).toThrow(`of the clear bytes of ${name} in x.dmg`);
  let calls = 0;
  const stop = () => {
    calls += 1;
    throw new Error('stop');
  };
  expect(() => open(TABLES).requireChecksums?.(stop)).toThrow('stop');
  expect(calls).toBe(1);
});

test('asked to stop, it stops', () => {
  const disk = open(TABLES).checked();
  disk?.read(0, new Uint8Array(1));
  expect(() =>
    disk?.settle(() => {
      throw new Error('stop');
    }),
  ).toThrow('stop');
});

test('what is skipped is read once for the sum, and not what no sum counts', () => {
  const image = open(TABLES);
  let read = 0;
  const disk = image.checked();
  disk?.read(14 * SECTOR, new Uint8Array(SECTOR));
  disk?.settle(() => {
    read += 1;
  });
  // After sector 15: the last chunk of the first table; of the others nothing was read. And the stored bytes, for one without.
  expect(read).toBe(2);
});
