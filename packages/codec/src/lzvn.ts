// LZVN: the byte-oriented codec in `bvxn` blocks of LZFSE streams and, bare, in decmpfs types 7 and 8.
// Source: the public lzfse project's format, as docs/formats/codecs.md describes it.

import { CorruptError } from '@tintype/core';
import { copyLiterals, copyMatch } from './copy.js';

/** What an opcode's first byte says. */
const KIND = {
  undefined: 0,
  smallDistance: 1,
  mediumDistance: 2,
  largeDistance: 3,
  previousDistance: 4,
  literals: 5,
  manyLiterals: 6,
  match: 7,
  longMatch: 8,
  nop: 9,
  end: 10,
} as const;

const KINDS = Uint8Array.from({ length: 256 }, (_, byte) => kindOf(byte));

/** The patterns overlap: single bytes first, then those by the upper half, then those by the low three bits. */
function kindOf(byte: number): number {
  if (byte === 0x06) return KIND.end;
  if (byte === 0x0e || byte === 0x16) return KIND.nop;
  if (byte >= 0xf0) return byte === 0xf0 ? KIND.longMatch : KIND.match;
  if (byte >= 0xe0) return byte === 0xe0 ? KIND.manyLiterals : KIND.literals;
  if (byte >= 0xa0 && byte < 0xc0) return KIND.mediumDistance;
  if (byte >= 0xd0 || (byte >= 0x70 && byte < 0x80)) return KIND.undefined;
  const low = byte & 7;
  if (low === 7) return KIND.largeDistance;
  if (low < 6) return KIND.smallDistance;
  return byte >= 0x40 ? KIND.previousDistance : KIND.undefined;
}

/**
 * Decodes into `target` from `start` on; matches may reach back to its beginning. Stops at the end mark, or when
 * `end` is reached; what follows in `source` is ignored. Answers where it stopped. @throws CorruptError
 */
export function decodeLzvn(source: Uint8Array, target: Uint8Array, start = 0, end = target.length): number {
  let at = 0;
  let out = start;
  let distance = 0;
  while (out < end) {
    if (at >= source.length) throw corrupt(at, 'ends in the middle');
    const byte = source[at] as number;
    const second = (source[at + 1] as number) | 0;
    const third = (source[at + 2] as number) | 0;
    const opcode = at;
    let literals = byte >> 6;
    let match = ((byte >> 3) & 7) + 3;
    switch (KINDS[byte]) {
      case KIND.smallDistance:
        distance = ((byte & 7) << 8) | second;
        at += 2;
        break;
      case KIND.mediumDistance:
        literals = (byte >> 3) & 3;
        match = (((byte & 7) << 2) | (second & 3)) + 3;
        distance = (second | (third << 8)) >> 2;
        at += 3;
        break;
      case KIND.largeDistance:
        distance = second | (third << 8);
        at += 3;
        break;
      case KIND.previousDistance:
        at += 1;
        break;
      case KIND.literals:
      case KIND.manyLiterals:
        match = 0;
        literals = byte === 0xe0 ? second + 16 : byte & 15;
        at += byte === 0xe0 ? 2 : 1;
        break;
      case KIND.match:
      case KIND.longMatch:
        literals = 0;
        match = byte === 0xf0 ? second + 16 : byte & 15;
        at += byte === 0xf0 ? 2 : 1;
        break;
      case KIND.nop:
        at += 1;
        continue;
      case KIND.end:
        return out;
      default:
        throw corrupt(opcode, `opcode ${byte.toString(16)} does not exist`);
    }
    if (at + literals > source.length) throw corrupt(opcode, 'is cut off');
    if (out + literals + match > end) throw corrupt(opcode, 'gives more bytes than there is room for');
    copyLiterals(source, at, target, out, literals);
    at += literals;
    out += literals;
    if (match === 0) continue;
    if (distance === 0 || distance > out) throw corrupt(opcode, `a match from ${distance} bytes back`);
    copyMatch(target, out, distance, match);
    out += match;
  }
  return out;
}

function corrupt(at: number, problem: string): CorruptError {
  return new CorruptError('LZVN stream', 'opcode', at, problem);
}
