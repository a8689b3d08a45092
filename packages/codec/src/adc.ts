// ADC (Apple Data Compression), the codec of UDCO images: bytes only, no header, no end mark.
// Source: public readers of the format, and images made by macOS (docs/formats/codecs.md).

import { CorruptError } from '@tintype/core';
import type { Codec } from './codec.js';
import { copyLiterals, copyMatch } from './copy.js';
import { MatchFinder } from './matches.js';

const LITERALS_LIMIT = 128;
/** Of the two-byte form: lengths 3 to 18. */
const SHORT = { longest: 18, window: 1024 } as const;
/** Of the three-byte form: lengths 4 to 67. */
const LONG = { shortest: 4, longest: 67, window: 65_536 } as const;
const LIMITS = { shortest: 3, longest: LONG.longest, window: LONG.window, depth: 16, enough: LONG.longest } as const;

/** Apple Data Compression, of old images (UDCO); read and written. */
export const adc: Codec = { name: 'ADC', decode: decodeAdc, encode: encodeAdc };

function decodeAdc(source: Uint8Array, target: Uint8Array): void {
  let at = 0;
  for (let out = 0; out < target.length; ) {
    if (at >= source.length) throw corrupt(at, `the stream ends after ${out} of ${target.length} bytes`);
    const token = source[at] as number;
    const isLiteral = token >= 0x80;
    const size = isLiteral ? 1 : token >= 0x40 ? 3 : 2;
    const length = isLiteral ? (token & 0x7f) + 1 : size === 3 ? (token & 0x3f) + 4 : ((token >> 2) & 15) + 3;
    if (at + size + (isLiteral ? length : 0) > source.length) throw corrupt(at, 'is cut off');
    if (out + length > target.length) throw corrupt(at, 'gives more bytes than there is room for');
    if (isLiteral) {
      copyLiterals(source, at + 1, target, out, length);
      at += 1 + length;
    } else {
      const second = source[at + 1] as number;
      const distance = (size === 3 ? (second << 8) | (source[at + 2] as number) : ((token & 3) << 8) | second) + 1;
      if (distance > out) throw corrupt(at, `a match from ${distance} bytes back`);
      copyMatch(target, out, distance, length);
      at += size;
    }
    out += length;
  }
}

function encodeAdc(source: Uint8Array): Uint8Array {
  // A match with the literals before it is never longer than what it stands for; literals take a byte more for each 128.
  const target = new Uint8Array(source.length + Math.ceil(source.length / LITERALS_LIMIT) + 1);
  const finder = new MatchFinder(source, LIMITS);
  let out = 0;
  let start = 0;
  for (let at = 0; at < source.length; ) {
    finder.find(at);
    const { length, distance } = finder;
    const isShort = length <= SHORT.longest && distance <= SHORT.window;
    if (length < 3 || (!isShort && length < LONG.shortest)) {
      at += 1;
      continue;
    }
    out = putLiterals(source.subarray(start, at), target, out);
    if (isShort) {
      target[out] = ((length - 3) << 2) | ((distance - 1) >> 8);
      target[out + 1] = distance - 1;
      out += 2;
    } else {
      target[out] = 0x40 | (length - 4);
      target[out + 1] = (distance - 1) >> 8;
      target[out + 2] = distance - 1;
      out += 3;
    }
    at += length;
    start = at;
  }
  return target.slice(0, putLiterals(source.subarray(start), target, out));
}

function putLiterals(literals: Uint8Array, target: Uint8Array, out: number): number {
  let end = out;
  for (let at = 0; at < literals.length; at += LITERALS_LIMIT) {
    const part = literals.subarray(at, at + LITERALS_LIMIT);
    target[end] = 0x80 | (part.length - 1);
    target.set(part, end + 1);
    end += 1 + part.length;
  }
  return end;
}

function corrupt(at: number, problem: string): CorruptError {
  return new CorruptError('ADC stream', 'token', at, problem);
}
