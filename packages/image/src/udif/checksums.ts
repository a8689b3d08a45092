// The checksums that a UDIF carries: of the stored bytes, of each table's clear bytes, and of all tables. Kinds that are
// not known cannot be checked, which is no error. Source: images made by macOS, public readers (docs/formats/images.md).

import { createHash } from 'node:crypto';
import { crc32, crc32Combined, crc32OfZeros, RefusedError } from '@tintype/core';
import type { KolyFields } from './koly.js';
import type { RunTable } from './runs.js';

const CRC32 = 2;
const MD5 = 4;
const PIECE = 1 << 16;

/** Sums up bytes as a kind of checksum does. */
export interface Summing {
  /** `crc`: the bytes' own CRC-32, if it is known: then they need not be looked at for one. */
  add(bytes: Uint8Array, crc?: number): void;
  /** So many zero bytes. */
  addZeros(length: number): void;
  /** As it stands in the image. */
  end(): Uint8Array;
}

/** Null for no checksum, and for kinds that are not known. */
export function summing(type: number): Summing | null {
  if (type === CRC32) {
    let crc = 0;
    return {
      add: (bytes, known) => {
        crc = known === undefined ? crc32(bytes, crc) : crc32Combined(crc, known, bytes.length);
      },
      addZeros: (length) => {
        crc = crc32OfZeros(length, crc);
      },
      end: () => wordBytes(crc),
    };
  }
  if (type !== MD5) return null;
  const hash = createHash('md5');
  const addZeros = (length: number): void => {
    const zeros = new Uint8Array(Math.min(PIECE, length));
    for (let at = 0; at < length; at += zeros.length) hash.update(zeros.subarray(0, length - at));
  };
  return { add: (bytes) => hash.update(bytes), addZeros, end: () => hash.digest() };
}

/** What follows the used bits may be leftovers of memory: they are not looked at. */
export function agrees(found: Uint8Array, stored: Uint8Array): boolean {
  return found.every((byte, i) => byte === stored[i]);
}

export function wordBytes(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

/**
 * False if the trailer's checksum is not that of all tables: what can be told without reading contents. How other kinds than
 * CRC-32 are put together is not known from any image, so they are not asked.
 */
export function masterAgrees(
  { masterChecksumType, masterChecksumSize, masterChecksum }: KolyFields,
  tables: readonly RunTable[],
): boolean {
  if (masterChecksumType !== CRC32 || masterChecksumSize === 0) return true;
  if (tables.some(({ checksumType }) => checksumType !== CRC32)) return true;
  const sum = tables.reduce((crc, { checksum }) => crc32(checksum.subarray(0, 4), crc), 0);
  return agrees(wordBytes(sum), masterChecksum);
}

/** `which` checksum is wrong, in the image at `path`. */
export function wrongChecksum(which: string, path: string): RefusedError {
  return new RefusedError('checksum', `the checksum ${which} in ${path} does not agree: the image is damaged`, {
    path,
  });
}
