import { crc32 } from '@tintype/core';
import { CrashStore, count, MemoryStore } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { writeEnd } from './end.js';
import { CHUNK } from './fork-writer.js';
import { readKoly } from './koly.js';
import { listLength } from './list.js';
import { Koly } from './structs.js';
import { regionTable, tableSize } from './table.js';

const region = { name: 'x', id: 0, descriptor: 0, start: 0, size: 4096, isFree: false };
const rows = [{ type: 1, start: 0, size: 4096, offset: 0, length: 4096, crc: 5 }];
const tables = [regionTable(region, () => rows, { format: 'udro', start: 0, end: 4096 })];
const NAMES = ['x', 'x.002', 'x.003'];
const PARTS = [3000, 1000, 96].map((length, i) => ({ length, crc: 70 + i }));

test('each file gets a trailer; the first its list before, and its trailer when all else is durable', () => {
  const store = new CrashStore(new MemoryStore());
  for (const [i, name] of NAMES.entries()) {
    const file = store.open(name, 'create');
    file.write(0, new Uint8Array(PARTS[i]?.length ?? 0));
    file.close();
  }
  const first = store.open('x', 'write');
  const open = (number: number) => (number === 1 ? first : store.open(NAMES[number - 1] as string, 'write'));
  writeEnd(tables, { parts: PARTS, open, size: 4096, random: (target) => target.fill(3) });
  const found = NAMES.map((name) => readKoly(store.open(name, 'read')));
  expect(found.map((koly) => [koly?.segmentNumber, koly?.segmentCount, koly?.runningDataForkOffset])).toEqual([
    [1, 3, 0],
    [2, 3, 3000],
    [3, 3, 4000],
  ]);
  expect(found.map((koly) => [koly?.dataForkLength, koly?.dataChecksum[3], koly?.sectorCount])).toEqual([
    [3000, 70, 8],
    [1000, 71, 8],
    [96, 72, 8],
  ]);
  expect(found.map((koly) => [koly?.xmlOffset, (koly?.xmlLength ?? 0) > 500])).toEqual([
    [3000, true],
    [0, false],
    [0, false],
  ]);
  const sum = Buffer.from(found[2]?.masterChecksum ?? []).readUInt32BE(0);
  expect(sum).toBe(crc32(Uint8Array.of(0, 0, 0, 5)));
  const ids = found.map((koly) => Buffer.from(koly?.segmentId ?? []).toString('hex'));
  expect(new Set(ids)).toEqual(new Set(['03'.repeat(16)]));
  const done = store.calls.map((call) => call.kind);
  expect(done.slice(-4)).toEqual(['write', 'sync', 'write', 'sync']);
  const isThere = (state: { readonly store: MemoryStore }, name: string) =>
    state.store.kind(name) !== null && readKoly(state.store.open(name, 'read')) !== null;
  const isImage = [...store.prefixes()].filter((state) => isThere(state, 'x'));
  expect(isImage.length).toBeGreaterThan(0);
  for (const state of isImage) expect(NAMES.every((name) => isThere(state, name))).toBe(true);
});

test('tables of any length are written in small pieces, and are never in memory as a whole', () => {
  // 4 TiB in full.
  const rows = count(20_000, 1 << 22);
  const size = rows * CHUNK;
  const wide = { ...region, size };
  const stored = { type: 0x8000_0005, size: CHUNK, length: 300_001 };
  function* many() {
    for (let i = 0; i < rows; i += 1) yield { ...stored, start: i * CHUNK, offset: i * stored.length, crc: i };
  }
  const length = rows * stored.length;
  const table = regionTable(wide, many, { format: 'udzo', start: 0, end: length });
  const file = new MemoryStore().open('x', 'create');
  let [largest, next] = [0, length];
  const watched = {
    ...file,
    sync: () => {},
    write: (position: number, bytes: Uint8Array) => {
      expect(position).toBe(next);
      next += bytes.length;
      largest = Math.max(largest, bytes.length);
    },
  };
  writeEnd([table], { parts: [{ length, crc: 0 }], open: () => watched, size, random: () => {} });
  expect(largest).toBeLessThan(64 << 10);
  expect(next - length).toBe(listLength([{ name: 'x', id: 0, size: tableSize(rows) }]) + Koly.size);
});
