// Segments of checksums as they lie in an image: a header, then records sorted by inode. Ours, version 1.

import { bytes, struct, u32, u64 } from '@tintype/core';

export const SEGMENT_MAGIC = 'tintsums';
export const SEGMENT_VERSION = 1;

export const SegmentHeader = struct(
  'checksum segment',
  { order: 'little', size: 64, source: 'tintype' },
  {
    magic: bytes(8, SEGMENT_MAGIC),
    version: u32('1'),
    recordSize: u32('64'),
    uuid: bytes(16, 'of the volume for whose inodes it holds'),
    count: u64('records'),
    pruned: u64('records that were left when files that are gone were last looked for'),
    reserved: bytes(16),
  },
);

export const ChecksumRecord = struct(
  'checksum record',
  { order: 'little', size: 64, source: 'tintype' },
  {
    inode: u64('of the file'),
    size: u64('bytes of its data'),
    mtime: bytes(8, 'nanoseconds since 1970, signed, as the volume keeps them'),
    digest: bytes(32, 'SHA-256 of its data'),
    reserved: bytes(8),
  },
);

/** The bytes of a volume's UUID, with or without hyphens. */
export function uuidBytes(uuid: string): Uint8Array {
  const target = new Uint8Array(16);
  target.set(Buffer.from(uuid.replaceAll('-', ''), 'hex').subarray(0, 16));
  return target;
}
