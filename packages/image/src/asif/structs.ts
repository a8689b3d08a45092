// ASIF as it lies in the file. Source: public descriptions of the format (docs/formats/images.md).

import { bytes, struct, u16, u32, u64 } from '@tintype/core';

export const AsifHeader = struct(
  'ASIF header',
  { order: 'big', size: 108, source: 'public descriptions' },
  {
    signature: u32('shdw'),
    version: u32('1'),
    headerSize: u32('512'),
    flags: u32(),
    directoryA: u64('file offset'),
    directoryB: u64('file offset'),
    uuid: bytes(16),
    sectorCount: u64('of the disk, in blocks'),
    maxSectorCount: u64('in blocks'),
    chunkSize: u32('bytes'),
    blockSize: u16('bytes'),
    totalSegments: u16('0'),
    metadataChunk: u64('logical, behind the end of the disk'),
    unknown: bytes(16),
    readOnlyFlags: u32(),
    metadataFlags: u32(),
    metadataReadOnlyFlags: u32(),
  },
);

/** The field at 12 is the size or the offset of the property list: readers do not agree. */
export const AsifMetadata = struct(
  'ASIF metadata',
  { order: 'big', size: 28, source: 'public descriptions' },
  {
    signature: u32('meta'),
    version: u32('1'),
    headerSize: u32('512'),
    listSize: u64('bytes, or where the list begins'),
    unknown: bytes(8),
  },
);

export const ASIF_SIGNATURE = 0x7368_6477;
export const METADATA_SIGNATURE = 0x6d65_7461;
export const HEADER_SIZE = 512;
/** Bytes of a directory's sequence number, and of each entry of a directory or table. */
export const ENTRY = 8;
