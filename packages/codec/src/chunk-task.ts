// What a lane does for an archive: encodes one chunk and sums up what it stands for, or decodes one.

import { assert, crc32, type Perform } from '@tintype/core';
import { adc } from './adc.js';
import { bzip2 } from './bzip2.js';
import type { Codec } from './codec.js';
import { lzfse } from './lzfse.js';
import { xz } from './xz.js';
import { zlib } from './zlib.js';

/** In the order of their numbers. */
const CODECS: readonly Codec[] = [adc, zlib, bzip2, lzfse, xz];
const ENCODE = 0;
const DECODE = 1;
/** Instead of a codec's number: bytes are taken as they are. */
const PLAIN = -1;

/** Numbers of a task; in the last, the CRC-32 of the clear bytes comes back from encoding. */
const at = { operation: 0, codec: 1, level: 2, size: 3, crc: 4 } as const;

/** Values and room for `performChunk`. `codec` null: nothing is to be compressed. */
export function encoding(codec: Codec | null, clear: Uint8Array, level: number | undefined) {
  return { values: [ENCODE, codec ? numberOf(codec) : PLAIN, level ?? 0], input: clear, room: clear.length };
}
/** `size`: of the clear bytes. */
export function decoding(codec: Codec, stored: Uint8Array, size: number) {
  return { values: [DECODE, numberOf(codec), 0, size], input: stored, room: size };
}
/** The sum alone. */
export function summing(clear: Uint8Array) {
  return { ...encoding(null, clear, undefined), room: 0 };
}
/** From the numbers that an encoding task leaves: the CRC-32 of its clear bytes. */
export function clearSum(values: Int32Array): number {
  return (values[at.crc] as number) >>> 0;
}

/** A chunk that does not shrink has no output. @throws CorruptError when decoding */
export const performChunk: Perform = (values, input, output) => {
  const codec = CODECS[values[at.codec] as number];
  if (values[at.operation] === DECODE) {
    assert(codec !== undefined, 'a chunk is decoded by a codec');
    const clear = output.subarray(0, values[at.size]);
    codec.decode(input, clear);
    return clear.length;
  }
  values[at.crc] = crc32(input);
  if (!codec) return 0;
  const level = values[at.level] as number;
  const stored = codec.encode(input, level === 0 ? undefined : level);
  if (stored.length >= input.length) return 0;
  output.set(stored);
  return stored.length;
};

function numberOf(codec: Codec): number {
  const number = CODECS.indexOf(codec);
  assert(number >= 0, 'lanes know every codec');
  return number;
}
