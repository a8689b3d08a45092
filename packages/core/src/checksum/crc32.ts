// CRC-32 as zlib, GPT and UDIF use it: reflected polynomial 0xEDB88320, start and final XOR 0xFFFFFFFF.

import { crc32 as zlibCrc32 } from 'node:zlib';

const POLYNOMIAL = 0xedb8_8320;
/** 1 as a polynomial: bits are reflected. */
const ONE = 0x8000_0000;

/** Continues `previous` (0 to begin) over `bytes`. Check value of the ASCII text `123456789`: 0xCBF43926. */
export function crc32(bytes: Uint8Array, previous = 0): number {
  return zlibCrc32(bytes, previous);
}

/** The checksum of two stretches behind each other, from their own and the length of the second in bytes. */
export function crc32Combined(first: number, second: number, secondLength: number): number {
  return (product(first, shiftOf(secondLength)) ^ second) >>> 0;
}

/** Of so many zeros, behind what has the checksum `previous`. */
export function crc32OfZeros(length: number, previous = 0): number {
  // Zeros only shift what is there, start and final XOR included.
  return (product(previous ^ 0xffff_ffff, shiftOf(length)) ^ 0xffff_ffff) >>> 0;
}

/** `SHIFTS[n]`: x to the power of 8 × 2^n, modulo the polynomial. */
const SHIFTS: number[] = [];

/** x^(8 × length): what a stretch does to what stands before it. */
function shiftOf(length: number): number {
  let shift = ONE;
  for (let n = 0, left = length; left > 0; n += 1, left = Math.floor(left / 2)) {
    if (SHIFTS.length === n) {
      const last = SHIFTS[n - 1];
      // x^8 is bit 23 of the reflected word.
      SHIFTS.push(last === undefined ? 0x0080_0000 : product(last, last));
    }
    if (left % 2 === 1) shift = product(shift, SHIFTS[n] as number);
  }
  return shift;
}

/** Of two polynomials over GF(2), modulo the CRC's. */
function product(a: number, b: number): number {
  let sum = 0;
  let factor = b;
  for (let bit = ONE; bit !== 0; bit >>>= 1) {
    if ((a & bit) !== 0) sum ^= factor;
    factor = (factor & 1) !== 0 ? (factor >>> 1) ^ POLYNOMIAL : factor >>> 1;
  }
  return sum >>> 0;
}
