// The volume header and its alternate (hfsplus.md 1.2, 11.2): which of the two can be trusted, and their fields.

import type { BlockDevice } from '@tintype/core';
import { SIGNATURE_HFSPLUS, SIGNATURE_HFSX, VOLUME_ATTRIBUTES, VolumeHeader } from '../structs/volume-header.js';
import type { Report } from './report.js';
import type { CatalogTables } from './tables.js';

/** The header that the check goes by; fields are read at `VolumeHeader.at`. */
export interface CheckedHeader {
  readonly view: DataView;
  readonly blockSize: number;
  /** Blocks that the device has too. */
  readonly totalBlocks: number;
  readonly journaled: boolean;
  readonly caseSensitiveAllowed: boolean;
  /** The alternate, whose counts are those of the last format or resize: they are not judged. */
  readonly stale: boolean;
}

const HEADER_AT = 1024;
const HEADER_SIZE = 512;
const SMALLEST_BLOCKS = 4;
const LARGEST_BLOCK = 0x4000_0000;
const FSCK_FAILED = 0x4653_4b21;
const MIB = 1_048_576;

/** Chooses the header; null with a finding if neither of the two can be used. */
export function readHeader(device: BlockDevice, report: Report): CheckedHeader | null {
  if (device.size < HEADER_AT * 3) return missing(report, `a device of ${device.size} bytes holds no volume`);
  const primary = readAt(device, HEADER_AT);
  const alternate = readAt(device, device.size - HEADER_AT);
  const primaryProblem = headerProblem(primary, device.size);
  const alternateProblem = headerProblem(alternate, device.size);
  if (primaryProblem !== '' && alternateProblem !== '') return missing(report, `the header: ${primaryProblem}`);
  if (primaryProblem !== '') report.add('volume-header', 'volume header', `${primaryProblem}; the alternate is used`);
  if (alternateProblem !== '')
    report.add('volume-alternate', `alternate volume header at byte ${device.size - HEADER_AT}`, alternateProblem);
  if (primaryProblem === '' && alternateProblem === '') compare(primary, alternate, report);
  if (primaryProblem !== '') return describe(alternate, alternate, device, report);
  return describe(primary, alternateProblem === '' ? alternate : null, device, report);
}

export function field(header: CheckedHeader, at: number): number {
  return header.view.getUint32(at);
}

function missing(report: Report, problem: string): null {
  report.add('volume-missing', 'volume header', problem);
  return null;
}

function readAt(device: BlockDevice, position: number): DataView {
  const bytes = new Uint8Array(HEADER_SIZE);
  device.read(position, bytes);
  return new DataView(bytes.buffer);
}

/** The header at this byte, or null if it cannot be used. */
export function soundHeaderAt(device: BlockDevice, position: number): DataView | null {
  const view = readAt(device, position);
  return headerProblem(view, device.size) === '' ? view : null;
}

function headerProblem(view: DataView, deviceSize: number): string {
  const signature = view.getUint16(VolumeHeader.at.signature);
  const version = view.getUint16(VolumeHeader.at.version);
  const plain = signature === SIGNATURE_HFSPLUS && version === 4;
  if (!plain && !(signature === SIGNATURE_HFSX && version === 5))
    return `signature 0x${signature.toString(16)} and version ${version} are those of no HFS+ volume`;
  const blockSize = view.getUint32(VolumeHeader.at.blockSize);
  if (blockSize < 512 || blockSize > LARGEST_BLOCK || (blockSize & (blockSize - 1)) !== 0)
    return `the block size is ${blockSize}`;
  const totalBlocks = view.getUint32(VolumeHeader.at.totalBlocks);
  if (totalBlocks < SMALLEST_BLOCKS) return `the volume has ${totalBlocks} blocks`;
  return Math.floor(deviceSize / blockSize) < SMALLEST_BLOCKS ? `no volume of ${blockSize}-byte blocks fits here` : '';
}

/** What an alternate must have in common with the header, though all else in it may be old (1.2). */
function compare(primary: DataView, alternate: DataView, report: Report): void {
  const { at } = VolumeHeader;
  const same = (offset: number, length: number): boolean => {
    for (let i = 0; i < length; i += 1)
      if (primary.getUint8(offset + i) !== alternate.getUint8(offset + i)) return false;
    return true;
  };
  const forks = ['allocationFile', 'extentsFile', 'catalogFile', 'attributesFile', 'startupFile'] as const;
  const differing: string[] = forks.filter((name) => !same(at[name], 80));
  if (!same(at.createDate, 4)) differing.push('createDate');
  if (!same(at.blockSize, 8)) differing.push('blockSize or totalBlocks');
  if (!same(at.signature, 4)) differing.push('signature');
  if (differing.length > 0)
    report.add('volume-alternate-forks', 'alternate volume header', `it differs in ${differing.join(', ')}`);
}

function describe(view: DataView, alternate: DataView | null, device: BlockDevice, report: Report): CheckedHeader {
  const blockSize = view.getUint32(VolumeHeader.at.blockSize);
  const stated = view.getUint32(VolumeHeader.at.totalBlocks);
  const room = Math.min(Math.floor(device.size / blockSize), 0xffff_ffff);
  const confirmed = alternate !== null && alternate.getUint32(VolumeHeader.at.totalBlocks) === room;
  if (stated !== room)
    report.add('volume-total-blocks', 'volume header', `totalBlocks is ${stated}, but the device has ${room}`);
  return {
    view,
    blockSize,
    totalBlocks: confirmed ? room : Math.min(stated, room),
    journaled: (view.getUint32(VolumeHeader.at.attributes) & VOLUME_ATTRIBUTES.journaled) !== 0,
    caseSensitiveAllowed: view.getUint16(VolumeHeader.at.signature) === SIGNATURE_HFSX,
    stale: view === alternate,
  };
}

/** Fields that need nothing but the header. */
export function checkHeaderFields(header: CheckedHeader, report: Report): void {
  const { at } = VolumeHeader;
  const place = 'volume header';
  const attributes = field(header, at.attributes);
  if ((attributes & VOLUME_ATTRIBUTES.inconsistent) !== 0)
    report.add('volume-inconsistent', place, 'the volume is marked as damaged (0x4000)');
  const unmounted = (attributes & VOLUME_ATTRIBUTES.unmounted) !== 0;
  if (unmounted && (attributes & VOLUME_ATTRIBUTES.bootVolumeInconsistent) !== 0)
    report.add('volume-inconsistent', place, 'the volume is marked as unmounted and as in use (0x800)');
  if (!unmounted && !header.journaled && !header.stale)
    report.add('volume-unmounted', place, 'the volume was not unmounted, and has no journal');
  if (field(header, at.lastMountedVersion) === FSCK_FAILED)
    report.add('journal-failed', place, 'a replay of the journal failed (FSK!)');
  const nextAllocation = field(header, at.nextAllocation);
  if (nextAllocation >= header.totalBlocks && !header.stale)
    report.add('volume-next-allocation', place, `nextAllocation is ${nextAllocation}, past the volume's end`);
  checkClumps(header, report);
}

function checkClumps(header: CheckedHeader, report: Report): void {
  const { at } = VolumeHeader;
  const { blockSize } = header;
  const wrong = (name: string, size: number) =>
    report.add('volume-clump-size', `volume header ${name}`, `the clump size is ${size}`);
  for (const name of ['rsrcClumpSize', 'dataClumpSize'] as const) {
    const size = field(header, at[name]);
    if (size === 0 || size % blockSize !== 0 || size > Math.max(MIB, blockSize)) wrong(name, size);
  }
  const quarter = (header.totalBlocks * blockSize) / 4;
  for (const name of ['allocationFile', 'extentsFile', 'catalogFile', 'attributesFile'] as const) {
    const size = field(header, at[name] + FORK_CLUMP);
    const needed = name === 'attributesFile' && field(header, at[name] + FORK_BLOCKS) !== 0;
    if (size % blockSize !== 0 || size > quarter || (needed && size === 0)) wrong(name, size);
  }
}

/** Offsets in fork data. */
export const FORK_CLUMP = 8;
export const FORK_BLOCKS = 12;

/** Fields that sum up the catalog. */
export function checkHeaderCounts(header: CheckedHeader, tables: CatalogTables, report: Report): void {
  if (header.stale) return;
  const { at } = VolumeHeader;
  const place = 'volume header';
  const files = field(header, at.fileCount);
  if (files !== tables.files)
    report.add('volume-file-count', place, `fileCount is ${files}, but there are ${tables.files} files`);
  const folders = field(header, at.folderCount);
  const real = Math.max(0, tables.folderRecords - 1);
  if (folders !== real)
    report.add('volume-folder-count', place, `folderCount is ${folders}, but there are ${real} folders`);
  const next = field(header, at.nextCatalogID);
  const reused = (field(header, at.attributes) & VOLUME_ATTRIBUTES.catalogNodeIDsReused) !== 0;
  if (!reused && next <= tables.largestId)
    report.add('volume-next-id', place, `nextCatalogID is ${next}, but the id ${tables.largestId} is in use`);
  const low = tables.encodingsLow & ~field(header, at.encodingsBitmap + 4);
  const high = tables.encodingsHigh & ~field(header, at.encodingsBitmap);
  if (low !== 0 || high !== 0)
    report.add('volume-encodings', place, 'encodingsBitmap lacks a text encoding that names have');
}

export function checkFreeBlocks(header: CheckedHeader, free: number, report: Report): void {
  const stated = field(header, VolumeHeader.at.freeBlocks);
  if (stated !== free && !header.stale)
    report.add('volume-free-blocks', 'volume header', `freeBlocks is ${stated}, but ${free} blocks are free`);
}
