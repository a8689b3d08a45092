// Transparent compression: the clear content of a file, from its `com.apple.decmpfs` attribute and its resource fork.
// Source: Apple's published kernel; payloads made by macOS; docs/formats/hfsplus.md, "decmpfs".

import { CorruptError, struct, UnsupportedError, u32, u64 } from '@tintype/core';
import { decodeLzfse } from './lzfse.js';
import { decodeLzvn } from './lzvn.js';
import { decodeZlib } from './zlib.js';

export interface DecmpfsHeader {
  readonly type: number;
  /** Bytes of the clear content. */
  readonly size: number;
}

export interface DecmpfsSource {
  /** The whole attribute. */
  readonly attribute: Uint8Array;
  /** Bytes of the resource fork. */
  readonly forkSize: number;
  /** Reads from the resource fork; answers how many bytes there were. */
  readFork(position: number, target: Uint8Array): number;
}

export interface DecompressedFile {
  readonly size: number;
  /** Reads clear bytes; fewer than asked for only at the end. @throws CorruptError, UnsupportedError */
  read(position: number, target: Uint8Array): number;
}

const Header = struct(
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
const INLINE_LIMIT = 3802;

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

/** Null if the attribute is no decmpfs header: the file is then read as it is. */
export function readDecmpfsHeader(attribute: Uint8Array): DecmpfsHeader | null {
  if (attribute.length < Header.size || attribute.length > INLINE_LIMIT) return null;
  const view = new DataView(attribute.buffer, attribute.byteOffset, attribute.length);
  if (view.getUint32(0, true) !== MAGIC) return null;
  const { type, size } = Header.read(view, 0);
  return { type, size };
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
  if (size > 1 << 24) throw corrupt('size', `${size} bytes cannot lie in an attribute`);
  let clear: Uint8Array | null = null;
  return {
    size,
    read: (position, target) => {
      if (!clear) {
        clear = new Uint8Array(size);
        decode(payload, clear);
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
  readonly #isZlib: boolean;
  readonly #clear = new Uint8Array(CHUNK);
  #current = -1;

  constructor(source: DecmpfsSource, { size, type }: DecmpfsHeader, decode: Decode) {
    this.size = size;
    this.#source = source;
    this.#decode = decode;
    this.#isZlib = type === 4;
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
    const { start, length } = this.#isZlib ? this.#zlibPlace(index) : this.#place(index);
    if (length <= 0 || length > STORED_CHUNK_LIMIT || start + length > this.#source.forkSize)
      throw corrupt('chunk', `chunk ${index} of ${length} bytes at ${start} lies outside the fork`);
    this.#decode(this.#bytes(start, length), clear);
    this.#current = index;
    return clear;
  }

  /** A resource file: the table behind its header counts from byte 260. */
  #zlibPlace(index: number): { start: number; length: number } {
    const count = this.#word(260);
    if (index >= count) throw corrupt('chunk', `there are ${count} chunks, not ${index + 1}`);
    return { start: 260 + this.#word(264 + 8 * index), length: this.#word(268 + 8 * index) };
  }
  /** A bare table of chunk ends, itself being the first. */
  #place(index: number): { start: number; length: number } {
    const start = this.#word(4 * index);
    return { start, length: this.#word(4 * index + 4) - start };
  }
  #word(position: number): number {
    return new DataView(this.#bytes(position, 4).buffer).getUint32(0, true);
  }
  #bytes(position: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    if (this.#source.readFork(position, bytes) !== length)
      throw corrupt('chunk', `the fork ends before byte ${position + length}`);
    return bytes;
  }
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
