// The kinds of fields that an on-disk structure is declared from.

import type { ByteOrder, Width } from './offset.js';
import type { Field, Fields, RecordOf, Struct } from './struct.js';

const field = <V, W extends Width>(width: W, size: number, meaning: string, of?: Field['of']): Field<V, W> => ({
  width,
  size,
  meaning,
  of,
});

/** 8 bits, unsigned. */
export const u8 = <V extends number = number>(meaning = '') => field<V, 'u8'>('u8', 1, meaning);
/** 16 bits, unsigned, in the order of the structure. */
export const u16 = <V extends number = number>(meaning = '') => field<V, 'u16'>('u16', 2, meaning);
/** 32 bits, unsigned, in the order of the structure. */
export const u32 = <V extends number = number>(meaning = '') => field<V, 'u32'>('u32', 4, meaning);
/** 64 bits that count or point to something: below 2^53, anything more is corruption. Flags and times are `bytes(8)`. */
export const u64 = <V extends number = number>(meaning = '') => field<V, 'u64'>('u64', 8, meaning);
/** A stretch of `size` bytes, read as a view: text, flags, hashes, nanoseconds. */
export const bytes = (size: number, meaning = '') => field<Uint8Array, 'bytes'>('bytes', size, meaning);
/** A row of `count` equal structures. */
export const array = <F extends Fields, O extends ByteOrder>(of: Struct<F, O>, count: number, meaning = '') =>
  field<RecordOf<F>[], 'array'>('array', of.size * count, meaning, of as unknown as Field['of']);
/** One structure inside another. */
export const nested = <F extends Fields, O extends ByteOrder>(of: Struct<F, O>, meaning = '') =>
  field<RecordOf<F>, 'nested'>('nested', of.size, meaning, of as unknown as Field['of']);
