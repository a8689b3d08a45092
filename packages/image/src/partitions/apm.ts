// Apple partition maps: read, and written as macOS writes them.

import type { BlockDevice } from '@tintype/core';
import type { Partition } from '../disk-image.js';
import { ApmEntry, DriverDescriptor } from './structs.js';

const SIGNATURE_ENTRY = 0x504d;
const SIGNATURE_DRIVER = 0x4552;
const MAP_BLOCKS = 63;
const GAP_BLOCKS = 10;
const ENTRIES_LIMIT = 256;

/** Null if the disk has no Apple partition map. */
export function readApm(device: BlockDevice): { partitions: Partition[]; blockSize: number } | null {
  if (device.size < 1024) return null;
  const block = new Uint8Array(512);
  device.read(512, block);
  const view = new DataView(block.buffer);
  if (view.getUint16(0) !== SIGNATURE_ENTRY) return null;
  const count = Math.min(ENTRIES_LIMIT, ApmEntry.read(view, 0).mapEntries);
  const partitions: Partition[] = [];
  for (let i = 0; i < count; i += 1) {
    const at = 512 + i * 512;
    if (at + 512 > device.size) break;
    device.read(at, block);
    const { signature, start, length, name, type } = ApmEntry.read(view, 0);
    if (signature !== SIGNATURE_ENTRY) break;
    if ((start + length) * 512 > device.size) continue;
    partitions.push({
      index: partitions.length,
      type: text(type),
      name: text(name),
      start: start * 512,
      size: length * 512,
    });
  }
  return { partitions, blockSize: 512 };
}

export function writeApm(device: BlockDevice, type: string): Partition {
  const blocks = device.size / 512;
  const start = MAP_BLOCKS + 1;
  const length = blocks - start - GAP_BLOCKS;
  const driver = new Uint8Array(512);
  DriverDescriptor.write(new DataView(driver.buffer), 0, {
    signature: SIGNATURE_DRIVER,
    blockSize: 512,
    blockCount: Math.min(blocks, 0xffff_ffff),
    deviceType: 0,
    deviceId: 0,
    data: 0,
    driverCount: 0,
  });
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
  device.write(0, driver);
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
