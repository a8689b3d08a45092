// The hot path: plain functions over primitives, which V8 inlines at each call, whatever other structures are read.

import { CorruptError } from '../errors.js';
import type { Offset } from './offset.js';

/** Reads a field of 16 bits, big endian, at its offset in the record that begins at `at`. */
export function u16be(block: DataView, at: number, field: Offset<'u16', 'big'>): number {
  return block.getUint16(at + field);
}
/** Reads a field of 32 bits, big endian, at its offset in the record that begins at `at`. */
export function u32be(block: DataView, at: number, field: Offset<'u32', 'big'>): number {
  return block.getUint32(at + field);
}
/** The same for 64 bits, big endian. @throws CorruptError from 2^53 on */
export function u64be(block: DataView, at: number, field: Offset<'u64', 'big'>): number {
  return join64(block.getUint32(at + field), block.getUint32(at + field + 4), at + field);
}
/** Reads a field of 16 bits, little endian, at its offset in the record that begins at `at`. */
export function u16le(block: DataView, at: number, field: Offset<'u16', 'little'>): number {
  return block.getUint16(at + field, true);
}
/** Reads a field of 32 bits, little endian, at its offset in the record that begins at `at`. */
export function u32le(block: DataView, at: number, field: Offset<'u32', 'little'>): number {
  return block.getUint32(at + field, true);
}
/** The same for 64 bits, little endian. @throws CorruptError from 2^53 on */
export function u64le(block: DataView, at: number, field: Offset<'u64', 'little'>): number {
  return join64(block.getUint32(at + field + 4, true), block.getUint32(at + field, true), at + field);
}
/** Writes a field of 16 bits, big endian, at its offset in the record that begins at `at`. */
export function put16be(block: DataView, at: number, field: Offset<'u16', 'big'>, value: number): void {
  block.setUint16(at + field, value);
}
/** Writes a field of 32 bits, big endian, at its offset in the record that begins at `at`. */
export function put32be(block: DataView, at: number, field: Offset<'u32', 'big'>, value: number): void {
  block.setUint32(at + field, value);
}
/** Writes a field of 64 bits, big endian, at its offset in the record that begins at `at`; values below 2^53. */
export function put64be(block: DataView, at: number, field: Offset<'u64', 'big'>, value: number): void {
  block.setUint32(at + field, Math.floor(value / 0x1_0000_0000));
  block.setUint32(at + field + 4, value >>> 0);
}
/** Writes a field of 32 bits, little endian, at its offset in the record that begins at `at`. */
export function put32le(block: DataView, at: number, field: Offset<'u32', 'little'>, value: number): void {
  block.setUint32(at + field, value, true);
}
/** Writes a field of 64 bits, little endian, at its offset in the record that begins at `at`; values below 2^53. */
export function put64le(block: DataView, at: number, field: Offset<'u64', 'little'>, value: number): void {
  block.setUint32(at + field + 4, Math.floor(value / 0x1_0000_0000), true);
  block.setUint32(at + field, value >>> 0, true);
}

/** High and low half of a 64-bit count, address or id. @throws CorruptError from 2^53 on: no real disk has it */
export function join64(high: number, low: number, place: number): number {
  if (high > 0x1f_ffff) throw new CorruptError('u64', 'value', place, 'a count or address of 2^53 or more');
  return high * 0x1_0000_0000 + low;
}
