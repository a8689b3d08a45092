// GUID partition tables: read from either end of the disk, written as macOS writes them.

import {
  type BlockDevice,
  CorruptError,
  crc32,
  type Finding,
  finding,
  type RecordOf,
  UnsupportedError,
} from '@tintype/core';
import type { Partition } from '../disk-image.js';
import { PARTITIONS_LIMIT } from '../limits.js';
import { protectiveMbr, protectiveMbrFindings } from './protective-mbr.js';
import { GptEntry, GptHeader } from './structs.js';

const SIGNATURE = Buffer.from('EFI PART');
const ENTRIES = 128;
const ENTRY_BYTES = ENTRIES * GptEntry.size;
/** First sector of the one partition of a new map. */
const FIRST_SECTOR = 40;

const TYPES: readonly (readonly [guid: string, type: string])[] = [
  ['48465300-0000-11AA-AA11-00306543ECAC', 'Apple_HFS'],
  ['7C3457EF-0000-11AA-AA11-00306543ECAC', 'Apple_APFS'],
  ['53746F72-6167-11AA-AA11-00306543ECAC', 'Apple_CoreStorage'],
  ['426F6F74-0000-11AA-AA11-00306543ECAC', 'Apple_Boot'],
  ['52414944-0000-11AA-AA11-00306543ECAC', 'Apple_RAID'],
  ['C12A7328-F81F-11D2-BA4B-00A0C93EC93B', 'EFI'],
  ['EBD0A0A2-B9E5-4433-87C0-68B6B72699C7', 'Microsoft Basic Data'],
];

/** Text of a GUID whose first three fields are little endian. */
export function guidText(guid: Uint8Array): string {
  const hex = Buffer.from(guid).toString('hex').toUpperCase();
  const flip = (from: number, to: number) => (hex.slice(from, to).match(/../g) ?? []).reverse().join('');
  return `${flip(0, 8)}-${flip(8, 12)}-${flip(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

export function guidBytes(text: string): Uint8Array {
  const hex = text.replaceAll('-', '');
  const bytes = Buffer.from(hex, 'hex');
  bytes.subarray(0, 4).reverse();
  bytes.subarray(4, 6).reverse();
  bytes.subarray(6, 8).reverse();
  return bytes;
}

export interface GptRead {
  readonly partitions: Partition[];
  readonly blockSize: number;
  readonly findings: Finding[];
}

/**
 * Null if the disk has no GPT. A bad primary table is replaced by the backup, and is a finding.
 * @throws CorruptError if there is a primary table, but neither it nor the backup can be used
 */
export function readGpt(device: BlockDevice): GptRead | null {
  if (beginsWithVolume(device)) return null;
  let damage: CorruptError | null = null;
  for (const blockSize of GPT_BLOCK_SIZES) {
    const primary = tableAt(device, blockSize, blockSize);
    const backup = tableAt(device, (Math.floor(device.size / blockSize) - 1) * blockSize, blockSize);
    const partitions = primary?.partitions ?? backup?.partitions;
    if (partitions) {
      const findings = [...protectiveMbrFindings(device), ...findingsOf(primary, backup)];
      return { partitions, blockSize, findings };
    }
    if (primary) damage ??= new CorruptError('GPT header', primary.field, blockSize, primary.problem);
  }
  if (damage) throw damage;
  return null;
}

/** A volume without a map may lie on a disk that had one: what is left of that at the disk's end means nothing. */
export function beginsWithVolume(device: BlockDevice): boolean {
  return volumeTypeAt(device) !== null;
}

/** What a partition of the volume that begins with the device would be called; null where none begins. */
export function volumeTypeAt(device: BlockDevice): 'Apple_HFS' | 'Apple_APFS' | null {
  if (device.size < 2048) return null;
  const head = Buffer.alloc(2048);
  device.read(0, head);
  const version = head.readUInt16BE(1026);
  const isHfs = ['H+', 'HX'].includes(head.toString('latin1', 1024, 1026)) && (version === 4 || version === 5);
  if (isHfs) return 'Apple_HFS';
  return head.toString('latin1', 32, 36) === 'NXSB' ? 'Apple_APFS' : null;
}

function findingsOf(primary: Table | null, backup: Table | null): Finding[] {
  const findings: Finding[] = [];
  if (!primary?.partitions) {
    const message = `the primary table is bad (${primary?.problem ?? 'missing'}); the backup is used`;
    findings.push(finding('gpt-primary', 'GPT header', message, { repairable: true }));
  }
  if (!backup?.partitions) {
    const message = `the backup table is bad: ${backup?.problem ?? 'missing'}`;
    findings.push(finding('gpt-backup', 'backup GPT header', message, { severity: 'warning', repairable: true }));
  }
  return findings;
}

/** A whole table as it lies on the disk. */
export interface GptParts {
  readonly blockSize: number;
  /** Its block. */
  readonly header: Uint8Array;
  readonly entries: Uint8Array;
  readonly partitions: readonly Partition[];
}

/** What lies at one end of the disk: a whole table, a bad one, or null if none is there. */
export function gptAt(device: BlockDevice, end: 'first' | 'last', blockSize: number): GptParts | 'bad' | null {
  const position = end === 'first' ? blockSize : (Math.floor(device.size / blockSize) - 1) * blockSize;
  const table = tableAt(device, position, blockSize);
  if (!table) return null;
  if (!table.partitions) return 'bad';
  const header = new Uint8Array(blockSize);
  device.read(position, header);
  const { numberOfEntries, sizeOfEntry, partitionEntryLba } = GptHeader.read(new DataView(header.buffer), 0);
  const entries = new Uint8Array(numberOfEntries * sizeOfEntry);
  device.read(partitionEntryLba * blockSize, entries);
  return { blockSize, header, entries, partitions: table.partitions };
}

/** Sizes of blocks that tables are looked for with, the likeliest first. */
export const GPT_BLOCK_SIZES = [512, 4096, 1024, 2048] as const;

interface Table {
  /** Null if the table cannot be used. */
  readonly partitions: Partition[] | null;
  readonly field: string;
  readonly problem: string;
}

const bad = (field: string, problem: string): Table => ({ partitions: null, field, problem });

/** Null if no header lies there. */
function tableAt(device: BlockDevice, position: number, blockSize: number): Table | null {
  if (position < blockSize || position + blockSize > device.size) return null;
  const block = new Uint8Array(blockSize);
  device.read(position, block);
  if (Buffer.compare(block.subarray(0, 8), SIGNATURE) !== 0) return null;
  try {
    return readTable(device, block, position / blockSize);
  } catch (error) {
    if (!(error instanceof CorruptError)) throw error;
    return bad(error.field, error.message);
  }
}

/** @throws CorruptError for numbers of 2^53 or more */
function readTable(device: BlockDevice, block: Uint8Array, lba: number): Table {
  const view = new DataView(block.buffer);
  const header = GptHeader.read(view, 0);
  const { headerSize, headerCrc32, myLba, numberOfEntries, sizeOfEntry, partitionEntryLba, entriesCrc32 } = header;
  if (headerSize < GptHeader.size || headerSize > block.length)
    return bad('headerSize', `a header of ${headerSize} bytes`);
  if (![128, 256, 512, 1024, 2048, 4096].includes(sizeOfEntry) || numberOfEntries > PARTITIONS_LIMIT)
    return bad('sizeOfEntry', `${numberOfEntries} entries of ${sizeOfEntry} bytes`);
  view.setUint32(GptHeader.at.headerCrc32, 0, true);
  if (crc32(block.subarray(0, headerSize)) !== headerCrc32)
    return bad('headerCrc32', 'the header checksum does not agree');
  if (myLba !== lba) return bad('myLba', `a header of block ${myLba} lies in block ${lba}`);
  const length = numberOfEntries * sizeOfEntry;
  if (partitionEntryLba * block.length + length > device.size)
    return bad('partitionEntryLba', 'the entries lie outside the disk');
  const entries = new Uint8Array(length);
  device.read(partitionEntryLba * block.length, entries);
  if (crc32(entries) !== entriesCrc32) return bad('entriesCrc32', 'the checksum of the entries does not agree');
  return partitionsOf(entries, header, block.length, device.size);
}

function partitionsOf(
  entries: Uint8Array,
  header: RecordOf<typeof GptHeader.fields>,
  blockSize: number,
  deviceSize: number,
): Table {
  const view = new DataView(entries.buffer);
  const partitions: Partition[] = [];
  for (let i = 0; i < header.numberOfEntries; i += 1) {
    const at = i * header.sizeOfEntry;
    if (entries.subarray(at, at + 16).every((byte) => byte === 0)) continue;
    const { typeGuid, startingLba, endingLba, name } = GptEntry.read(view, at);
    const start = startingLba * blockSize;
    const size = (endingLba - startingLba + 1) * blockSize;
    if (endingLba < startingLba || start + size > deviceSize)
      return bad('endingLba', `partition ${i} lies outside the disk`);
    const guid = guidText(typeGuid);
    const type = TYPES.find(([known]) => known === guid)?.[1] ?? guid;
    partitions.push({
      index: partitions.length,
      type,
      name: Buffer.from(name).toString('utf16le').replace(/\0.*$/s, ''),
      start,
      size,
    });
  }
  const sorted = [...partitions].sort((a, b) => a.start - b.start);
  const overlap = sorted.find(({ start, size }, i) => start + size > (sorted[i + 1]?.start ?? deviceSize));
  if (overlap) return bad('startingLba', `partition ${overlap.index} overlaps another`);
  return { partitions, field: '', problem: '' };
}

/** The smallest disk that has room for both tables and one group of eight sectors between them. */
const FEWEST_SECTORS = FIRST_SECTOR + 8 + 33;

/**
 * A map with one partition over nearly all of the disk, as hdiutil makes it.
 * @throws UnsupportedError if the disk is too small
 */
export function writeGpt(device: BlockDevice, type: string, random: (target: Uint8Array) => void): Partition {
  const sectors = device.size / 512;
  if (sectors < FEWEST_SECTORS)
    throw new UnsupportedError(`a disk with a GUID partition table has ${FEWEST_SECTORS * 512} bytes or more`);
  const length = Math.floor((sectors - 33 - FIRST_SECTOR) / 8) * 8;
  const entries = new Uint8Array(ENTRY_BYTES);
  const name = new Uint8Array(72);
  name.set(Buffer.from('disk image', 'utf16le'));
  GptEntry.write(new DataView(entries.buffer), 0, {
    typeGuid: guidBytes(TYPES.find(([, known]) => known === type)?.[0] ?? ''),
    uniqueGuid: randomGuid(random),
    startingLba: FIRST_SECTOR,
    endingLba: FIRST_SECTOR + length - 1,
    attributes: new Uint8Array(8),
    name,
  });
  const diskGuid = randomGuid(random);
  device.write(device.size - 33 * 512, entries);
  device.write(
    device.size - 512,
    headerSector({ sectors, own: sectors - 1, other: 1, entriesAt: sectors - 33, diskGuid, entries }),
  );
  device.write(1024, entries);
  device.write(512, headerSector({ sectors, own: 1, other: sectors - 1, entriesAt: 2, diskGuid, entries }));
  device.write(0, protectiveMbr(sectors));
  return { index: 0, type, name: 'disk image', start: FIRST_SECTOR * 512, size: length * 512 };
}

interface HeaderParts {
  readonly sectors: number;
  readonly own: number;
  readonly other: number;
  readonly entriesAt: number;
  readonly diskGuid: Uint8Array;
  readonly entries: Uint8Array;
}

function headerSector({ sectors, own, other, entriesAt, diskGuid, entries }: HeaderParts): Uint8Array {
  const sector = new Uint8Array(512);
  const view = new DataView(sector.buffer);
  GptHeader.write(view, 0, {
    signature: SIGNATURE,
    revision: 0x1_0000,
    headerSize: GptHeader.size,
    headerCrc32: 0,
    reserved: 0,
    myLba: own,
    alternateLba: other,
    firstUsableLba: 34,
    lastUsableLba: sectors - 34,
    diskGuid,
    partitionEntryLba: entriesAt,
    numberOfEntries: ENTRIES,
    sizeOfEntry: GptEntry.size,
    entriesCrc32: crc32(entries),
  });
  view.setUint32(GptHeader.at.headerCrc32, crc32(sector.subarray(0, GptHeader.size)), true);
  return sector;
}

/** Version 4, variant 1. */
function randomGuid(random: (target: Uint8Array) => void): Uint8Array {
  const guid = new Uint8Array(16);
  random(guid);
  guid[7] = ((guid[7] as number) & 0x0f) | 0x40;
  guid[8] = ((guid[8] as number) & 0x3f) | 0x80;
  return guid;
}
