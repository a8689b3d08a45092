import { MemoryDevice, Progress, RefusedError } from '@tintype/core';
import { Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { CopiedRanges, requireCopied } from './converted.js';

const MIB = 1 << 20;

test('what follows each other has one checksum, up to a length; each byte counts', () => {
  const bytes = new Random(4).bytes(12 * MIB);
  const copied = new CopiedRanges();
  for (const [from, to] of [
    [0, 4],
    [4, 8],
    [10, 11],
  ] as const)
    copied.add(from * MIB, bytes.subarray(from * MIB, to * MIB));
  expect(copied.list.map(({ start, length }) => [start / MIB, length / MIB])).toEqual([
    [0, 8],
    [10, 1],
  ]);
  const context = { progress: new Progress() };
  const device = new MemoryDevice(bytes.slice());
  requireCopied(copied.list, device, 'x', context);
  device.write(9 * MIB, Buffer.from('of no matter'));
  requireCopied(copied.list, device, 'x', context);
  for (const at of [0, 8 * MIB - 1, 10 * MIB + 5]) {
    const changed = new MemoryDevice(bytes.slice());
    changed.write(at, Uint8Array.of((bytes[at] as number) ^ 1));
    expect(() => requireCopied(copied.list, changed, 'x', context)).toThrow(RefusedError);
  }
});

test('what goes on past the length has a checksum of its own', () => {
  const copied = new CopiedRanges();
  for (let at = 0; at < 72 * MIB; at += 4 * MIB) copied.add(at, new Uint8Array(4 * MIB));
  expect(copied.list.map(({ length }) => length / MIB)).toEqual([64, 8]);
});
