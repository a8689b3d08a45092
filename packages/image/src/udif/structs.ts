// UDIF as it lies in the file. Source: public readers of the format, images made by macOS (docs/formats/images.md).

import { bytes, struct, u32, u64 } from '@tintype/core';

export const Koly = struct(
  'koly',
  { order: 'big', size: 512, source: 'images made by macOS' },
  {
    signature: u32('koly'),
    version: u32('4'),
    headerSize: u32('512'),
    flags: u32('1 flattened'),
    runningDataForkOffset: u64(),
    dataForkOffset: u64(),
    dataForkLength: u64(),
    resourceForkOffset: u64(),
    resourceForkLength: u64(),
    segmentNumber: u32(),
    segmentCount: u32(),
    segmentId: bytes(16),
    dataChecksumType: u32('2 CRC-32'),
    dataChecksumSize: u32('bits'),
    dataChecksum: bytes(128),
    xmlOffset: u64(),
    xmlLength: u64(),
    reserved1: bytes(120),
    masterChecksumType: u32(),
    masterChecksumSize: u32('bits'),
    masterChecksum: bytes(128),
    imageVariant: u32('1 whole device'),
    sectorCount: u64(),
    reserved2: bytes(12),
  },
);

export const Mish = struct(
  'mish',
  { order: 'big', size: 204, source: 'images made by macOS' },
  {
    signature: u32('mish'),
    version: u32('1'),
    firstSector: u64(),
    sectorCount: u64(),
    dataOffset: u64('added to every chunk offset'),
    buffersNeeded: u32(),
    blockDescriptors: u32(),
    reserved: bytes(24),
    checksumType: u32(),
    checksumSize: u32('bits'),
    checksum: bytes(128),
    chunkCount: u32(),
  },
);

export const Chunk = struct(
  'chunk',
  { order: 'big', size: 40, source: 'images made by macOS' },
  {
    type: u32(),
    comment: u32(),
    firstSector: u64('relative to the table'),
    sectorCount: u64(),
    offset: u64('of the stored bytes'),
    length: u64('of the stored bytes'),
  },
);

export const KOLY = 0x6b6f_6c79;
export const MISH = 0x6d69_7368;
export const CHUNK_TYPE = { zero: 0, raw: 1, ignore: 2, comment: 0x7fff_fffe, end: 0xffff_ffff } as const;
export const CODECS: Readonly<Record<number, string>> = {
  2147483652: 'ADC',
  2147483653: 'zlib',
  2147483654: 'bzip2',
  2147483655: 'LZFSE',
  2147483656: 'LZMA',
};
