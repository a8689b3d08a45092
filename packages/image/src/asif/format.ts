// The header of an ASIF image and the arithmetic that follows from it: groups of chunks, tables of groups, a directory of
// tables. Source: docs/formats/images.md, section ASIF.

import { type StoreFile, UnsupportedError } from '@tintype/core';
import { CHUNK_LIMIT } from '../limits.js';
import { ASIF_SIGNATURE, AsifHeader, ENTRY, HEADER_SIZE } from './structs.js';

export interface AsifFormat {
  /** Bytes of the disk. */
  readonly size: number;
  /** The largest that the disk can become. */
  readonly maxSize: number;
  /** Bytes of a block, and of a chunk. */
  readonly blockSize: number;
  readonly chunkSize: number;
  /** File offsets of the two directories. */
  readonly directories: readonly [number, number];
  /** Data chunks of a group: one bitmap chunk follows their entries. */
  readonly groupChunks: number;
  readonly tableGroups: number;
  /** Data chunks that one table describes. */
  readonly tableChunks: number;
  readonly tables: number;
}

const SMALLEST_CHUNK = 4096;
const TABLES_LIMIT = 2 ** 24;

/** @throws CorruptError, UnsupportedError */
export function readAsifHeader(file: StoreFile): AsifFormat {
  const bytes = new Uint8Array(HEADER_SIZE);
  const view = new DataView(bytes.buffer, 0, file.read(0, bytes));
  const header = AsifHeader.read(view, 0);
  const { signature, version, headerSize, chunkSize, blockSize, sectorCount, maxSectorCount } = header;
  const corrupt = (field: keyof typeof AsifHeader.at, problem: string) => AsifHeader.corrupt(view, 0, field, problem);
  if (signature !== ASIF_SIGNATURE) throw corrupt('signature', 'is not shdw');
  if (version !== 1) throw new UnsupportedError(`ASIF images of version ${version} cannot be read`);
  if (headerSize !== HEADER_SIZE) throw corrupt('headerSize', `is not ${HEADER_SIZE}`);
  if (header.totalSegments !== 0) throw new UnsupportedError('ASIF images of several segments cannot be read');
  if (blockSize < 512 || !Number.isInteger(Math.log2(blockSize))) throw corrupt('blockSize', 'no block has this size');
  if (chunkSize < SMALLEST_CHUNK || chunkSize > CHUNK_LIMIT || chunkSize % blockSize !== 0)
    throw corrupt('chunkSize', 'no chunk has this size');
  if (maxSectorCount * blockSize > Number.MAX_SAFE_INTEGER) throw corrupt('maxSectorCount', 'no disk has this size');
  if (sectorCount === 0 || sectorCount > maxSectorCount) throw corrupt('sectorCount', 'no disk has this size');
  const format = geometry(chunkSize, blockSize, sectorCount, maxSectorCount);
  if (format.tableGroups === 0) throw corrupt('chunkSize', 'is too small for a table');
  if (format.tables > TABLES_LIMIT) throw corrupt('maxSectorCount', 'needs too many tables');
  const directories = [header.directoryA, header.directoryB] as const;
  const length = ENTRY * (1 + format.tables);
  for (const [i, offset] of directories.entries())
    if (offset < HEADER_SIZE || offset % ENTRY !== 0 || offset + length > chunkSize)
      throw corrupt(i === 0 ? 'directoryA' : 'directoryB', 'the directory lies outside the first chunk');
  if (Math.abs(directories[0] - directories[1]) < length) throw corrupt('directoryB', 'the directories overlap');
  // The chunk with the metadata lies behind the largest disk; a place that no table reaches is none.
  const metadata = header.metadataChunk * chunkSize;
  const maxSize = metadata >= format.size ? Math.min(format.maxSize, metadata) : format.maxSize;
  return { ...format, maxSize, directories };
}

/** All that follows from four numbers; sizes in bytes, counts in blocks. */
export function geometry(
  chunkSize: number,
  blockSize: number,
  sectorCount: number,
  maxSectorCount: number,
): Omit<AsifFormat, 'directories'> {
  const groupChunks = 4 * blockSize;
  const tableGroups = Math.floor(chunkSize / (ENTRY * (groupChunks + 1)));
  const tableChunks = tableGroups * groupChunks;
  const maxSize = maxSectorCount * blockSize;
  const tables = tableGroups === 0 ? 0 : Math.ceil(maxSize / (tableChunks * chunkSize));
  return {
    size: sectorCount * blockSize,
    maxSize,
    blockSize,
    chunkSize,
    groupChunks,
    tableGroups,
    tableChunks,
    tables,
  };
}
