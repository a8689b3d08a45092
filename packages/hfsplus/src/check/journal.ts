// The journal: info block, header, and the transactions that wait in the ring (hfsplus.md 9), read here independently
// of the code that replays them.

import type { BlockDevice } from '@tintype/core';
import {
  BlockInfo,
  BlockListHeader,
  JOURNAL_ENDIAN,
  JOURNAL_INFO_FLAGS,
  JOURNAL_MAGIC,
  JournalHeader,
  JournalInfoBlock,
} from '../structs/journal.js';
import { VolumeHeader } from '../structs/volume-header.js';
import type { OwnFile } from './catalog.js';
import type { Report } from './report.js';
import { type CheckedHeader, field } from './volume.js';

export interface JournalPlace {
  /** Bytes of the volume. */
  readonly position: number;
  readonly size: number;
}

export interface JournalResult {
  /** Null if there is none in this volume, or it cannot be found. */
  readonly place: JournalPlace | null;
  /** Transactions wait, and all of them are sound. */
  readonly replayable: boolean;
}

/** Header written before checksums existed. */
const OLD_MAGIC = 0x4a48_4452;
const SMALLEST_JOURNAL = 2048;
export const NO_JOURNAL: JournalResult = { place: null, replayable: false };
const ALL_ONES = 0xffff_ffff;

export function checkJournal(device: BlockDevice, header: CheckedHeader, report: Report): JournalResult {
  if (!header.journaled) return NO_JOURNAL;
  const info = readInfoBlock(device, header, report);
  if (!info) return NO_JOURNAL;
  const place: JournalPlace = { position: info.position, size: info.size };
  const ring = info.needsInit ? null : readRing(device, place, report);
  if (!ring || ring.start === ring.end) return { place, replayable: false };
  const problem = walk(device, ring);
  if (problem === '') return { place, replayable: true };
  report.add('journal-transaction', `journal at byte ${place.position}`, problem);
  return { place, replayable: false };
}

/** The info block must be the data of `.journal_info_block`, and tell of the extent of `.journal` (11.2.8). */
export function checkJournalFiles(
  header: CheckedHeader,
  place: JournalPlace,
  files: { readonly journal: OwnFile | null; readonly info: OwnFile | null },
  report: Report,
): void {
  const block = field(header, VolumeHeader.at.journalInfoBlock);
  const { journal, info } = files;
  if (!info) report.add('journal-location', 'catalog', 'there is no file .journal_info_block in the root folder');
  else if (info.extents[0] !== block)
    report.add(
      'journal-location',
      'file .journal_info_block',
      `it begins at block ${info.extents[0]}, not at ${block}`,
    );
  if (!journal) report.add('journal-location', 'catalog', 'there is no file .journal in the root folder');
  else if ((journal.extents[0] ?? 0) * header.blockSize !== place.position)
    report.add('journal-location', 'file .journal', `it begins at block ${journal.extents[0]}, the journal elsewhere`);
  else if ((journal.extents[1] ?? 0) * header.blockSize < place.size)
    report.add(
      'journal-location',
      'file .journal',
      `its first extent is shorter than the journal of ${place.size} bytes`,
    );
}

interface InfoBlock extends JournalPlace {
  /** There is no header yet: the first mount writes one. */
  readonly needsInit: boolean;
}

function readInfoBlock(device: BlockDevice, header: CheckedHeader, report: Report): InfoBlock | null {
  const block = field(header, VolumeHeader.at.journalInfoBlock);
  const refuse = (problem: string): null => {
    report.add('journal-info-block', `journal info block ${block}`, problem);
    return null;
  };
  if (block === 0 || block >= header.totalBlocks) return refuse('the block lies outside the volume');
  const bytes = new Uint8Array(JournalInfoBlock.size);
  device.read(block * header.blockSize, bytes);
  const view = new DataView(bytes.buffer);
  const flags = view.getUint32(JournalInfoBlock.at.flags);
  if ((flags & JOURNAL_INFO_FLAGS.otherDevice) !== 0) return null;
  if ((flags & JOURNAL_INFO_FLAGS.inVolume) === 0) return refuse(`the flags are ${flags}: the journal is nowhere`);
  const position = wide(view, JournalInfoBlock.at.offset, false);
  const size = wide(view, JournalInfoBlock.at.size, false);
  if (size < SMALLEST_JOURNAL || position % 512 !== 0 || size % 512 !== 0 || position + size > device.size)
    return refuse(`${size} bytes at ${position} are no place for a journal`);
  return { position, size, needsInit: (flags & JOURNAL_INFO_FLAGS.needsInit) !== 0 };
}

interface Ring extends JournalPlace {
  readonly little: boolean;
  readonly start: number;
  readonly end: number;
  readonly sector: number;
  readonly listHeader: number;
}

/** Null with a finding if the header is unsound. */
function readRing(device: BlockDevice, place: JournalPlace, report: Report): Ring | null {
  const refuse = (problem: string): null => {
    report.add('journal-header', `journal header at byte ${place.position}`, problem);
    return null;
  };
  const bytes = new Uint8Array(JournalHeader.size);
  device.read(place.position, bytes);
  const view = new DataView(bytes.buffer);
  const { at } = JournalHeader;
  const little = view.getUint32(at.endian, true) === JOURNAL_ENDIAN;
  if (!little && view.getUint32(at.endian) !== JOURNAL_ENDIAN) return refuse('the byte order mark is missing');
  const magic = view.getUint32(at.magic, little);
  if (magic !== JOURNAL_MAGIC && magic !== OLD_MAGIC) return refuse(`the magic is 0x${magic.toString(16)}`);
  if (magic === JOURNAL_MAGIC && !checksumHolds(view, 0, 44, at.checksum, little))
    return refuse('the checksum is wrong');
  const size = wide(view, at.size, little);
  if (size !== place.size) return refuse(`the size is ${size}, the info block says ${place.size}`);
  const sector = view.getUint32(at.jhdrSize, little);
  if (sector < 512 || sector > 65_536 || (sector & (sector - 1)) !== 0 || sector >= size)
    return refuse(`the sector size is ${sector}`);
  const listHeader = view.getUint32(at.blhdrSize, little);
  if (listHeader < 512 || listHeader % 16 !== 0 || listHeader >= size - sector)
    return refuse(`block list headers have ${listHeader} bytes`);
  const start = wide(view, at.start, little);
  const end = wide(view, at.end, little);
  if (![start, end].every((offset) => offset >= sector && offset <= size && offset % sector === 0))
    return refuse(`start ${start} and end ${end} are not in the ring`);
  return { ...place, little, start: start % size || sector, end: end % size || sector, sector, listHeader };
}

/** Follows the block lists from start to end; answers what is wrong, or an empty string. */
function walk(device: BlockDevice, ring: Ring): string {
  const room = ring.size - ring.sector;
  const used = (ring.end - ring.start + room) % room;
  const list = new Uint8Array(ring.listHeader);
  const view = new DataView(list.buffer);
  let sequence = 0;
  for (let done = 0; done < used; ) {
    const where = `the block list at ${ring.sector + ((ring.start - ring.sector + done) % room)}`;
    readWrapped(device, ring, done, list);
    const { at } = BlockListHeader;
    const count = view.getUint16(at.numBlocks, ring.little);
    const length = view.getUint32(at.bytesUsed, ring.little);
    if (!checksumHolds(view, 0, 32, at.checksum, ring.little)) return `${where} has a wrong checksum`;
    if (count < 1 || (count + 1) * BlockInfo.size > ring.listHeader) return `${where} has ${count} entries`;
    if (length < ring.listHeader || length > used - done) return `${where} has ${length} bytes`;
    const number = view.getUint32(BlockListHeader.size + BlockInfo.at.next, ring.little);
    if (sequence !== 0 && number !== 0 && number !== sequence && number !== sequence + 1)
      return `${where} has sequence number ${number} after ${sequence}`;
    if (number !== 0) sequence = number;
    const problem = walkBlocks(device, ring, view, count, done, length);
    if (problem !== '') return `${where} ${problem}`;
    done += length;
  }
  return '';
}

function walkBlocks(
  device: BlockDevice,
  ring: Ring,
  view: DataView,
  count: number,
  done: number,
  length: number,
): string {
  const withSums = (view.getUint32(BlockListHeader.at.flags, ring.little) & 1) !== 0;
  let offset = ring.listHeader;
  for (let entry = 1; entry < count; entry += 1) {
    const at = BlockListHeader.size + entry * BlockInfo.size;
    const bytes = view.getUint32(at + BlockInfo.at.bsize, ring.little);
    const low = view.getUint32(at + (ring.little ? 0 : 4), ring.little);
    const high = view.getUint32(at + (ring.little ? 4 : 0), ring.little);
    if (bytes === 0 || offset + bytes > length) return `has a block of ${bytes} bytes`;
    const killed = low === ALL_ONES && high === ALL_ONES;
    if (!killed && (high * 0x1_0000_0000 + low) * ring.sector + bytes > device.size)
      return 'has a block outside the volume';
    const wanted = view.getUint32(at + BlockInfo.at.next, ring.little);
    if (!killed && withSums && wanted !== 0 && wanted !== sumOfBlock(device, ring, done + offset, bytes))
      return `has a block with a wrong checksum (entry ${entry})`;
    offset += bytes;
  }
  return offset === length ? '' : `says ${length} bytes, but its blocks end at ${offset}`;
}

/** Reads from the ring, `done` bytes behind its start; what reaches its end continues behind the header. */
function readWrapped(device: BlockDevice, ring: Ring, done: number, target: Uint8Array): void {
  const room = ring.size - ring.sector;
  for (let filled = 0; filled < target.length; ) {
    const offset = ring.sector + ((ring.start - ring.sector + done + filled) % room);
    const part = Math.min(target.length - filled, ring.size - offset);
    device.read(ring.position + offset, target.subarray(filled, filled + part));
    filled += part;
  }
}

const PIECE = 65_536;

function sumOfBlock(device: BlockDevice, ring: Ring, done: number, length: number): number {
  const piece = new Uint8Array(Math.min(PIECE, length));
  let sum = 0;
  for (let offset = 0; offset < length; offset += PIECE) {
    const part = piece.subarray(0, Math.min(PIECE, length - offset));
    readWrapped(device, ring, done + offset, part);
    sum = addToSum(sum, part, 0, part.length);
  }
  return ~sum >>> 0;
}

function addToSum(sum: number, bytes: Uint8Array, start: number, end: number): number {
  let value = sum;
  for (let i = start; i < end; i += 1) value = (value << 8) ^ (value + (bytes[i] ?? 0));
  return value;
}

/** The sum is taken with its own field as zeros (9.3). */
function checksumHolds(view: DataView, at: number, length: number, sumAt: number, little: boolean): boolean {
  const copy = new Uint8Array(length);
  for (let i = 0; i < length; i += 1) copy[i] = i >= sumAt && i < sumAt + 4 ? 0 : view.getUint8(at + i);
  return ~addToSum(0, copy, 0, length) >>> 0 === view.getUint32(at + sumAt, little);
}

function wide(view: DataView, at: number, little: boolean): number {
  const first = view.getUint32(at, little);
  const second = view.getUint32(at + 4, little);
  return little ? second * 0x1_0000_0000 + first : first * 0x1_0000_0000 + second;
}
