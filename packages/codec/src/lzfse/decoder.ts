// Reads LZFSE streams: blocks of raw bytes, LZVN, or entropy-coded matches. The reference of the kernel.
// Source: the public lzfse project's format, as docs/formats/codecs.md describes it.

import { CorruptError } from '@tintype/core';
import { copyLiterals, copyMatch } from '../copy.js';
import { decodeLzvn } from '../lzvn.js';
import { type BlockHeader, readPackedHeader, readPlainHeader } from './header.js';
import { D_VALUES, L_VALUES, literalTable, M_VALUES, STATES, type ValueTable, valueTable } from './tables.js';

const MAGIC = {
  raw: 0x2d78_7662,
  lzvn: 0x6e78_7662,
  plain: 0x3178_7662,
  packed: 0x3278_7662,
  end: 0x2478_7662,
} as const;

/** Bytes before and behind a payload, so that no step needs to look whether four bytes are there. */
const MARGIN = 16;

/** Decodes a whole stream into `target`, which it must fill exactly. @throws CorruptError */
export function decodeByReference(source: Uint8Array, target: Uint8Array): void {
  const view = new DataView(source.buffer, source.byteOffset, source.length);
  let at = 0;
  let out = 0;
  for (;;) {
    if (at + 4 > source.length) throw corrupt(at, 'there is no end mark');
    const magic = view.getUint32(at, true);
    if (magic === MAGIC.end) break;
    if (at + 12 > source.length) throw corrupt(at, 'a block is cut off');
    const size = view.getUint32(at + 4, true);
    if (size > target.length - out) throw corrupt(at, `a block of ${size} bytes where ${target.length - out} are left`);
    const room = { target, out, end: out + size };
    if (magic === MAGIC.raw) at = rawBlock(source, at, size, room);
    else if (magic === MAGIC.lzvn) at = lzvnBlock(source, at, view.getUint32(at + 8, true), room);
    else if (magic === MAGIC.packed) at = codedBlock(source, at, readPackedHeader(view, at), room);
    else if (magic === MAGIC.plain) at = codedBlock(source, at, readPlainHeader(view, at), room);
    else throw corrupt(at, `unknown magic ${magic.toString(16)}`);
    out += size;
  }
  if (out !== target.length) throw corrupt(at, `the stream has ${out} bytes instead of ${target.length}`);
}

/** Where a block's bytes go; matches may reach back to the beginning of `target`. */
interface Room {
  readonly target: Uint8Array;
  readonly out: number;
  readonly end: number;
}

function rawBlock(source: Uint8Array, at: number, size: number, { target, out }: Room): number {
  const start = at + 8;
  if (start + size > source.length) throw corrupt(at, 'raw bytes are cut off');
  target.set(source.subarray(start, start + size), out);
  return start + size;
}

function lzvnBlock(source: Uint8Array, at: number, length: number, { target, out, end }: Room): number {
  const start = at + 12;
  if (start + length > source.length) throw corrupt(at, 'an LZVN block is cut off');
  if (decodeLzvn(source.subarray(start, start + length), target, out, end) !== end)
    throw corrupt(at, 'an LZVN block gives too few bytes');
  return start + length;
}

function codedBlock(source: Uint8Array, at: number, header: BlockHeader, room: Room): number {
  const literalsAt = at + header.size;
  const tripletsAt = literalsAt + header.literalBytes;
  const end = tripletsAt + header.tripletBytes;
  const literals = decodeLiterals(source.subarray(literalsAt, tripletsAt), header, at);
  decodeMatches(source.subarray(tripletsAt, end), header, literals, room, at);
  return end;
}

/** A payload with its margins; bits are read from its end downwards. */
function withMargins(payload: Uint8Array): DataView {
  const bytes = new Uint8Array(payload.length + 2 * MARGIN);
  bytes.set(payload, MARGIN);
  return new DataView(bytes.buffer);
}

const FIRST_BIT = MARGIN * 8;

function decodeLiterals(payload: Uint8Array, header: BlockHeader, at: number): Uint8Array {
  const table = literalTable(header.frequencies.literal);
  const view = withMargins(payload);
  const literals = new Uint8Array(header.literals);
  let position = FIRST_BIT + payload.length * 8 + header.literalBits;
  const states = Int32Array.from(header.literalStates);
  for (let i = 0; i < literals.length; i += 4) {
    for (let j = 0; j < 4; j += 1) {
      const entry = table[states[j] as number] as number;
      const bits = entry & 255;
      position -= bits;
      literals[i + j] = entry >>> 8;
      states[j] = (entry >>> 16) + ((view.getUint32(position >> 3, true) >>> (position & 7)) & ((1 << bits) - 1));
    }
    if (position < FIRST_BIT) throw corrupt(at, 'the literals are used up');
  }
  return literals;
}

function decodeMatches(payload: Uint8Array, header: BlockHeader, literals: Uint8Array, room: Room, at: number): void {
  const { frequencies, triplets, tripletStates } = header;
  const l: ValueTable = valueTable(frequencies.l, STATES.l, L_VALUES);
  const m: ValueTable = valueTable(frequencies.m, STATES.m, M_VALUES);
  const d: ValueTable = valueTable(frequencies.d, STATES.d, D_VALUES);
  const { target, end } = room;
  const view = withMargins(payload);
  let [lState = 0, mState = 0, dState = 0] = tripletStates;
  let position = FIRST_BIT + payload.length * 8 + header.tripletBits;
  let out = room.out;
  let literal = 0;
  let distance = 0;
  for (let i = 0; i < triplets; i += 1) {
    const lStep = l.step[lState] as number;
    position -= lStep & 31;
    const lBits = (view.getUint32(position >> 3, true) >>> (position & 7)) & ((1 << (lStep & 31)) - 1);
    const lExtra = (lStep >>> 5) & 15;
    const length = (l.base[lState] as number) + (lBits & ((1 << lExtra) - 1));
    lState = (lStep >>> 9) + (lBits >>> lExtra);

    const mStep = m.step[mState] as number;
    position -= mStep & 31;
    const mBits = (view.getUint32(position >> 3, true) >>> (position & 7)) & ((1 << (mStep & 31)) - 1);
    const mExtra = (mStep >>> 5) & 15;
    const match = (m.base[mState] as number) + (mBits & ((1 << mExtra) - 1));
    mState = (mStep >>> 9) + (mBits >>> mExtra);

    const dStep = d.step[dState] as number;
    position -= dStep & 31;
    const dBits = (view.getUint32(position >> 3, true) >>> (position & 7)) & ((1 << (dStep & 31)) - 1);
    const dExtra = (dStep >>> 5) & 15;
    const newDistance = (d.base[dState] as number) + (dBits & ((1 << dExtra) - 1));
    dState = (dStep >>> 9) + (dBits >>> dExtra);
    if (newDistance !== 0) distance = newDistance;

    if (position < FIRST_BIT) throw corrupt(at, 'the matches are used up');
    if (literal + length > literals.length || out + length + match > end)
      throw corrupt(at, 'a block holds more than it says');
    copyLiterals(literals, literal, target, out, length);
    literal += length;
    out += length;
    if (match === 0) continue;
    if (distance === 0 || distance > out) throw corrupt(at, `a match from ${distance} bytes back`);
    copyMatch(target, out, distance, match);
    out += match;
  }
  if (out !== end) throw corrupt(at, `a block gives ${out - room.out} bytes instead of ${end - room.out}`);
}

function corrupt(at: number, problem: string): CorruptError {
  return new CorruptError('LZFSE stream', 'block', at, problem);
}
