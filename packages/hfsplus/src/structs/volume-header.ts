// Volume header and fork data. Source: Apple Technical Note 1150 and Apple's public hfs_format.h; docs/formats/hfsplus.md.

import { array, bytes, nested, struct, u16, u32, u64 } from '@tintype/core';

export const ExtentDescriptor = struct(
  'HFSPlusExtentDescriptor',
  { order: 'big', size: 8, source: 'TN1150' },
  {
    startBlock: u32('first allocation block'),
    blockCount: u32('allocation blocks'),
  },
);

export const ForkData = struct(
  'HFSPlusForkData',
  { order: 'big', size: 80, source: 'TN1150' },
  {
    logicalSize: u64('bytes'),
    clumpSize: u32('bytes'),
    totalBlocks: u32('allocation blocks, all extents'),
    extents: array(ExtentDescriptor, 8),
  },
);

export const VolumeHeader = struct(
  'HFSPlusVolumeHeader',
  { order: 'big', size: 512, source: 'TN1150' },
  {
    signature: u16('H+ 0x482B, HX 0x4858'),
    version: u16('4 for H+, 5 for HX'),
    attributes: u32('bits, see VOLUME_ATTRIBUTES'),
    lastMountedVersion: u32('four characters'),
    journalInfoBlock: u32('allocation block, 0 if none'),
    createDate: u32('local time, seconds since 1904'),
    modifyDate: u32('UTC'),
    backupDate: u32('UTC'),
    checkedDate: u32('UTC'),
    fileCount: u32('all file records'),
    folderCount: u32('all folders but the root'),
    blockSize: u32('bytes'),
    totalBlocks: u32('allocation blocks'),
    freeBlocks: u32('allocation blocks'),
    nextAllocation: u32('hint'),
    rsrcClumpSize: u32('bytes'),
    dataClumpSize: u32('bytes'),
    nextCatalogID: u32('next unused id'),
    writeCount: u32('header writes'),
    encodingsBitmap: bytes(8, 'text encodings in use'),
    finderInfo: bytes(32, 'eight words; the last two are the volume id'),
    allocationFile: nested(ForkData),
    extentsFile: nested(ForkData),
    catalogFile: nested(ForkData),
    attributesFile: nested(ForkData),
    startupFile: nested(ForkData),
  },
);

export const SIGNATURE_HFSPLUS = 0x482b;
export const SIGNATURE_HFSX = 0x4858;

/** Bits of `attributes`. */
export const VOLUME_ATTRIBUTES = {
  unmounted: 0x100,
  sparedBlocks: 0x200,
  bootVolumeInconsistent: 0x800,
  catalogNodeIDsReused: 0x1000,
  journaled: 0x2000,
  inconsistent: 0x4000,
  softwareLock: 0x8000,
  expandedTimes: 0x2000_0000,
  unusedNodeFix: 0x8000_0000,
} as const;

/** Catalog node ids with a meaning of their own. */
export const CNID = {
  rootParent: 1,
  rootFolder: 2,
  extentsFile: 3,
  catalogFile: 4,
  badBlocks: 5,
  allocationFile: 6,
  startupFile: 7,
  attributesFile: 8,
  firstUser: 16,
} as const;

/** Seconds between 1904-01-01 and 1970-01-01, both 00:00 UTC. */
export const EPOCH_OFFSET = 2_082_844_800;
