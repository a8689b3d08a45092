// The protective MBR before a GUID partition table: without it macOS and others see no table. Source: UEFI specification,
// "Protective MBR". Hybrid discs have other entries there, which are left alone.

import { type BlockDevice, type Finding, finding } from '@tintype/core';
import { MbrEntry } from './structs.js';

const SECTOR = 512;
const ENTRIES = 446;
const SIGNATURE = 510;

/** Of a disk of so many blocks. */
export function protectiveMbr(blocks: number): Uint8Array {
  return withProtectiveEntry(new Uint8Array(SECTOR), blocks);
}

/** Of a disk that has a GUID partition table. */
export function protectiveMbrFindings(device: BlockDevice): Finding[] {
  if (isThere(firstSector(device))) return [];
  const message = 'is missing: without it macOS and others do not look for the partition table';
  return [finding('mbr-protective', 'protective MBR', message, { repairable: true })];
}

/** Of a disk that has a GUID partition table in blocks of that size. Answers what it did. */
export function repairProtectiveMbr(device: BlockDevice, blockSize: number): string[] {
  const sector = firstSector(device);
  if (isThere(sector)) return [];
  // What may be code of a boot loader stays.
  device.write(0, withProtectiveEntry(sector.fill(0, ENTRIES), Math.floor(device.size / blockSize)));
  return ['made the protective MBR anew'];
}

function isThere(sector: Uint8Array): boolean {
  const isSigned = sector[SIGNATURE] === 0x55 && sector[SIGNATURE + 1] === 0xaa;
  return isSigned && sector.subarray(ENTRIES, SIGNATURE).some((byte) => byte !== 0);
}

function firstSector(device: BlockDevice): Uint8Array {
  const sector = new Uint8Array(SECTOR);
  device.read(0, sector);
  return sector;
}

function withProtectiveEntry(sector: Uint8Array, blocks: number): Uint8Array {
  const chs = Uint8Array.of(0xfe, 0xff, 0xff);
  MbrEntry.write(new DataView(sector.buffer), ENTRIES, {
    status: 0,
    firstChs: chs,
    type: 0xee,
    lastChs: chs,
    start: 1,
    length: Math.min(blocks - 1, 0xffff_ffff),
  });
  sector.set([0x55, 0xaa], SIGNATURE);
  return sector;
}
