import { chunkLanes } from '@tintype/codec';
import { crc32, MemoryDevice, Progress, RefusedError } from '@tintype/core';
import { Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { CopiedRanges, requireCopied } from './converted.js';

const MIB = 1 << 20;

test.each([0, 2])('what follows each other has one checksum; each byte counts, with %s threads', (count) => {
  const bytes = new Random(4).bytes(12 * MIB);
  const copied = new CopiedRanges();
  for (const [from, to] of [
    [0, 4],
    [4, 8],
    [10, 11],
  ] as const)
    copied.add(from * MIB, (to - from) * MIB, crc32(bytes.subarray(from * MIB, to * MIB)));
  expect(copied.list.map(({ start, length }) => [start / MIB, length / MIB])).toEqual([
    [0, 8],
    [10, 1],
  ]);
  const lanes = count > 0 ? chunkLanes(count, 0) : undefined;
  const context = { progress: new Progress(), lanes };
  const device = new MemoryDevice(bytes.slice());
  requireCopied(copied.list, device, 'x', context);
  device.write(9 * MIB, Buffer.from('of no matter'));
  requireCopied(copied.list, device, 'x', context);
  for (const at of [0, 8 * MIB - 1, 10 * MIB + 5]) {
    const changed = new MemoryDevice(bytes.slice());
    changed.write(at, Uint8Array.of((bytes[at] as number) ^ 1));
    expect(() => requireCopied(copied.list, changed, 'x', context)).toThrow(RefusedError);
  }
  lanes?.close();
});

test('what goes on past the length has a checksum of its own', () => {
  const copied = new CopiedRanges();
  for (let at = 0; at < 72 * MIB; at += 4 * MIB) copied.add(at, 4 * MIB, 0);
  expect(copied.list.map(({ length }) => length / MIB)).toEqual([64, 8]);
});
