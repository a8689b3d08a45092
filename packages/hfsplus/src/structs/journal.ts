// The journal: info block (big endian), header and block lists (in the writer's order; we write little endian).
// Source: Apple's public hfs_format.h and vfs_journal.h; values measured on volumes made by macOS.

import { bytes, struct, u16, u32, u64 } from '@tintype/core';

export const JournalInfoBlock = struct(
  'JournalInfoBlock',
  { order: 'big', size: 180, source: 'TN1150' },
  {
    flags: u32('1 in this volume, 2 on another device, 4 needs initialising'),
    deviceSignature: bytes(32),
    offset: u64('bytes from the start of the volume'),
    size: u64('bytes'),
    externalUuid: bytes(37),
    machineSerial: bytes(48),
    reserved: bytes(43),
  },
);

const header = {
  magic: u32('JNLx 0x4A4E4C78'),
  endian: u32('0x12345678'),
  start: u64('first live transaction'),
  end: u64('where the next goes'),
  size: u64('bytes of the journal, header included'),
  blhdrSize: u32('bytes of a block list header'),
  checksum: u32('over the first 44 bytes, this field zero'),
  jhdrSize: u32('bytes of this header: the sector'),
  sequenceNum: u32('of the last transaction'),
};
export const JournalHeader = struct('journal_header', { order: 'little', size: 48, source: 'vfs_journal.h' }, header);
export const JournalHeaderBig = struct('journal_header', { order: 'big', size: 48, source: 'vfs_journal.h' }, header);

const list = {
  maxBlocks: u16('entries that fit'),
  numBlocks: u16('entries in use, the first one included'),
  bytesUsed: u32('header and data'),
  checksum: u32('over the first 32 bytes, this field zero'),
  flags: u32('1 block checksums, 2 first list of a transaction'),
};
export const BlockListHeader = struct(
  'block_list_header',
  { order: 'little', size: 16, source: 'vfs_journal.h' },
  list,
);
export const BlockListHeaderBig = struct(
  'block_list_header',
  { order: 'big', size: 16, source: 'vfs_journal.h' },
  list,
);

const entry = {
  bnum: bytes(8, 'block in units of jhdrSize; all ones: killed'),
  bsize: u32('bytes'),
  next: u32('checksum of the data; of the first entry: sequence number'),
};
export const BlockInfo = struct('block_info', { order: 'little', size: 16, source: 'vfs_journal.h' }, entry);
export const BlockInfoBig = struct('block_info', { order: 'big', size: 16, source: 'vfs_journal.h' }, entry);

export const JOURNAL_MAGIC = 0x4a4e4c78;
export const JOURNAL_ENDIAN = 0x12345678;
export const JOURNAL_INFO_FLAGS = { inVolume: 1, otherDevice: 2, needsInit: 4 } as const;
