// What follows the data fork of a new UDIF: the property list and the trailer, or in several files, a trailer for each.

import { assert, crc32, type StoreFile } from '@tintype/core';
import { wordBytes } from './checksums.js';
import type { ForkPart } from './fork-writer.js';
import { formatList } from './list.js';
import { KOLY, Koly } from './structs.js';
import { CRC32, padded, type RegionTable } from './table.js';

const SECTOR = 512;

export interface End {
  /** What each file has of the data fork. */
  readonly parts: readonly ForkPart[];
  /** The file of a part, from 1 on; all but the first are closed after their end is written. */
  open(number: number): StoreFile;
  /** Of the disk in bytes. */
  readonly size: number;
  /** For the id that all segments share. */
  readonly random: (target: Uint8Array) => void;
}

/** Writes the trailer of the first file when all else is durable: without it the file is no image. */
export function writeEnd(tables: readonly RegionTable[], end: End): void {
  const { parts, open, size, random } = end;
  const [first] = parts;
  assert(first !== undefined, 'a data fork has a first part');
  const segmentId = new Uint8Array(16);
  random(segmentId);
  const master = tables.reduce((sum, { crc }) => crc32(wordBytes(crc), sum), 0);
  const common = { segmentId, segmentCount: parts.length, master, size };
  let runningDataForkOffset = first.length;
  for (const [i, part] of parts.entries()) {
    if (i === 0) continue;
    const file = open(i + 1);
    try {
      file.write(part.length, trailer(part, { ...common, segmentNumber: i + 1, runningDataForkOffset, listLength: 0 }));
      file.sync();
    } finally {
      file.close();
    }
    runningDataForkOffset += part.length;
  }
  const file = open(1);
  let at = first.length;
  for (const piece of formatList(tables.map(({ listed }) => listed))) {
    file.write(at, piece);
    at += piece.length;
  }
  file.sync();
  const own = { segmentNumber: 1, runningDataForkOffset: 0, listLength: at - first.length };
  file.write(at, trailer(first, { ...common, ...own }));
  file.sync();
}

interface TrailerFacts {
  readonly segmentId: Uint8Array;
  readonly segmentNumber: number;
  readonly segmentCount: number;
  readonly runningDataForkOffset: number;
  /** 0: the file has no property list. */
  readonly listLength: number;
  readonly master: number;
  readonly size: number;
}

function trailer({ length, crc }: ForkPart, { master, size, listLength, ...segment }: TrailerFacts): Uint8Array {
  const bytes = new Uint8Array(Koly.size);
  Koly.write(new DataView(bytes.buffer), 0, {
    signature: KOLY,
    version: 4,
    headerSize: Koly.size,
    flags: 1,
    dataForkOffset: 0,
    dataForkLength: length,
    resourceForkOffset: 0,
    resourceForkLength: 0,
    ...segment,
    dataChecksumType: CRC32,
    dataChecksumSize: 32,
    dataChecksum: padded(crc),
    xmlOffset: listLength > 0 ? length : 0,
    xmlLength: listLength,
    reserved1: new Uint8Array(120),
    masterChecksumType: CRC32,
    masterChecksumSize: 32,
    masterChecksum: padded(master),
    imageVariant: 1,
    sectorCount: size / SECTOR,
    reserved2: new Uint8Array(12),
  });
  return bytes;
}
