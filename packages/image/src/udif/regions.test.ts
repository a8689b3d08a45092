import { expect, test } from 'vitest';
import type { Partition, PartitionMap } from '../disk-image.js';
import { regionsOf } from './regions.js';

const N = 32_768;
const part = (type: string, start: number, sectors: number, name = 'disk image'): Partition => ({
  index: 0,
  type,
  name,
  start: start * 512,
  size: sectors * 512,
});
const map = (scheme: PartitionMap['scheme'], partitions: readonly Partition[], blockSize = 512): PartitionMap => ({
  scheme,
  blockSize,
  partitions,
  findings: [],
});
const shown = (made: PartitionMap, size = N) =>
  regionsOf(made, size * 512).map(({ name, id, descriptor, start, size: length }) => [
    id,
    name,
    start / 512,
    length / 512,
    descriptor,
  ]);

test('a GPT, as macOS cuts it', () => {
  expect(shown(map('gpt', [part('Apple_APFS', 40, 32_688)]))).toEqual([
    [-1, 'Protective Master Boot Record (MBR : 0)', 0, 1, 0],
    [0, 'GPT Header (Primary GPT Header : 1)', 1, 1, 1],
    [1, 'GPT Partition Data (Primary GPT Table : 2)', 2, 32, 2],
    [2, ' (Apple_Free : 3)', 34, 6, 3],
    [3, 'disk image (Apple_APFS : 4)', 40, 32_688, 4],
    [4, ' (Apple_Free : 5)', 32_728, 7, 5],
    [5, 'GPT Partition Data (Backup GPT Table : 6)', 32_735, 32, 6],
    [6, 'GPT Header (Backup GPT Header : 7)', 32_767, 1, 7],
  ]);
});

test('an Apple partition map', () => {
  const partitions = [
    part('Apple_partition_map', 1, 63, 'Apple'),
    part('Apple_HFS', 64, N - 74),
    part('Apple_Free', N - 10, 10, ''),
  ];
  expect(shown(map('apm', partitions))).toEqual([
    [-1, 'Driver Descriptor Map (DDM : 0)', 0, 1, 0xffff_ffff],
    [0, 'Apple (Apple_partition_map : 1)', 1, 63, 0],
    [1, 'disk image (Apple_HFS : 2)', 64, N - 74, 1],
    [2, ' (Apple_Free : 3)', N - 10, 10, 2],
  ]);
});

test('what has no map, or one that cannot be cut, is one region', () => {
  const whole = [[0, 'whole disk (Apple_HFS : 0)', 0, N, 0xffff_fffe]];
  expect(shown(map('none', [part('', 0, N)]))).toEqual(whole);
  expect(shown(map('mbr', []))).toEqual(whole);
  expect(shown(map('gpt', [part('Apple_HFS', 40, 100), part('Apple_HFS', 100, 100)]))).toEqual(whole);
  expect(shown(map('gpt', [part('Apple_HFS', 40, N)]))).toEqual([[0, 'whole disk (Apple_HFS : 0)', 0, N, 0xffff_fffe]]);
  expect(shown(map('gpt', [], 4096))).toEqual(whole);
});
