// xz streams with LZMA2, the codec of ULMO images. Written as macOS does: one block, both sizes, no check.
// Source: the .xz format specification in the public domain; docs/formats/codecs.md.

import { CorruptError, crc32 } from '@tintype/core';
import type { Codec } from './codec.js';
import { checkOf, checkSize } from './lzma/checks.js';
import { decodeLzma2 } from './lzma/decoder.js';
import { DICTIONARY, encodeLzma2 } from './lzma/encoder.js';

const MAGIC = Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00);
const FOOTER_MAGIC = Uint8Array.of(0x59, 0x5a);
const HEADER_SIZE = 12;
const FOOTER_SIZE = 12;
const LZMA2 = 0x21;
/** Of an LZMA2 dictionary: 64 MiB, as its one byte of properties says it. */
const LARGEST_DICTIONARY = 28;
const DICTIONARY_BYTE = 2 * Math.log2(DICTIONARY) - 24;
const HAS = { filters: 0x03, reserved: 0x3c, storedSize: 0x40, clearSize: 0x80 } as const;
/** What macOS pads every block header to. */
const BLOCK_HEADER = 16;
const DEFAULT_LEVEL = 6;

/** xz streams with LZMA2 (ULMO): any that a dictionary of 64 MiB can decode; written as macOS does. */
export const xz: Codec = { name: 'LZMA', decode: decodeXz, encode: encodeXz };

function decodeXz(source: Uint8Array, target: Uint8Array): void {
  const view = new DataView(source.buffer, source.byteOffset, source.length);
  if (source.length < HEADER_SIZE || !MAGIC.every((byte, i) => source[i] === byte))
    throw corrupt('header', 0, 'is no xz stream');
  requireSum(view, 6, 2, 8, 'header');
  const check = view.getUint8(7);
  if (view.getUint8(6) !== 0 || check > 15) throw corrupt('header', 6, 'unknown flags');
  const blocks: { unpadded: number; clear: number }[] = [];
  let at = HEADER_SIZE;
  for (let out = 0; ; ) {
    if (at >= source.length) throw corrupt('block', at, 'is cut off');
    if (source[at] === 0) break;
    const header = readBlockHeader(view, at, target.length - out);
    const start = at + header.size;
    const clear = header.clearSize ?? measure(source.subarray(start));
    if (clear > target.length - out)
      throw corrupt('block', at, `${clear} bytes where ${target.length - out} are wanted`);
    const used = decodeLzma2(source.subarray(start), target, out, out + clear);
    if (header.storedSize !== null && header.storedSize !== used)
      throw corrupt('block', at, 'its stored size is wrong');
    const checkAt = start + Math.ceil(used / 4) * 4;
    for (let i = start + used; i < checkAt; i += 1)
      if (source[i] !== 0) throw corrupt('block', i, 'padding is not zero');
    requireCheck(source, checkAt, check, target.subarray(out, out + clear));
    blocks.push({ unpadded: header.size + used + checkSize(check), clear });
    at = checkAt + checkSize(check);
    out += clear;
  }
  const total = blocks.reduce((sum, { clear }) => sum + clear, 0);
  if (total !== target.length) throw corrupt('stream', at, `${total} bytes instead of ${target.length}`);
  requireEnd(source, at, check, blocks);
}

interface BlockHeader {
  readonly size: number;
  readonly storedSize: number | null;
  readonly clearSize: number | null;
}

/** Only LZMA2, only what fits into the limits. */
function readBlockHeader(view: DataView, at: number, room: number): BlockHeader {
  const size = (view.getUint8(at) + 1) * 4;
  if (at + size > view.byteLength) throw corrupt('block', at, 'is cut off');
  requireSum(view, at, size - 4, at + size - 4, 'block');
  const flags = view.getUint8(at + 1);
  if ((flags & (HAS.filters | HAS.reserved)) !== 0) throw corrupt('block', at + 1, 'filters other than LZMA2');
  const numbers = new Numbers(view, at + 2, at + size - 4);
  const storedSize = (flags & HAS.storedSize) === 0 ? null : numbers.next();
  const clearSize = (flags & HAS.clearSize) === 0 ? null : numbers.next();
  if (numbers.next() !== LZMA2 || numbers.next() !== 1) throw corrupt('block', at, 'its filter is not LZMA2');
  const dictionary = numbers.next();
  if (dictionary > LARGEST_DICTIONARY) throw corrupt('block', at, 'a dictionary of more than 64 MiB');
  if (clearSize !== null && clearSize > room) throw corrupt('block', at, `${clearSize} bytes where ${room} are wanted`);
  return { size, storedSize, clearSize };
}

/** Clear bytes of LZMA2 data, by its chunks' heads alone. */
function measure(source: Uint8Array): number {
  let sum = 0;
  for (let at = 0; ; ) {
    const [control = -1, high = 0, low = 0, storedHigh = 0, storedLow = 0] = source.subarray(at, at + 5);
    if (control < 0) throw corrupt('block', at, 'is cut off');
    if (control === 0) return sum;
    const isCoded = control >= 0x80;
    const size = (isCoded ? (control & 0x1f) << 16 : 0) + (high << 8) + low + 1;
    sum += size;
    at += isCoded ? 5 + (control >= 0xc0 ? 1 : 0) + (storedHigh << 8) + storedLow + 1 : 3 + size;
  }
}

function requireCheck(source: Uint8Array, at: number, type: number, clear: Uint8Array): void {
  const size = checkSize(type);
  if (at + size > source.length) throw corrupt('check', at, 'is cut off');
  const expected = checkOf(type, clear);
  if (expected && !expected.every((byte, i) => source[at + i] === byte)) throw corrupt('check', at, 'does not match');
}

/** Index and footer, both of which repeat what the blocks said. */
function requireEnd(
  source: Uint8Array,
  at: number,
  check: number,
  blocks: readonly { unpadded: number; clear: number }[],
): void {
  const expected = streamEnd(check, blocks);
  if (at + expected.length > source.length) throw corrupt('index', at, 'is cut off');
  for (const [i, byte] of expected.entries())
    if (source[at + i] !== byte) throw corrupt('index', at + i, 'index or footer do not fit the blocks');
}

function encodeXz(source: Uint8Array, level = DEFAULT_LEVEL): Uint8Array {
  const payload = encodeLzma2(source, level);
  const check = 0;
  const header = blockHeader(payload.length, source.length);
  const padding = new Uint8Array(-payload.length & 3);
  const end = streamEnd(check, [{ unpadded: header.length + payload.length, clear: source.length }]);
  return Buffer.concat([MAGIC, withSum(Uint8Array.of(0, check)), header, payload, padding, end]);
}

function blockHeader(stored: number, clear: number): Uint8Array {
  const fields = [HAS.storedSize | HAS.clearSize, ...number(stored), ...number(clear), LZMA2, 1, DICTIONARY_BYTE];
  const size = Math.max(BLOCK_HEADER, Math.ceil((fields.length + 5) / 4) * 4);
  const header = new Uint8Array(size - 4);
  header[0] = size / 4 - 1;
  header.set(fields, 1);
  return withSum(header);
}

function streamEnd(check: number, blocks: readonly { unpadded: number; clear: number }[]): Uint8Array {
  const records = blocks.flatMap(({ unpadded, clear }) => [...number(unpadded), ...number(clear)]);
  const fields = [0, ...number(blocks.length), ...records];
  const index = withSum(Uint8Array.from([...fields, ...new Uint8Array(-fields.length & 3)]));
  const footer = Buffer.alloc(FOOTER_SIZE);
  footer.writeUInt32LE(index.length / 4 - 1, 4);
  footer.writeUInt8(check, 9);
  footer.writeUInt32LE(crc32(footer.subarray(4, 10)), 0);
  footer.set(FOOTER_MAGIC, 10);
  return Buffer.concat([index, footer]);
}

/** Seven bits a byte, lowest first; the top bit says that more follow. */
function number(value: number): number[] {
  return value < 0x80 ? [value] : [(value % 0x80) | 0x80, ...number(Math.floor(value / 0x80))];
}

class Numbers {
  readonly #view: DataView;
  readonly #end: number;
  #at: number;

  constructor(view: DataView, at: number, end: number) {
    this.#view = view;
    this.#at = at;
    this.#end = end;
  }
  next(): number {
    let value = 0;
    for (let shift = 1; ; shift *= 0x80) {
      if (this.#at >= this.#end) throw corrupt('block', this.#at, 'a number is cut off');
      const byte = this.#view.getUint8(this.#at);
      this.#at += 1;
      value += (byte & 0x7f) * shift;
      if (value > Number.MAX_SAFE_INTEGER) throw corrupt('block', this.#at, 'a number of 2^53 or more');
      if (byte < 0x80) return value;
    }
  }
}

function withSum(bytes: Uint8Array): Uint8Array {
  const all = Buffer.alloc(bytes.length + 4);
  all.set(bytes);
  all.writeUInt32LE(crc32(bytes), bytes.length);
  return all;
}

function requireSum(view: DataView, at: number, length: number, sumAt: number, field: string): void {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, length);
  if (crc32(bytes) !== view.getUint32(sumAt, true)) throw corrupt(field, at, 'its checksum is wrong');
}

function corrupt(field: string, at: number, problem: string): CorruptError {
  return new CorruptError('xz stream', field, at, problem);
}
