// Transparent compression: the clear content of a file, from its `com.apple.decmpfs` attribute and its resource fork.
// Source: Apple's published kernel; payloads made by macOS; docs/formats/hfsplus.md, "decmpfs".

import { CorruptError, struct, UnsupportedError, u32, u64 } from '@tintype/core';
import { decodeLzfse } from './lzfse.js';
import { decodeLzvn } from './lzvn.js';
import { decodeZlib } from './zlib.js';

/** The head of a `com.apple.decmpfs` attribute. */
export interface DecmpfsHeader {
  readonly type: number;
  /** Bytes of the clear content. */
  readonly size: number;
}

/** Where the stored bytes of a compressed file are. */
export interface DecmpfsSource {
  /** The whole attribute. */
  readonly attribute: Uint8Array;
  /** Bytes of the resource fork. */
  readonly forkSize: number;
  /** Reads from the resource fork; answers how many bytes there were. */
  readFork(position: number, target: Uint8Array): number;
}

/** A compressed file as its readers see it. Sizes and positions in bytes of the clear content. */
export interface DecompressedFile {
  readonly size: number;
  /** Reads clear bytes; fewer than asked for only at the end. @throws CorruptError, UnsupportedError */
  read(position: number, target: Uint8Array): number;
}

export const DecmpfsDiskHeader = struct(
  'decmpfs_disk_header',
  { order: 'little', size: 16, source: 'decmpfs.h' },
  {
    magic: u32('fpmc'),
    type: u32(),
    size: u64('bytes of the clear content'),
  },
);
const MAGIC = 0x636d_7066;
const CHUNK = 65_536;
/** A chunk is never much longer than its clear bytes. */
const STORED_CHUNK_LIMIT = 2 * CHUNK;
/** macOS takes no longer attribute for one of these. */
const INLINE_LIMIT = 3802;
/** More than any codec makes of that. */
const INLINE_CLEAR_LIMIT = 1 << 24;
/** Of a type 4 fork: number of chunks, which chunk places count from, and the table of them. */
const ZLIB_COUNT_AT = 260;
const ZLIB_TABLE_AT = 264;

type Decode = (source: Uint8Array, target: Uint8Array) => void;

const zlibChunk: Decode = (source, target) =>
  ((source[0] ?? 0) & 15) === 15 ? stored(source, target) : decodeZlib(source, target);
const lzvnChunk: Decode = (source, target) => {
  if (source[0] === 0x06) stored(source, target);
  else if (decodeLzvn(source, target) !== target.length) throw corrupt('size', 'the LZVN data ends too early');
};
const lzfseChunk: Decode = (source, target) =>
  source[0] === 0xff ? stored(source, target) : decodeLzfse(source, target);
const rawChunk: Decode = (source, target) => {
  if (source[0] !== 0xcc) throw corrupt('type', 'the marker of raw data is missing');
  stored(source, target);
};

const INLINE: Readonly<Record<number, Decode>> = { 3: zlibChunk, 7: lzvnChunk, 9: rawChunk, 11: lzfseChunk };
const IN_FORK: Readonly<Record<number, Decode>> = { 4: zlibChunk, 8: lzvnChunk, 10: rawChunk, 12: lzfseChunk };

/** Null if the attribute is no decmpfs header, or none that macOS would look at: the file is then read as it is. */
export function readDecmpfsHeader(attribute: Uint8Array): DecmpfsHeader | null {
  if (attribute.length < DecmpfsDiskHeader.size || attribute.length > INLINE_LIMIT) return null;
  const view = new DataView(attribute.buffer, attribute.byteOffset, attribute.length);
  if (view.getUint32(DecmpfsDiskHeader.at.magic, true) !== MAGIC) return null;
  const size =
    view.getUint32(DecmpfsDiskHeader.at.size, true) +
    view.getUint32(DecmpfsDiskHeader.at.size + 4, true) * 0x1_0000_0000;
  return Number.isSafeInteger(size) ? { type: view.getUint32(DecmpfsDiskHeader.at.type, true), size } : null;
}

/** @throws CorruptError, UnsupportedError for codings that are not known */
export function openDecmpfs(source: DecmpfsSource): DecompressedFile {
  const header = readDecmpfsHeader(source.attribute);
  if (!header) throw corrupt('magic', 'is no decmpfs attribute');
  const inline = INLINE[header.type];
  const inFork = IN_FORK[header.type];
  if (header.type === 1)
    return whole(header, source.attribute.subarray(16), (from, to) => to.set(exactly(from, to.length)));
  if (header.type === 5) return { size: header.size, read: (position, target) => zeros(header.size, position, target) };
  if (inline) return whole(header, source.attribute.subarray(16), inline);
  if (inFork) return new ChunkedFile(source, header, inFork);
  throw new UnsupportedError(`files compressed by method ${header.type} cannot be read yet`, { type: header.type });
}

function whole({ size }: DecmpfsHeader, payload: Uint8Array, decode: Decode): DecompressedFile {
  if (size > INLINE_CLEAR_LIMIT) throw corrupt('size', `${size} bytes cannot lie in an attribute`);
  let clear: Uint8Array | null = null;
  return {
    size,
    read: (position, target) => {
      if (!clear) {
        const bytes = new Uint8Array(size);
        if (size > 0) decode(payload, bytes);
        clear = bytes;
      }
      const part = clear.subarray(position, position + target.length);
      target.set(part);
      return part.length;
    },
  };
}

function zeros(size: number, position: number, target: Uint8Array): number {
  const length = Math.max(0, Math.min(target.length, size - position));
  target.fill(0, 0, length);
  return length;
}

/** Content in chunks of 64 KiB in the resource fork; one decoded chunk is kept. */
class ChunkedFile implements DecompressedFile {
  readonly size: number;
  readonly #source: DecmpfsSource;
  readonly #decode: Decode;
  readonly #place: (index: number) => ChunkPlace;
  readonly #clear: Uint8Array;
  readonly #entry = new DataView(new ArrayBuffer(8));
  #stored = new Uint8Array(0);
  #current = -1;

  constructor(source: DecmpfsSource, { size, type }: DecmpfsHeader, decode: Decode) {
    this.size = size;
    this.#source = source;
    this.#decode = decode;
    this.#clear = new Uint8Array(Math.min(CHUNK, size));
    this.#place = type === 4 ? this.#zlibPlaces() : (index) => this.#placeOf(index);
  }

  read(position: number, target: Uint8Array): number {
    const length = Math.max(0, Math.min(target.length, this.size - position));
    for (let done = 0; done < length; ) {
      const chunk = Math.floor((position + done) / CHUNK);
      const clear = this.#chunk(chunk);
      const part = clear.subarray((position + done) % CHUNK).subarray(0, length - done);
      target.set(part, done);
      done += part.length;
    }
    return length;
  }

  #chunk(index: number): Uint8Array {
    const clear = this.#clear.subarray(0, Math.min(CHUNK, this.size - index * CHUNK));
    if (index === this.#current) return clear;
    this.#current = -1;
    const { start, length } = this.#place(index);
    if (length <= 0 || length > STORED_CHUNK_LIMIT)
      throw corrupt('chunk', `chunk ${index} of ${length} bytes at ${start} cannot be one`);
    if (this.#stored.length < length) this.#stored = new Uint8Array(length);
    const stored = this.#stored.subarray(0, length);
    this.#fill(start, stored);
    this.#decode(stored, clear);
    this.#current = index;
    return clear;
  }

  /** A resource file: places in the table behind its header count from there. */
  #zlibPlaces(): (index: number) => ChunkPlace {
    let count: number | null = null;
    return (index) => {
      count ??= this.#pair(ZLIB_COUNT_AT).first;
      if (index >= count) throw corrupt('chunk', `there are ${count} chunks, not ${index + 1}`);
      const { first, second } = this.#pair(ZLIB_TABLE_AT + 8 * index);
      return { start: ZLIB_COUNT_AT + first, length: second };
    };
  }

  /** A bare table of chunk ends, itself being the first; it may be longer than it needs to be. */
  #placeOf(index: number): ChunkPlace {
    const { first, second } = this.#pair(4 * index);
    return { start: first, length: second - first };
  }

  /** Two numbers of a table. */
  #pair(position: number): { first: number; second: number } {
    this.#fill(position, new Uint8Array(this.#entry.buffer));
    return { first: this.#entry.getUint32(0, true), second: this.#entry.getUint32(4, true) };
  }

  #fill(position: number, target: Uint8Array): void {
    const isThere = position + target.length <= this.#source.forkSize;
    if (!isThere || this.#source.readFork(position, target) !== target.length)
      throw corrupt('chunk', `the fork of ${this.#source.forkSize} bytes ends before ${position + target.length}`);
  }
}

/** Bytes of the fork. */
interface ChunkPlace {
  readonly start: number;
  readonly length: number;
}

/** Bytes kept as they are, behind one marker byte. */
function stored(source: Uint8Array, target: Uint8Array): void {
  target.set(exactly(source.subarray(1), target.length));
}

function exactly(source: Uint8Array, length: number): Uint8Array {
  if (source.length < length) throw corrupt('size', `${source.length} bytes instead of ${length}`);
  return source.subarray(0, length);
}

function corrupt(field: string, problem: string): CorruptError {
  return new CorruptError('decmpfs', field, 0, problem);
}
