import { MemoryDevice } from '@tintype/core';
import { expect, test } from 'vitest';
import { partitionMap, writePartitionMap } from './map.js';
import { repairPartitionMap } from './map-repair.js';

function disk(scheme: 'gpt' | 'apm'): Uint8Array {
  const bytes = new Uint8Array(1 << 20);
  writePartitionMap(new MemoryDevice(bytes), { scheme, type: 'Apple_HFS', random: (target) => target.fill(5) });
  return bytes;
}

test.each([
  ['gpt', 'mbr-protective', 0, 512],
  ['gpt', 'mbr-protective', 446, 510],
  ['gpt', 'mbr-protective', 510, 512],
  ['apm', 'apm-ddm', 0, 512],
] as const)('%s: %s is found where bytes %d to %d are zeros, and comes back as it was', (scheme, kind, from, to) => {
  const before = disk(scheme);
  const bytes = before.slice().fill(0, from, to);
  const device = new MemoryDevice(bytes);
  const { findings, partitions } = partitionMap(device);
  expect(findings).toMatchObject([{ kind, repairable: true }]);
  expect(partitions.some(({ type }) => type === 'Apple_HFS')).toBe(true);
  expect(repairPartitionMap(device)).toHaveLength(1);
  expect(Buffer.compare(bytes, before)).toBe(0);
  expect(repairPartitionMap(device)).toEqual([]);
});

test('code of a boot loader stays, and so does what another MBR says', () => {
  const bytes = disk('gpt').fill(7, 0, 440);
  const hybrid = bytes.slice().fill(3, 446, 510);
  expect(repairPartitionMap(new MemoryDevice(hybrid))).toEqual([]);
  expect(partitionMap(new MemoryDevice(hybrid)).findings).toEqual([]);
  const damaged = bytes.slice().fill(0, 440, 512);
  repairPartitionMap(new MemoryDevice(damaged));
  expect(Buffer.compare(damaged, bytes)).toBe(0);
});

test('a disc with an Apple map behind a boot sector is sound', () => {
  const bytes = disk('apm').fill(0, 0, 510);
  bytes.set([0x55, 0xaa], 510);
  const before = bytes.slice();
  expect(partitionMap(new MemoryDevice(bytes))).toMatchObject({ scheme: 'apm', findings: [] });
  expect(repairPartitionMap(new MemoryDevice(bytes))).toEqual([]);
  expect(Buffer.compare(bytes, before)).toBe(0);
});

test('both ends of a GPT and what stands before it are mended at once', () => {
  const before = disk('gpt');
  const bytes = before.slice().fill(0, 0, 1024);
  expect(repairPartitionMap(new MemoryDevice(bytes))).toHaveLength(2);
  expect(Buffer.compare(bytes, before)).toBe(0);
  expect(repairPartitionMap(new MemoryDevice(new Uint8Array(1 << 20)))).toEqual([]);
});
