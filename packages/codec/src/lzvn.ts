// LZVN: the byte-oriented codec in `bvxn` blocks of LZFSE streams and, bare, in decmpfs types 7 and 8.
// Source: the public lzfse project's format, as docs/formats/codecs.md describes it.

import { CorruptError } from '@tintype/core';

interface Opcode {
  literals: number;
  match: number;
  distance: number;
  /** Bytes of the opcode itself. */
  size: number;
}

const END = 0x06;

/**
 * Decodes into `target` from `start` on; matches may reach back to its beginning. Stops at the end mark, or when
 * `end` is reached; what follows in `source` is ignored. Answers where it stopped. @throws CorruptError
 */
export function decodeLzvn(source: Uint8Array, target: Uint8Array, start = 0, end = target.length): number {
  const opcode: Opcode = { literals: 0, match: 0, distance: 0, size: 0 };
  let at = 0;
  let out = start;
  while (out < end) {
    if (at >= source.length) throw corrupt(at, 'ends in the middle');
    const first = source[at] as number;
    if (first === END) break;
    if (first === 0x0e || first === 0x16) {
      at += 1;
      continue;
    }
    readOpcode(source, at, opcode);
    at += opcode.size;
    const { literals, match, distance } = opcode;
    if (at + literals > source.length || out + literals > end) throw corrupt(at, 'literals reach too far');
    target.set(source.subarray(at, at + literals), out);
    at += literals;
    out += literals;
    if (match === 0) continue;
    if (distance === 0 || distance > out) throw corrupt(at, `a match from ${distance} bytes back`);
    const length = Math.min(match, end - out);
    if (distance >= length) target.copyWithin(out, out - distance, out - distance + length);
    else for (let i = 0; i < length; i += 1) target[out + i] = target[out + i - distance] as number;
    out += length;
    if (length < match) throw corrupt(at, 'a match reaches past the end');
  }
  return out;
}

/** Literal and match lengths and the distance; where an opcode has no distance, the one before stays. */
function readOpcode(source: Uint8Array, at: number, op: Opcode): Opcode {
  const byte = source[at] as number;
  const next = (offset: number): number => {
    const value = source[at + offset];
    if (value === undefined) throw corrupt(at, 'an opcode is cut off');
    return value;
  };
  const set = (size: number, literals: number, match: number, distance = op.distance): Opcode => {
    op.size = size;
    op.literals = literals;
    op.match = match;
    op.distance = distance;
    return op;
  };
  if (byte >= 0xf0) return byte === 0xf0 ? set(2, 0, next(1) + 16) : set(1, 0, byte & 15);
  if (byte >= 0xe0) return byte === 0xe0 ? set(2, next(1) + 16, 0) : set(1, byte & 15, 0);
  if (byte >= 0xd0 || (byte >= 0x70 && byte < 0x80)) throw corrupt(at, `opcode ${byte.toString(16)} does not exist`);
  if (byte >= 0xa0 && byte < 0xc0) {
    const word = next(1) | (next(2) << 8);
    return set(3, (byte >> 3) & 3, (((byte & 7) << 2) | (word & 3)) + 3, word >> 2);
  }
  const literals = byte >> 6;
  const match = ((byte >> 3) & 7) + 3;
  const low = byte & 7;
  if (low === 7) return set(3, literals, match, next(1) | (next(2) << 8));
  if (low !== 6) return set(2, literals, match, (low << 8) | next(1));
  if (literals === 0) throw corrupt(at, `opcode ${byte.toString(16)} does not exist`);
  return set(1, literals, match);
}

function corrupt(at: number, problem: string): CorruptError {
  return new CorruptError('LZVN stream', 'opcode', at, problem);
}
