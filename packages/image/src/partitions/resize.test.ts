import type { BlockDevice } from '@tintype/core';
import { CrashDevice, count, SparseDevice } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { partitionMap, writePartitionMap } from './map.js';
import { resizedPartition, resizePartitionMap } from './resize.js';

const MIB = 1 << 20;
const random = (target: Uint8Array): void => {
  target.fill(3);
};

/** A disk of `size` on a device with `room`. */
function disk(scheme: 'gpt' | 'apm', size: number, room: number): SparseDevice {
  const small = new SparseDevice(size);
  writePartitionMap(small, { scheme, type: 'Apple_HFS', random });
  return resized(small, room);
}

function resized(device: BlockDevice, size: number): SparseDevice {
  const other = new SparseDevice(size);
  const bytes = new Uint8Array(Math.min(device.size, size));
  device.read(0, bytes);
  other.write(0, bytes);
  return other;
}

const ours = (device: BlockDevice) => {
  const map = partitionMap(device);
  const partition = map.partitions.find(({ type }) => type === 'Apple_HFS');
  if (!partition) throw new Error('no partition');
  return { map, partition };
};

describe.each(['gpt', 'apm'] as const)('%s', (scheme) => {
  test.each([
    [20 * MIB, 50 * MIB],
    [50 * MIB, 20 * MIB],
    [50 * MIB, 50 * MIB - 512],
  ])('of a disk from %i to %i bytes is as a new one would be', (from, to) => {
    const device = disk(scheme, from, Math.max(from, to));
    const { map, partition } = ours(device);
    const next = resizePartitionMap(device, map, partition, to);
    const after = resized(device, to);
    const fresh = new SparseDevice(to);
    const wanted = writePartitionMap(fresh, { scheme, type: 'Apple_HFS', random });
    expect(next).toEqual(wanted);
    const { map: read } = ours(after);
    expect(read).toEqual(partitionMap(fresh));
    expect(read.findings).toEqual([]);
  });
  test.each([
    [MIB, 2 * MIB],
    [2 * MIB, MIB],
  ])('cut at any moment between %i and %i bytes the map can be read', (from, to) => {
    const crash = new CrashDevice(disk(scheme, from, Math.max(from, to)));
    const { map, partition } = ours(crash);
    const next = resizePartitionMap(crash, map, partition, to);
    for (const { device, description } of crash.randomStates({ seed: 4, count: count(40, 2000) })) {
      const { partition: found } = ours(device);
      expect([partition.size, next.size], description).toContain(found.size);
      expect(found.start, description).toBe(partition.start);
      resizePartitionMap(device, partitionMap(device), found, to);
      expect(ours(resized(device, to)).partition, description).toEqual(next);
    }
  });
});

test('a partition with another behind it, and one of an MBR, stay', () => {
  const partition = { index: 0, type: 'Apple_HFS', name: '', start: 20_480, size: MIB };
  const map = { scheme: 'gpt' as const, blockSize: 512, findings: [], partitions: [partition] };
  const followed = { ...map, partitions: [partition, { ...partition, index: 1, start: 2 * MIB }] };
  expect(() => resizedPartition(followed, partition, 8 * MIB)).toThrow('another partition follows');
  expect(() => resizedPartition({ ...map, scheme: 'mbr' }, partition, 8 * MIB)).toThrow('MBR');
});
