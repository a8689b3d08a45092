import { CorruptError } from '@tintype/core';
import { expect, test } from 'vitest';
import { isEmpty, readTable, sortedRuns } from './runs.js';
import { END, forkAndTables, type MadeTable } from './udif.testing.js';

const raw = (firstSector: number) => ({ type: 1, firstSector, sectorCount: 1, stored: new Uint8Array(512) });
const table = (made: Partial<MadeTable>, limits = { forkLength: 10_000, diskSize: 100 * 512 }) => {
  const { resources } = forkAndTables([
    { name: 't', firstSector: 10, sectorCount: 5, chunks: [raw(2), raw(0), END], ...made },
  ]);
  return readTable('t', resources[0]?.data ?? new Uint8Array(0), limits);
};

test('runs have the places of their disk and their fork; a table keeps its order', () => {
  const { runs, start, end, findings } = table({});
  expect([start, end, findings]).toEqual([10 * 512, 15 * 512, []]);
  expect(runs.map((run) => [run.start / 512, run.offset])).toEqual([
    [12, 0],
    [10, 512],
  ]);
});

test('an offset of the data is added to each chunk', () => {
  expect(table({ dataOffset: 300, chunks: [{ ...raw(0), offset: 1300 }, END] }).runs[0]?.offset).toBe(1300);
});

test('sorted over all tables, they may not overlap', () => {
  const tables = [table({ firstSector: 50 }), table({})];
  expect(sortedRuns(tables).map(({ start }) => start / 512)).toEqual([10, 12, 50, 52]);
  expect(() => sortedRuns([table({}), table({})])).toThrow(CorruptError);
});

test('stored bytes lie inside the fork, regions inside the disk', () => {
  expect(() => table({}, { forkLength: 1023, diskSize: 100 * 512 })).toThrow(CorruptError);
  expect(() => table({}, { forkLength: 1024, diskSize: 14 * 512 })).toThrow(CorruptError);
  expect(() =>
    table({ chunks: [{ type: 0x8000_0005, firstSector: 0, sectorCount: 5, stored: new Uint8Array(0) }] }),
  ).toThrow(CorruptError);
  expect([0, 2, 1].map(isEmpty)).toEqual([true, true, false]);
});
