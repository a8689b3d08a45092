import { MemoryDevice, type Range } from '@tintype/core';
import { expect, test } from 'vitest';
import { bytesToStore, DiskPlan } from './disk-plan.js';
import { CHUNK } from './fork-writer.js';
import { CHUNK_TYPE } from './structs.js';

const K = 1024;
const { raw, zero, ignore } = CHUNK_TYPE;
const region = { name: 'x', id: 0, descriptor: 0, start: 0, size: 4 * CHUNK, isFree: false };

/** Zeros by its own map from 3 MiB on. */
const disk = new Proxy(new MemoryDevice(new Uint8Array(4 * CHUNK)), {
  get: (device, name) => {
    if (name !== 'extent') return Reflect.get(device, name, device);
    return (at: number) =>
      at < 3 * CHUNK ? { length: 3 * CHUNK - at, kind: 'data' } : { length: 4 * CHUNK - at, kind: 'zero' };
  },
});
const FREE: readonly Range[] = [
  { start: 100, length: 200 },
  { start: 10 * K + 1, length: 20 * K },
  { start: CHUNK, length: K },
];

test('free ranges in whole sectors, zeros by the map, data in chunks; counted without being read', () => {
  const plan = new DiskPlan(disk, FREE);
  const found: (readonly [number, number])[] = [];
  for (let at = 0; at < region.size; ) {
    const { type, size } = plan.next(region, at);
    found.push([type, size]);
    at += size;
  }
  expect(found).toEqual([
    [raw, 10 * K + 512],
    [ignore, 20 * K - 512],
    [raw, CHUNK - 30 * K],
    [ignore, K],
    [raw, CHUNK],
    // A chunk goes on into zeros; only whole stretches of them are told apart.
    [raw, CHUNK],
    [zero, CHUNK - K],
  ]);
  expect(new DiskPlan(disk, FREE).count(region)).toBe(found.length);
  expect(new DiskPlan(disk, []).count({ ...region, isFree: true })).toBe(1);
});

test('what is to be stored', () => {
  expect(bytesToStore(disk, [])).toBe(3 * CHUNK);
  expect(bytesToStore(disk, FREE)).toBe(3 * CHUNK - 200 - 21 * K);
});
