// Records of the attributes tree. Source: hfs_format.h.

import { array, nested, struct, u16, u32 } from '@tintype/core';
import { ExtentDescriptor, ForkData } from './volume-header.js';

/** Fixed part of a key; the name's units follow. */
export const AttributeKey = struct(
  'HFSPlusAttrKey',
  { order: 'big', size: 14, source: 'hfs_format.h' },
  {
    keyLength: u16('12 + 2 * attrNameLen'),
    pad: u16('0'),
    fileID: u32('CNID'),
    startBlock: u32('0, or the first block of an extents record'),
    attrNameLen: u16('units'),
  },
);

/** Value kept in the record: `attrSize` bytes follow, padded to an even length. */
export const AttributeInline = struct(
  'HFSPlusAttrData',
  { order: 'big', size: 16, source: 'hfs_format.h' },
  {
    recordType: u32('0x10'),
    reserved0: u32(),
    reserved1: u32(),
    attrSize: u32('bytes'),
  },
);

/** Value kept in blocks. */
export const AttributeFork = struct(
  'HFSPlusAttrForkData',
  { order: 'big', size: 88, source: 'hfs_format.h' },
  {
    recordType: u32('0x20'),
    reserved: u32(),
    theFork: nested(ForkData),
  },
);

/** Further extents of a value kept in blocks. */
export const AttributeExtents = struct(
  'HFSPlusAttrExtents',
  { order: 'big', size: 72, source: 'hfs_format.h' },
  {
    recordType: u32('0x30'),
    reserved: u32(),
    extents: array(ExtentDescriptor, 8),
  },
);

export const ATTRIBUTE_TYPE = { inline: 0x10, fork: 0x20, extents: 0x30 } as const;
