// Partition maps as they lie on disk. Sources: UEFI specification (GPT), Inside Macintosh (Apple partition map).

import { bytes, struct, u8, u16, u32, u64 } from '@tintype/core';

export const GptHeader = struct(
  'GPT header',
  { order: 'little', size: 92, source: 'UEFI' },
  {
    signature: bytes(8, 'EFI PART'),
    revision: u32('0x00010000'),
    headerSize: u32('bytes'),
    headerCrc32: u32('this field zero'),
    reserved: u32(),
    myLba: u64('block'),
    alternateLba: u64('block'),
    firstUsableLba: u64('block'),
    lastUsableLba: u64('block'),
    diskGuid: bytes(16),
    partitionEntryLba: u64('block'),
    numberOfEntries: u32(),
    sizeOfEntry: u32('bytes'),
    entriesCrc32: u32(),
  },
);

export const GptEntry = struct(
  'GPT entry',
  { order: 'little', size: 128, source: 'UEFI' },
  {
    typeGuid: bytes(16),
    uniqueGuid: bytes(16),
    startingLba: u64('block'),
    endingLba: u64('block, the last one'),
    attributes: bytes(8),
    name: bytes(72, 'UTF-16'),
  },
);

export const DriverDescriptor = struct(
  'Apple driver descriptor',
  { order: 'big', size: 18, source: 'Inside Macintosh: Devices' },
  {
    signature: u16('ER'),
    blockSize: u16('bytes'),
    blockCount: u32(),
    deviceType: u16(),
    deviceId: u16(),
    data: u32(),
    driverCount: u16(),
  },
);

export const ApmEntry = struct(
  'Apple partition map entry',
  { order: 'big', size: 136, source: 'Inside Macintosh: Devices' },
  {
    signature: u16('PM'),
    reserved: u16(),
    mapEntries: u32(),
    start: u32('block'),
    length: u32('blocks'),
    name: bytes(32),
    type: bytes(32),
    dataStart: u32(),
    dataCount: u32(),
    status: u32(),
    boot: bytes(28),
    processor: bytes(16),
  },
);

export const MbrEntry = struct(
  'MBR entry',
  { order: 'little', size: 16, source: 'IBM PC' },
  {
    status: u8(),
    firstChs: bytes(3),
    type: u8(),
    lastChs: bytes(3),
    start: u32('sector'),
    length: u32('sectors'),
  },
);
