// Apple partition maps: read, and written as macOS writes them.

import { type BlockDevice, type Finding, finding, showSize, UnsupportedError } from '@tintype/core';
import type { Partition } from '../disk-image.js';
import { ApmEntry, DriverDescriptor } from './structs.js';

const SIGNATURE_ENTRY = 0x504d;
const SIGNATURE_DRIVER = 0x4552;
const MAP_BLOCKS = 63;
const GAP_BLOCKS = 10;
const ENTRIES_LIMIT = 256;

/**
 * Null if the disk has no Apple partition map. Hybrid discs have two maps; the one in blocks of 512 bytes is read, the
 * other only where that is missing.
 */
export function readApm(device: BlockDevice): ApmRead | null {
  for (const blockSize of [512, 2048]) {
    const count = entryCount(device, blockSize);
    if (count === null) continue;
    const read = readEntries(device, count, blockSize);
    return { ...read, findings: [...driverFindings(device), ...read.findings] };
  }
  return null;
}

/** Hybrid discs may begin with a boot sector instead. */
function hasDriverMap(sector: Uint8Array): boolean {
  const isBootSector = sector[510] === 0x55 && sector[511] === 0xaa;
  return isBootSector || new DataView(sector.buffer).getUint16(DriverDescriptor.at.signature) === SIGNATURE_DRIVER;
}

function driverFindings(device: BlockDevice): Finding[] {
  const sector = new Uint8Array(512);
  device.read(0, sector);
  if (hasDriverMap(sector)) return [];
  const message = 'is missing: it says how long the blocks of the partition map are';
  return [finding('apm-ddm', 'driver descriptor map', message, { severity: 'warning', repairable: true })];
}

/** Of a disk with an Apple partition map in blocks of that size: makes what stands before it anew. Answers what it did. */
export function repairDriverMap(device: BlockDevice, blockSize: number): string[] {
  const sector = new Uint8Array(512);
  device.read(0, sector);
  if (hasDriverMap(sector)) return [];
  device.write(0, driverMap(device.size, blockSize));
  return ['made the driver descriptor map anew'];
}

/** Without drivers. */
function driverMap(size: number, blockSize: number): Uint8Array {
  const sector = new Uint8Array(512);
  DriverDescriptor.write(new DataView(sector.buffer), 0, {
    signature: SIGNATURE_DRIVER,
    blockSize,
    blockCount: Math.min(Math.floor(size / blockSize), 0xffff_ffff),
    deviceType: 0,
    deviceId: 0,
    data: 0,
    driverCount: 0,
  });
  return sector;
}

export interface ApmRead {
  readonly partitions: Partition[];
  readonly blockSize: number;
  readonly findings: Finding[];
}

/** Entries of the map, as its first one says; null if there is no entry. */
function entryCount(device: BlockDevice, blockSize: number): number | null {
  if (device.size < 2 * blockSize) return null;
  const block = new Uint8Array(512);
  device.read(blockSize, block);
  const { signature, mapEntries } = ApmEntry.read(new DataView(block.buffer), 0);
  return signature === SIGNATURE_ENTRY ? mapEntries : null;
}

function readEntries(device: BlockDevice, count: number, blockSize: number): ApmRead {
  const block = new Uint8Array(512);
  const view = new DataView(block.buffer);
  const partitions: Partition[] = [];
  const findings: Finding[] = [];
  const report = (entry: number, message: string): void => {
    findings.push(finding('apm-entry', `partition map entry ${entry}`, message));
  };
  if (count > ENTRIES_LIMIT) report(1, `counts ${count} entries, only ${ENTRIES_LIMIT} are read`);
  for (let i = 1; i <= Math.min(ENTRIES_LIMIT, count); i += 1) {
    const at = i * blockSize;
    if (at + 512 <= device.size) device.read(at, block);
    const { signature, start, length, name, type } = ApmEntry.read(view, 0);
    if (at + 512 > device.size || signature !== SIGNATURE_ENTRY) {
      report(i, `is missing, of ${count}`);
      break;
    }
    if ((start + length) * blockSize > device.size) report(i, 'reaches past the end of the disk');
    else
      partitions.push({
        index: partitions.length,
        type: text(type),
        name: text(name),
        start: start * blockSize,
        size: length * blockSize,
      });
  }
  return { partitions, blockSize, findings };
}

/** @throws UnsupportedError if the disk is too small */
export function writeApm(device: BlockDevice, type: string): Partition {
  const blocks = device.size / 512;
  const start = MAP_BLOCKS + 1;
  const length = blocks - start - GAP_BLOCKS;
  if (length < 1)
    throw new UnsupportedError(`a disk of ${showSize(device.size)} has no room for an Apple partition map`);
  const entries = [
    { start: 1, length: MAP_BLOCKS, name: 'Apple', type: 'Apple_partition_map', dataCount: MAP_BLOCKS, status: 3 },
    { start, length, name: 'disk image', type, dataCount: length, status: 0x4000_0033 },
    { start: blocks - GAP_BLOCKS, length: GAP_BLOCKS, name: '', type: 'Apple_Free', dataCount: 0, status: 0 },
  ];
  for (const [i, entry] of entries.entries()) {
    const sector = new Uint8Array(512);
    ApmEntry.write(new DataView(sector.buffer), 0, {
      ...entry,
      signature: SIGNATURE_ENTRY,
      reserved: 0,
      mapEntries: entries.length,
      name: padded(entry.name),
      type: padded(entry.type),
      dataStart: 0,
      boot: new Uint8Array(28),
      processor: new Uint8Array(16),
    });
    device.write(512 * (i + 1), sector);
  }
  device.write(0, driverMap(device.size, 512));
  return { index: 1, type, name: 'disk image', start: start * 512, size: length * 512 };
}

function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString('latin1');
}

function padded(value: string): Uint8Array {
  const bytes = new Uint8Array(32);
  bytes.set(Buffer.from(value, 'latin1').subarray(0, 31));
  return bytes;
}
