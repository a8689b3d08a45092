// Sparse images as they lie in the file. Source: images made by macOS; index nodes as public readers describe them
// (docs/formats/images.md).

import { bytes, struct, u32, u64 } from '@tintype/core';

export const SparseHeader = struct(
  'sparse image header',
  { order: 'big', size: 64, source: 'images made by macOS' },
  {
    signature: u32('sprs'),
    version: u32('3'),
    sectorsPerBand: u32(),
    flags: u32('1'),
    totalSectorsLow: u32(),
    nextNode: u64('file offset of the next index node, 0 = none'),
    totalSectors: u64(),
    reserved: bytes(28),
  },
);
export const SparseNode = struct(
  'sparse image index node',
  { order: 'big', size: 56, source: 'public readers' },
  {
    signature: u32('sprs'),
    number: u32(),
    flags: u32(),
    nextNode: u64('file offset of the next node, 0 = last'),
    reserved: bytes(36),
  },
);

export const SPARSE_SIGNATURE = 0x7370_7273;
/** Bytes of the header with its slots, and of each index node. */
export const NODE_SIZE = 4096;
export const HEADER_SLOTS = (NODE_SIZE - SparseHeader.size) / 4;
export const NODE_SLOTS = (NODE_SIZE - SparseNode.size) / 4;

/** The first bytes of a new, empty sparse image. */
export function sparseHeader(size: number, bandSize: number): Uint8Array {
  const head = new Uint8Array(NODE_SIZE);
  const totalSectors = size / 512;
  SparseHeader.write(new DataView(head.buffer), 0, {
    signature: SPARSE_SIGNATURE,
    version: 3,
    sectorsPerBand: bandSize / 512,
    flags: 1,
    totalSectorsLow: totalSectors >>> 0,
    nextNode: 0,
    totalSectors,
    reserved: new Uint8Array(28),
  });
  return head;
}
