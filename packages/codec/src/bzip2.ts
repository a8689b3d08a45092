// bzip2 streams, the codec of UDBZ images, by the reference library built for WebAssembly.
// Source: bzip2 1.0.8, as the package bzip2-wasm brings it.

import { CorruptError } from '@tintype/core';
import { bzip2Library } from './bzip2/library.js';
import type { Codec } from './codec.js';

/** Clear bytes of a block, for each level. */
const BLOCK = 100_000;
const DEFAULT_LEVEL = 9;
/** The library's own: how hard it tries before it takes another way to sort. */
const WORK_FACTOR = 30;
const OK = 0;

const PROBLEMS: Readonly<Record<number, string>> = {
  [-4]: 'a checksum or a table is wrong',
  [-5]: 'does not begin as a stream does',
  [-7]: 'ends too early',
  [-8]: 'gives more bytes than there is room for',
};

/** bzip2 streams (UDBZ), by the reference library as WebAssembly. */
export const bzip2: Codec = { name: 'bzip2', decode: decodeBzip2, encode: encodeBzip2 };

function decodeBzip2(source: Uint8Array, target: Uint8Array): void {
  const library = bzip2Library();
  // With no room at all the library would not look at the stream.
  const call = library.call(source, Math.max(1, target.length), (places) => library.decompress(places));
  if (call.status !== OK) throw corrupt(PROBLEMS[call.status] ?? `the library answers ${call.status}`);
  if (call.bytes.length !== target.length) throw corrupt(`${call.bytes.length} bytes instead of ${target.length}`);
  target.set(call.bytes);
}

/** Blocks are no larger than `source` needs, as macOS chooses them: the same bytes, less memory to read them. */
function encodeBzip2(source: Uint8Array, level = DEFAULT_LEVEL): Uint8Array {
  const library = bzip2Library();
  const blocks = Math.max(1, Math.min(level, Math.ceil(source.length / BLOCK)));
  // The library's promise: never more than this.
  const room = source.length + Math.ceil(source.length / 100) + 600;
  const call = library.call(source, room, (places) => library.compress(places, blocks, WORK_FACTOR));
  if (call.status !== OK) throw new RangeError(`bzip2 cannot compress: ${call.status}`);
  return call.bytes.slice();
}

function corrupt(problem: string): CorruptError {
  return new CorruptError('bzip2 stream', 'data', 0, problem);
}
