// The partition map of a disk, whatever its kind.

import { type BlockDevice, showSize, UnsupportedError } from '@tintype/core';
import type { Partition, PartitionMap } from '../disk-image.js';
import { readApm, writeApm } from './apm.js';
import { readGpt, writeGpt } from './gpt.js';
import { MbrEntry } from './structs.js';

const MBR_TYPES: Readonly<Record<number, string>> = {
  175: 'Apple_HFS',
  11: 'DOS_FAT_32',
  12: 'DOS_FAT_32',
  7: 'Windows_NTFS',
};
/** The largest disk whose blocks an Apple partition map can count. */
const APM_LIMIT = 2 ** 41;

/** @throws CorruptError if there is a map that cannot be used */
export function partitionMap(device: BlockDevice): PartitionMap {
  const gpt = readGpt(device);
  if (gpt) return { scheme: 'gpt', ...gpt };
  const apm = readApm(device);
  if (apm) return { scheme: 'apm', ...apm };
  const mbr = readMbr(device);
  if (mbr) return { scheme: 'mbr', blockSize: 512, partitions: mbr, findings: [] };
  return {
    scheme: 'none',
    blockSize: device.blockSize,
    partitions: [{ index: 0, type: '', name: '', start: 0, size: device.size }],
    findings: [],
  };
}

/** Null if there is no table, or none of its partitions lies inside the disk (a boot sector looks like a table). */
function readMbr(device: BlockDevice): Partition[] | null {
  if (device.size < 512) return null;
  const sector = new Uint8Array(512);
  device.read(0, sector);
  if (sector[510] !== 0x55 || sector[511] !== 0xaa) return null;
  const view = new DataView(sector.buffer);
  const partitions: Partition[] = [];
  for (let i = 0; i < 4; i += 1) {
    const { type, start, length } = MbrEntry.read(view, 446 + i * MbrEntry.size);
    if (type === 0 || length === 0 || (start + length) * 512 > device.size || start === 0) continue;
    partitions.push({
      index: partitions.length,
      type: MBR_TYPES[type] ?? `0x${type.toString(16)}`,
      name: '',
      start: start * 512,
      size: length * 512,
    });
  }
  return partitions.length > 0 ? partitions : null;
}

export interface WriteMapOptions {
  readonly scheme: 'gpt' | 'apm' | 'none';
  readonly type: 'Apple_HFS' | 'Apple_APFS';
  readonly random: (target: Uint8Array) => void;
}

/** @throws UnsupportedError where the scheme cannot describe the disk */
export function writePartitionMap(device: BlockDevice, { scheme, type, random }: WriteMapOptions): Partition {
  if (scheme === 'none') return { index: 0, type: '', name: '', start: 0, size: device.size };
  if (scheme === 'gpt') return writeGpt(device, type, random);
  if (device.size > APM_LIMIT)
    throw new UnsupportedError(
      `an Apple partition map describes ${showSize(APM_LIMIT)} at most, not ${showSize(device.size)}`,
    );
  return writeApm(device, type);
}
