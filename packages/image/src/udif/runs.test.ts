import { CorruptError } from '@tintype/core';
import { expect, test } from 'vitest';
import { isEmpty, readTable, sortedRuns } from './runs.js';
import { CHUNK_TYPE } from './structs.js';
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
  expect([...runs].map((run) => [run.start / 512, run.offset])).toEqual([
    [12, 0],
    [10, 512],
  ]);
});

test('an offset of the data is added to each chunk', () => {
  expect(table({ dataOffset: 300, chunks: [{ ...raw(0), offset: 1300 }, END] }).runs.at(0)?.offset).toBe(1300);
});

test('sorted over all tables, they may not overlap', () => {
  const tables = [table({ firstSector: 50 }), table({})];
  expect([...sortedRuns(tables)].map(({ start }) => start / 512)).toEqual([10, 12, 50, 52]);
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

test('entries that stand for nothing are left out, wherever they are; behind the last there is none', () => {
  const comment = { ...raw(0), type: CHUNK_TYPE.comment };
  const { runs } = table({ chunks: [comment, raw(2), END, { ...raw(1), sectorCount: 0 }, raw(3), comment] });
  expect([...runs].map(({ start }) => start / 512)).toEqual([12, 13]);
  expect([runs.length, runs.at(1)?.start, runs.at(2)]).toEqual([2, 13 * 512, undefined]);
  const all = sortedRuns([table({ chunks: [END] }), table({ firstSector: 50, chunks: [raw(1), raw(0)] })]);
  expect([all.length, all.at(0)?.start, all.at(1)?.start, all.at(2)]).toEqual([2, 50 * 512, 51 * 512, undefined]);
});
