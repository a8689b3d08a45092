// A new ASIF image, of three chunks as the smallest that was seen: header and directories, one table, the metadata.

import { type StoreFile, showSize, UnsupportedError } from '@tintype/core';
import { geometry } from './format.js';
import { ASIF_SIGNATURE, AsifHeader, AsifMetadata, ENTRY, HEADER_SIZE, METADATA_SIGNATURE } from './structs.js';

export interface AsifShape {
  readonly chunkSize: number;
  readonly blockSize: number;
  /** Bytes that the tables reach; the last chunk before that holds the metadata, behind any disk. */
  readonly reach: number;
}

/** As macOS makes them. */
const SHAPE: AsifShape = { chunkSize: 1 << 20, blockSize: 512, reach: 2 ** 52 };
const TABLE_PLACE = 1;
const METADATA_PLACE = 2;

export interface NewAsif {
  /** Bytes of the disk. */
  readonly size: number;
  readonly random: (target: Uint8Array) => void;
  readonly shape?: AsifShape;
}

/** Writes the file from its start; nothing is synced. @throws UnsupportedError if the disk is too large */
export function writeNewAsif(file: StoreFile, { size, random, shape = SHAPE }: NewAsif): void {
  const { chunkSize, blockSize } = shape;
  const uuid = newUuid(random);
  const { bytes, directories, metadataChunk } = newHeader({ size, uuid, shape });
  file.truncate((METADATA_PLACE + 1) * chunkSize);
  file.write(0, bytes);
  const { tableChunks, groupChunks } = geometry(chunkSize, blockSize, 1, 1);
  const table = Math.floor(metadataChunk / tableChunks);
  file.write(directories[0], number(1));
  file.write(directories[0] + ENTRY * (1 + table), number(TABLE_PLACE));
  const inside = metadataChunk - table * tableChunks;
  const index = inside + Math.floor(inside / groupChunks);
  file.write(TABLE_PLACE * chunkSize + index * ENTRY, number(METADATA_PLACE, 0x4000_0000));
  file.write(METADATA_PLACE * chunkSize, metadata(uuid));
}

export interface NewHeader {
  readonly bytes: Uint8Array;
  readonly directories: readonly [number, number];
  /** The chunk of the disk, behind the largest that it can be, that holds the metadata. */
  readonly metadataChunk: number;
}

/** `size` null: of the largest disk. @throws UnsupportedError if the disk is too large */
export function newHeader({
  size,
  uuid,
  shape = SHAPE,
}: {
  readonly size: number | null;
  readonly uuid: Uint8Array;
  readonly shape?: AsifShape;
}): NewHeader {
  const { chunkSize, blockSize, reach } = shape;
  const metadataChunk = reach / chunkSize - 1;
  const maxSectorCount = (metadataChunk * chunkSize) / blockSize;
  const sectorCount = size === null ? maxSectorCount : size / blockSize;
  if (sectorCount > maxSectorCount) throw new UnsupportedError(`an ASIF image holds ${showSize(reach)} at most`);
  const tables = Math.ceil(reach / geometry(chunkSize, blockSize, 1, 1).tableChunks / chunkSize);
  const directory = roundUp(ENTRY * (1 + tables), 512);
  const directories = [HEADER_SIZE, HEADER_SIZE + directory] as const;
  const bytes = new Uint8Array(HEADER_SIZE);
  AsifHeader.write(new DataView(bytes.buffer), 0, {
    signature: ASIF_SIGNATURE,
    version: 1,
    headerSize: HEADER_SIZE,
    flags: 0,
    directoryA: directories[0],
    directoryB: directories[1],
    uuid,
    sectorCount,
    maxSectorCount,
    chunkSize,
    blockSize,
    totalSegments: 0,
    metadataChunk,
    unknown: new Uint8Array(16),
    readOnlyFlags: 0,
    metadataFlags: 0,
    metadataReadOnlyFlags: 0,
  });
  return { bytes, directories, metadataChunk };
}

/** The list is as long as the header before it, so that the field at 12 is right in both readings of it. */
function metadata(uuid: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(2 * HEADER_SIZE, 0x0a);
  bytes.fill(0, 0, HEADER_SIZE);
  AsifMetadata.write(new DataView(bytes.buffer, bytes.byteOffset), 0, {
    signature: METADATA_SIGNATURE,
    version: 1,
    headerSize: HEADER_SIZE,
    listSize: HEADER_SIZE,
    unknown: new Uint8Array(8),
  });
  bytes.write(metadataList(uuidText(uuid)), HEADER_SIZE, 'latin1');
  return bytes;
}

function metadataList(uuid: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
\t<key>internal metadata</key>
\t<dict>
\t\t<key>stable uuid</key>
\t\t<string>${uuid}</string>
\t</dict>
\t<key>user metadata</key>
\t<dict/>
</dict>
</plist>
`;
}

/** An entry: a small number, and the bits of a state in its high half. */
function number(value: number, high = 0): Uint8Array {
  const bytes = new Uint8Array(ENTRY);
  new DataView(bytes.buffer).setUint32(0, high);
  new DataView(bytes.buffer).setUint32(4, value);
  return bytes;
}

function newUuid(random: (target: Uint8Array) => void): Uint8Array {
  const uuid = new Uint8Array(16);
  random(uuid);
  uuid[6] = ((uuid[6] as number) & 0x0f) | 0x40;
  uuid[8] = ((uuid[8] as number) & 0x3f) | 0x80;
  return uuid;
}

function uuidText(uuid: Uint8Array): string {
  const hex = Buffer.from(uuid).toString('hex').toUpperCase();
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

const roundUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;
