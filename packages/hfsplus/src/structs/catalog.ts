// Records of the catalog's leaves. Source: TN1150, hfs_format.h.

import { bytes, nested, struct, u8, u16, u32 } from '@tintype/core';
import { ForkData } from './volume-header.js';

export const BsdInfo = struct(
  'HFSPlusBSDInfo',
  { order: 'big', size: 16, source: 'TN1150' },
  {
    ownerID: u32('uid; of a link record: previous link'),
    groupID: u32('gid; of a link record: next link'),
    adminFlags: u8('SF_ flags >> 16'),
    ownerFlags: u8('UF_ flags, low 8 bits'),
    fileMode: u16('type and permission bits; 0 = not set'),
    special: u32('link count, link reference, or device number'),
  },
);

export const CatalogFolder = struct(
  'HFSPlusCatalogFolder',
  { order: 'big', size: 88, source: 'TN1150' },
  {
    recordType: u16('1'),
    flags: u16('RECORD_FLAGS'),
    valence: u32('children'),
    folderID: u32('CNID'),
    createDate: u32(),
    contentModDate: u32(),
    attributeModDate: u32(),
    accessDate: u32(),
    backupDate: u32(),
    bsdInfo: nested(BsdInfo),
    userInfo: bytes(16, 'Finder: window, flags, location'),
    finderInfo: bytes(16, 'Finder: date added, extended flags'),
    textEncoding: u32(),
    folderCount: u32('child folders; valid if flag 0x10'),
  },
);

export const CatalogFile = struct(
  'HFSPlusCatalogFile',
  { order: 'big', size: 248, source: 'TN1150' },
  {
    recordType: u16('2'),
    flags: u16('RECORD_FLAGS'),
    reserved1: u32('of a hard link inode: CNID of its first link'),
    fileID: u32('CNID'),
    createDate: u32(),
    contentModDate: u32(),
    attributeModDate: u32(),
    accessDate: u32(),
    backupDate: u32(),
    bsdInfo: nested(BsdInfo),
    userInfo: bytes(16, 'Finder: type, creator, flags, location'),
    finderInfo: bytes(16, 'Finder: date added, extended flags'),
    textEncoding: u32(),
    reserved2: u32(),
    dataFork: nested(ForkData),
    resourceFork: nested(ForkData),
  },
);

/** Fixed part of a thread record; the name (u16 count, then units) follows. */
export const CatalogThread = struct(
  'HFSPlusCatalogThread',
  { order: 'big', size: 8, source: 'TN1150' },
  {
    recordType: u16('3 folder thread, 4 file thread'),
    reserved: u16('0'),
    parentID: u32('CNID'),
  },
);

export const RECORD_TYPE = { folder: 1, file: 2, folderThread: 3, fileThread: 4 } as const;

/** Bits of `flags`. */
export const RECORD_FLAGS = {
  locked: 0x1,
  threadExists: 0x2,
  hasAttributes: 0x4,
  hasSecurity: 0x8,
  hasFolderCount: 0x10,
  hasLinkChain: 0x20,
  hasChildLink: 0x40,
  hasDateAdded: 0x80,
  expandedTimes: 0x1000,
} as const;
