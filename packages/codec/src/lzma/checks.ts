// The checks that an xz stream may carry over its clear bytes.

import { createHash } from 'node:crypto';
import { crc32 } from '@tintype/core';

/** By the number in the stream's flags; all others are unknown, but their length is not. */
const CRC32 = 1;
const CRC64 = 4;
const SHA256 = 10;

/** Bytes that a check takes in the stream, known or not. */
export function checkSize(type: number): number {
  return type === 0 ? 0 : 4 << Math.floor((type - 1) / 3);
}

/** The check of `clear` as it stands in the stream, or null if its kind is not known. */
export function checkOf(type: number, clear: Uint8Array): Uint8Array | null {
  if (type === 0) return new Uint8Array(0);
  if (type === CRC32) {
    const sum = Buffer.alloc(4);
    sum.writeUInt32LE(crc32(clear));
    return sum;
  }
  if (type === CRC64) return crc64(clear);
  return type === SHA256 ? createHash('sha256').update(clear).digest() : null;
}

/** Reflected polynomial 0xC96C5795D7870F42, in two halves. */
const POLYNOMIAL = { low: 0xd787_0f42, high: 0xc96c_5795 } as const;
const table = (() => {
  const low = new Uint32Array(256);
  const high = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte += 1) {
    let l = byte;
    let h = 0;
    for (let bit = 0; bit < 8; bit += 1) {
      const isOdd = (l & 1) === 1;
      l = (l >>> 1) | (h << 31);
      h >>>= 1;
      if (isOdd) {
        l ^= POLYNOMIAL.low;
        h ^= POLYNOMIAL.high;
      }
    }
    low[byte] = l;
    high[byte] = h;
  }
  return { low, high };
})();

function crc64(bytes: Uint8Array): Uint8Array {
  let low = -1;
  let high = -1;
  for (const byte of bytes) {
    const index = (low ^ byte) & 255;
    low = ((low >>> 8) | (high << 24)) ^ (table.low[index] as number);
    high = (high >>> 8) ^ (table.high[index] as number);
  }
  const sum = Buffer.alloc(8);
  sum.writeUInt32LE(~low >>> 0, 0);
  sum.writeUInt32LE(~high >>> 0, 4);
  return sum;
}
