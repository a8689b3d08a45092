// The journal's header, and the info block that says where the journal lies. Both byte orders are read: the header has
// that of the machine that wrote it. We write little endian.

import type { BlockDevice, Struct } from '@tintype/core';
import {
  JOURNAL_ENDIAN,
  JOURNAL_INFO_FLAGS,
  JOURNAL_MAGIC,
  JournalHeader,
  JournalHeaderBig,
  JournalInfoBlock,
} from '../structs/journal.js';
import { journalChecksum } from './checksum.js';

export const SECTOR = 512;
/** What we give to a journal that has no header yet, and what macOS gives to one of 512 KiB. */
const LIST_HEADER_SIZE = 8192;
/** A block list cannot count more entries than a u16 holds. */
const LARGEST_LIST_HEADER = 1 << 20;
/** Header of journals before checksums existed. */
const OLD_MAGIC = 0x4a48_4452;
const CHECKED_BYTES = 44;

/** The header, as numbers. `start` and `end` are below `size`: the end of the ring is its beginning. */
export interface JournalState {
  start: number;
  end: number;
  size: number;
  listHeaderSize: number;
  sector: number;
  /** Number of the last transaction. */
  sequence: number;
  /** Byte order of header and lists. */
  little: boolean;
}

/** A journal that was never used; its first transaction gets the number behind `sequence`. */
export function unusedJournal(size: number, sequence: number): JournalState {
  return {
    start: SECTOR,
    end: SECTOR,
    size,
    listHeaderSize: LIST_HEADER_SIZE,
    sector: SECTOR,
    sequence: sequence >>> 0,
    little: true,
  };
}

/** `offset`: byte of the volume; `journalSize`: as the info block says. @throws CorruptError */
export function readJournalHeader(device: BlockDevice, offset: number, journalSize: number): JournalState {
  const bytes = new Uint8Array(SECTOR);
  device.read(offset, bytes);
  const view = new DataView(bytes.buffer);
  const little = view.getUint32(JournalHeader.at.endian, true) === JOURNAL_ENDIAN;
  const Header: Struct<typeof JournalHeader.fields, 'little' | 'big'> = little ? JournalHeader : JournalHeaderBig;
  const corrupt = (field: keyof typeof JournalHeader.fields & string, problem: string) =>
    Header.corrupt(view, 0, field, problem);
  const { magic, endian, start, end, size, blhdrSize, checksum, jhdrSize, sequenceNum } = Header.read(view, 0);
  if (magic !== JOURNAL_MAGIC && magic !== OLD_MAGIC) throw corrupt('magic', 'is no journal header');
  if (endian !== JOURNAL_ENDIAN) throw corrupt('endian', 'names no byte order');
  bytes.fill(0, JournalHeader.at.checksum, JournalHeader.at.checksum + 4);
  if (magic === JOURNAL_MAGIC && journalChecksum(bytes.subarray(0, CHECKED_BYTES)) !== checksum)
    throw corrupt('checksum', 'does not agree');
  if (size !== journalSize) throw corrupt('size', `the info block says ${journalSize}`);
  if (jhdrSize < SECTOR || jhdrSize > 65_536 || (jhdrSize & (jhdrSize - 1)) !== 0 || size % jhdrSize !== 0)
    throw corrupt('jhdrSize', 'is no sector size');
  for (const [field, at] of [['start', start] as const, ['end', end] as const])
    if (at < jhdrSize || at > size || at % SECTOR !== 0) throw corrupt(field, 'lies outside the journal');
  if (blhdrSize < SECTOR || blhdrSize % 16 !== 0 || blhdrSize > Math.min(size / 4, LARGEST_LIST_HEADER))
    throw corrupt('blhdrSize', 'no list header has this size');
  return {
    start: start === size ? jhdrSize : start,
    end: end === size ? jhdrSize : end,
    size,
    listHeaderSize: blhdrSize,
    sector: jhdrSize,
    sequence: sequenceNum,
    little,
  };
}

/** The header's sector, little endian. */
export function journalHeaderBytes(state: JournalState): Uint8Array {
  const bytes = new Uint8Array(state.sector);
  const view = new DataView(bytes.buffer);
  JournalHeader.write(view, 0, {
    magic: JOURNAL_MAGIC,
    endian: JOURNAL_ENDIAN,
    start: state.start,
    end: state.end,
    size: state.size,
    blhdrSize: state.listHeaderSize,
    checksum: 0,
    jhdrSize: state.sector,
    sequenceNum: state.sequence,
  });
  view.setUint32(JournalHeader.at.checksum, journalChecksum(bytes.subarray(0, CHECKED_BYTES)), true);
  return bytes;
}

/** The first bytes of a journal info block, as `newfs` leaves it: the first mount writes the header. */
export function journalInfo(offset: number, size: number): Uint8Array {
  const bytes = new Uint8Array(SECTOR).fill(0xdb, JournalInfoBlock.size);
  JournalInfoBlock.write(new DataView(bytes.buffer), 0, {
    flags: JOURNAL_INFO_FLAGS.inVolume | JOURNAL_INFO_FLAGS.needsInit,
    deviceSignature: new Uint8Array(32),
    offset,
    size,
    externalUuid: new Uint8Array(37),
    machineSerial: new Uint8Array(48),
    reserved: new Uint8Array(43),
  });
  return bytes;
}
