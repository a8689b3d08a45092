// Partition maps of a disk that becomes another size: the last partition follows the disk's end.
//
// Of a GPT the backup is written first, at its new place, then the primary table: whenever a cut comes, one of both is
// whole, and the file system, which is the smaller of its sizes before and after, lies within the partition of either.

import { assert, type BlockDevice, CorruptError, crc32, showSize, UnsupportedError } from '@tintype/core';
import type { Partition, PartitionMap } from '../disk-image.js';
import { ApmEntry, DriverDescriptor, GptEntry, GptHeader, MbrEntry } from './structs.js';

/** Blocks in which macOS counts the sizes of partitions, in bytes. */
const UNIT = 4096;
const MBR_ENTRY_AT = 446;
const APM_BLOCK = 512;
const APM_LIMIT = 2 ** 41;

/**
 * The partition as it is on a disk of `diskSize` bytes. Nothing is changed.
 * @throws UnsupportedError if another partition follows it, or the map cannot describe such a disk
 */
export function resizedPartition(map: PartitionMap, partition: Partition, diskSize: number): Partition {
  if (map.scheme === 'none') return { ...partition, size: diskSize };
  if (map.scheme === 'mbr') throw new UnsupportedError('partitions of an MBR are not resized');
  const isFollowed = map.partitions.some(({ start, type }) => start > partition.start && type !== 'Apple_Free');
  if (isFollowed) throw new UnsupportedError('another partition follows: only the last one of a disk is resized');
  if (map.scheme === 'apm' && diskSize > APM_LIMIT)
    throw new UnsupportedError(
      `an Apple partition map describes ${showSize(APM_LIMIT)} at most, not ${showSize(diskSize)}`,
    );
  const tail = map.scheme === 'apm' ? APM_GAP * APM_BLOCK : gptTail(map.blockSize);
  const room = diskSize - tail - partition.start;
  const size = map.scheme === 'apm' ? Math.floor(room / APM_BLOCK) * APM_BLOCK : Math.floor(room / UNIT) * UNIT;
  if (size < UNIT) throw new UnsupportedError(`a disk of ${showSize(diskSize)} has no room for its partitions`);
  return { ...partition, size };
}

/** Bytes of a disk whose last partition is to have `size` bytes: the least that will do. */
export function diskSizeFor(map: PartitionMap, partition: Partition, size: number): number {
  if (map.scheme === 'none') return size;
  const tail = map.scheme === 'apm' ? APM_GAP * APM_BLOCK : gptTail(map.blockSize);
  return partition.start + Math.ceil(size / UNIT) * UNIT + tail;
}

/** Blocks behind the last partition of a new Apple map. */
const APM_GAP = 10;
/** Bytes of the backup table of 128 entries. */
const gptTail = (blockSize: number): number => blockSize + Math.ceil((128 * GptEntry.size) / blockSize) * blockSize;

/**
 * Gives the partition the place of `resizedPartition`. The device has room for the larger of both disks.
 * Durable when it returns; behind a smaller disk's end nothing is needed any more.
 * @throws UnsupportedError, CorruptError
 */
export function resizePartitionMap(
  device: BlockDevice,
  map: PartitionMap,
  partition: Partition,
  diskSize: number,
): Partition {
  const next = resizedPartition(map, partition, diskSize);
  assert(diskSize <= device.size, 'the device has room for the disk');
  if (map.scheme === 'gpt') resizeGpt(device, map.blockSize, next, diskSize);
  else if (map.scheme === 'apm') resizeApm(device, map, next, diskSize);
  return next;
}

interface RawTable {
  readonly header: Uint8Array;
  readonly entries: Uint8Array;
}

function resizeGpt(device: BlockDevice, blockSize: number, { start, size }: Partition, diskSize: number): void {
  const table =
    readTable(device, blockSize, 1) ?? readTable(device, blockSize, Math.floor(device.size / blockSize) - 1);
  if (!table) throw new CorruptError('GPT header', 'signature', blockSize, 'neither table can be read');
  const view = new DataView(table.entries.buffer);
  const sizeOfEntry = GptHeader.read(new DataView(table.header.buffer), 0).sizeOfEntry;
  let isThere = false;
  for (let at = 0; at + sizeOfEntry <= table.entries.length; at += sizeOfEntry) {
    const entry = GptEntry.read(view, at);
    if (entry.startingLba * blockSize !== start || entry.typeGuid.every((byte) => byte === 0)) continue;
    // The name's bytes go on behind the declared ones where entries are longer.
    GptEntry.write(view, at, { ...entry, endingLba: (start + size) / blockSize - 1 });
    isThere = true;
  }
  assert(isThere, 'the partition is in its map');
  const blocks = Math.floor(diskSize / blockSize);
  const length = Math.ceil(table.entries.length / blockSize);
  const before = GptHeader.read(new DataView(table.header.buffer), 0);
  const oldBackup = Math.max(before.myLba, before.alternateLba);
  const primary = { own: 1, other: blocks - 1, entriesAt: 2 };
  const backup = { own: blocks - 1, other: 1, entriesAt: blocks - 1 - length };
  for (const place of [backup, primary]) {
    device.write(place.entriesAt * blockSize, table.entries);
    device.write(place.own * blockSize, headerFor(table, blockSize, { ...place, blocks, length }));
    device.flush();
  }
  protect(device, blocks);
  // The old backup is inside the disk now, and must not be taken for one.
  if (oldBackup < blocks - 1 - length) device.zero((oldBackup - length) * blockSize, (length + 1) * blockSize);
  device.flush();
}

function readTable(device: BlockDevice, blockSize: number, lba: number): RawTable | null {
  const header = new Uint8Array(blockSize);
  device.read(lba * blockSize, header);
  const fields = GptHeader.read(new DataView(header.buffer), 0);
  if (Buffer.from(fields.signature).toString('latin1') !== 'EFI PART' || fields.myLba !== lba) return null;
  const { headerSize, headerCrc32, numberOfEntries, sizeOfEntry, partitionEntryLba, entriesCrc32 } = fields;
  const bytes = numberOfEntries * sizeOfEntry;
  if (headerSize > blockSize || headerSize < GptHeader.size || bytes > 1 << 20) return null;
  if (sizeOfEntry < GptEntry.size || partitionEntryLba * blockSize + bytes > device.size) return null;
  const zeroed = header.slice(0, headerSize);
  zeroed.fill(0, GptHeader.at.headerCrc32, GptHeader.at.headerCrc32 + 4);
  const entries = new Uint8Array(bytes);
  device.read(partitionEntryLba * blockSize, entries);
  return crc32(zeroed) === headerCrc32 && crc32(entries) === entriesCrc32 ? { header, entries } : null;
}

interface TablePlace {
  readonly own: number;
  readonly other: number;
  readonly entriesAt: number;
  readonly blocks: number;
  /** Blocks of the entries. */
  readonly length: number;
}

function headerFor(
  { header, entries }: RawTable,
  blockSize: number,
  { own, other, entriesAt, blocks, length }: TablePlace,
): Uint8Array {
  const sector = header.slice(0, blockSize);
  const view = new DataView(sector.buffer);
  const fields = GptHeader.read(view, 0);
  GptHeader.write(view, 0, {
    ...fields,
    headerCrc32: 0,
    myLba: own,
    alternateLba: other,
    lastUsableLba: blocks - 2 - length,
    partitionEntryLba: entriesAt,
    entriesCrc32: crc32(entries),
  });
  view.setUint32(GptHeader.at.headerCrc32, crc32(sector.subarray(0, fields.headerSize)), true);
  return sector;
}

/** The length in the protective MBR, where there is one. */
function protect(device: BlockDevice, blocks: number): void {
  const sector = new Uint8Array(512);
  device.read(0, sector);
  const view = new DataView(sector.buffer);
  const entry = MbrEntry.read(view, MBR_ENTRY_AT);
  if (entry.type !== 0xee || entry.start !== 1) return;
  MbrEntry.write(view, MBR_ENTRY_AT, { ...entry, length: Math.min(blocks - 1, 0xffff_ffff) });
  device.write(0, sector);
}

function resizeApm(device: BlockDevice, map: PartitionMap, next: Partition, diskSize: number): void {
  if (map.blockSize !== APM_BLOCK) throw new UnsupportedError('an Apple partition map of other blocks is not resized');
  const end = (next.start + next.size) / APM_BLOCK;
  const blocks = Math.floor(diskSize / APM_BLOCK);
  const before = map.partitions.find(({ start }) => start === next.start)?.size ?? 0;
  const steps = [
    () => putDriver(device, blocks),
    () => putEntries(device, map, ({ type }) => type === 'Apple_Free', end, blocks - end),
    () => putEntries(device, map, ({ start }) => start === next.start, next.start / APM_BLOCK, next.size / APM_BLOCK),
  ];
  // No two partitions overlap in between.
  for (const step of next.size < before ? steps.reverse() : steps) {
    step();
    device.flush();
  }
}

function putDriver(device: BlockDevice, blocks: number): void {
  const sector = new Uint8Array(APM_BLOCK);
  device.read(0, sector);
  const view = new DataView(sector.buffer);
  DriverDescriptor.write(view, 0, {
    ...DriverDescriptor.read(view, 0),
    blockCount: Math.min(blocks, 0xffff_ffff),
  });
  device.write(0, sector);
}

function putEntries(
  device: BlockDevice,
  map: PartitionMap,
  isOne: (partition: Partition) => boolean,
  start: number,
  length: number,
): void {
  const sector = new Uint8Array(APM_BLOCK);
  const view = new DataView(sector.buffer);
  for (const partition of map.partitions.filter(isOne)) {
    const at = APM_BLOCK * (partition.index + 1);
    device.read(at, sector);
    const entry = ApmEntry.read(view, 0);
    const dataCount = entry.dataCount === 0 ? 0 : length;
    ApmEntry.write(view, 0, { ...entry, start, length, dataCount });
    device.write(at, sector);
  }
}
