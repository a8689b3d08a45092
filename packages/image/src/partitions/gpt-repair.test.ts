// Damaged tables at either end of the disk: the other end has what is needed.

import { MemoryDevice } from '@tintype/core';
import { expect, test } from 'vitest';
import { readGpt, writeGpt } from './gpt.js';
import { repairGpt } from './gpt-repair.js';

const SIZE = 1 << 20;

function disk(): Uint8Array {
  const bytes = new Uint8Array(SIZE);
  writeGpt(new MemoryDevice(bytes), 'Apple_HFS', (target) => target.fill(5));
  return bytes;
}

test.each<[string, (bytes: Uint8Array) => void]>([
  ['the primary header', (bytes) => bytes.fill(0, 512, 1024)],
  ['a byte of the primary header', (bytes) => bytes.fill(1, 600, 601)],
  ['the primary entries', (bytes) => bytes.fill(0xff, 1024, 2048)],
  ['the backup header', (bytes) => bytes.fill(0, SIZE - 512)],
  ['the backup entries', (bytes) => bytes.fill(0, SIZE - 33 * 512, SIZE - 32 * 512)],
])('%s comes back as it was', (_what, damage) => {
  const before = disk();
  const bytes = before.slice();
  damage(bytes);
  const device = new MemoryDevice(bytes);
  expect(readGpt(device)?.findings).toHaveLength(1);
  expect(repairGpt(device)).toHaveLength(1);
  expect(Buffer.compare(bytes, before)).toBe(0);
  expect(repairGpt(device)).toEqual([]);
});

test('the backup of a disk that has grown is made at its new end', () => {
  const bytes = new Uint8Array(SIZE + 8192);
  bytes.set(disk());
  const device = new MemoryDevice(bytes);
  expect(repairGpt(device)).toHaveLength(1);
  expect(readGpt(device)?.findings).toEqual([]);
});

test('where both are bad, nothing is made up', () => {
  const bytes = disk();
  bytes.fill(7, 520, 600);
  bytes.fill(7, SIZE - 504, SIZE - 400);
  const before = bytes.slice();
  expect(repairGpt(new MemoryDevice(bytes))).toEqual([]);
  expect(Buffer.compare(bytes, before)).toBe(0);
});
