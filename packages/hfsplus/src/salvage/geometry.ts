// What a damaged volume still says of itself: its header, else the alternate one, else what can be told from what lies where.

import type { BlockDevice, Finding } from '@tintype/core';
import { CorruptError, finding, TintypeError } from '@tintype/core';
import type { ForkRecord } from '../extent.js';
import { type HeaderFields, readVolumeHeader } from '../mounted.js';
import { CNID, EPOCH_OFFSET, SIGNATURE_HFSX, VOLUME_ATTRIBUTES } from '../structs/volume-header.js';

const HEADER_AT = 1024;
const USUAL_BLOCK = 4096;

export interface Geometry {
  /** Null: both headers are gone. */
  readonly header: HeaderFields | null;
  /** Where blocks lie is certain: by a header, or by what was found at their places. */
  readonly isCertain: boolean;
  /** Byte of the device where block 0 begins: 0, but for a volume that was found where no map has one. */
  readonly origin: number;
  readonly blockSize: number;
  readonly totalBlocks: number;
  /** Seconds of a date on disk at 1970. */
  readonly epoch: number;
  /** The 32 bytes that the UUID is made of. */
  readonly finderInfo: Uint8Array;
  readonly mayBeSensitive: boolean;
}

export function readGeometry(device: BlockDevice, findings: Finding[]): Geometry {
  const header = readHeader(device, findings);
  if (!header) return guessed(device, USUAL_BLOCK);
  return {
    header,
    isCertain: true,
    origin: 0,
    blockSize: header.blockSize,
    totalBlocks: header.totalBlocks,
    epoch: (header.attributes & VOLUME_ATTRIBUTES.expandedTimes) !== 0 ? 0 : EPOCH_OFFSET,
    finderInfo: header.finderInfo,
    mayBeSensitive: header.signature === SIGNATURE_HFSX,
  };
}

/** Without a header. */
function guessed(device: BlockDevice, blockSize: number): Geometry {
  return {
    header: null,
    isCertain: false,
    origin: 0,
    blockSize,
    totalBlocks: Math.floor(device.size / blockSize),
    epoch: EPOCH_OFFSET,
    finderInfo: new Uint8Array(32),
    mayBeSensitive: false,
  };
}

function readHeader(device: BlockDevice, findings: Finding[]): HeaderFields | null {
  try {
    return readVolumeHeader(device);
  } catch (error) {
    if (!(error instanceof TintypeError)) throw error;
    findings.push(
      finding('volume-header', `byte ${HEADER_AT}`, `the volume header cannot be used: ${error.message}`, {
        severity: 'warning',
      }),
    );
  }
  const place = device.size - HEADER_AT;
  try {
    return readVolumeHeader(device, place);
  } catch (error) {
    if (!(error instanceof TintypeError)) throw error;
    if (error instanceof CorruptError)
      findings.push(
        finding('alternate-header', `byte ${place}`, 'the alternate header cannot be used either', {
          severity: 'warning',
        }),
      );
    return null;
  }
}

/** The forks of the trees, as the header has them. */
export function treeForks({ header }: Geometry): ReadonlyMap<number, ForkRecord> {
  if (!header) return new Map();
  return new Map([
    [CNID.extentsFile, header.extentsFile],
    [CNID.catalogFile, header.catalogFile],
    [CNID.attributesFile, header.attributesFile],
  ]);
}
