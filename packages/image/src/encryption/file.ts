// A file of clear bytes over one of cipher text: what the formats inside read and write. A band of a bundle is such a
// file of its own, so its chunks are numbered anew, as macOS does.
//
// Invariants: only whole chunks are read and written; bytes between the clear size and the end of its last chunk are
// zeros before they are encrypted; a clear size in a header never claims chunks that are not durable.
//
// A chunk that is stored as zeros was never written: the host gave the file its length, and a cut came before the bytes.
// No chunk is encrypted to zeros, so it is known, and reads as what was there before: zeros. To macOS it is noise, so
// nothing that has to be zero is left to that.

import { assert, CorruptError, type LockKind, type StoreFile } from '@tintype/core';
import { isZero } from '../zeros.js';
import type { ChunkCipher } from './chunk-cipher.js';

/** Bytes that are copied in one go where chunks do not lie alike. */
const PIECE = 256 << 10;

export interface Placement {
  /** Where the cipher text begins in the file. */
  readonly dataOffset: number;
  /** Null: all that the file has, in whole chunks (a band). */
  readonly clearSize: number | null;
  /** Makes a new clear size durable, after the chunks themselves are. */
  readonly keepSize?: (clearSize: number) => void;
}

export class EncryptedFile implements StoreFile {
  readonly path: string;
  readonly blockSize: number;
  readonly #file: StoreFile;
  readonly #cipher: ChunkCipher;
  readonly #placement: Placement;
  readonly #piece: Uint8Array;
  #size: number;
  #keptSize: number;

  constructor(file: StoreFile, cipher: ChunkCipher, placement: Placement) {
    this.path = file.path;
    this.blockSize = cipher.chunkSize;
    this.#file = file;
    this.#cipher = cipher;
    this.#placement = placement;
    this.#piece = cipher.piece;
    this.#size = placement.clearSize ?? file.size();
    this.#keptSize = this.#size;
  }

  size(): number {
    return this.#size;
  }
  allocated(position: number, length: number): number {
    return this.#file.allocated(this.#placement.dataOffset + position, length);
  }

  read(position: number, target: Uint8Array): number {
    const length = Math.max(0, Math.min(target.length, this.#size - position));
    for (let done = 0; done < length; ) {
      const at = position + done;
      const start = this.#floor(at);
      const end = Math.min(this.#ceil(position + length), start + this.#piece.length);
      const clear = this.#readChunks(start, end);
      const part = clear.subarray(at - start, Math.min(end, position + length) - start);
      target.set(part, done);
      done += part.length;
    }
    return length;
  }

  write(position: number, source: Uint8Array): void {
    if (position > this.#size) this.#grow(position);
    for (let done = 0; done < source.length; ) {
      const at = position + done;
      const start = this.#floor(at);
      const part = source.subarray(done, done + start + this.#piece.length - at);
      this.#writePart(start, at, part);
      done += part.length;
      this.#size = Math.max(this.#size, at + part.length);
    }
  }

  /** Space only: to macOS what is there is noise until it is written. */
  allocate(position: number, length: number): void {
    this.#file.allocate(this.#placement.dataOffset + position, this.#ceil(position + length) - position);
    this.#size = Math.max(this.#size, position + length);
  }

  truncate(length: number): void {
    if (length > this.#size) this.#grow(length);
    if (length >= this.#size) return;
    const end = this.#ceil(length);
    if (end > length) this.#writePart(this.#floor(length), length, new Uint8Array(Math.min(end, this.#size) - length));
    // The header never says more than the file has: it is told first.
    if (length < this.#keptSize && this.#placement.keepSize) {
      this.#placement.keepSize(length);
      this.#file.sync();
      this.#keptSize = length;
    }
    this.#file.truncate(this.#placement.dataOffset + end);
    this.#size = length;
  }

  /** Longer by chunks that are not stored: they read as zeros here, and to macOS are noise until they are written. */
  lengthen(length: number): void {
    assert(length >= this.#size, 'a file that is made longer was not as long');
    const start = this.#floor(this.#size);
    if (start < this.#size) this.#writePart(start, this.#size, new Uint8Array(this.#ceil(this.#size) - this.#size));
    // What a cut of a shrinking left behind the end must not come to light.
    this.#file.truncate(this.#placement.dataOffset + this.#ceil(this.#size));
    this.#file.truncate(this.#placement.dataOffset + this.#ceil(length));
    this.#size = length;
  }

  /** A hole would be noise to macOS, not zeros. */
  punch(): boolean {
    return false;
  }

  /** The content no longer matters: whole chunks go back to the host. */
  discard(position: number, length: number): void {
    const start = this.#ceil(position);
    const end = this.#floor(Math.min(position + length, this.#size));
    if (end > start) this.#file.punch(this.#placement.dataOffset + start, end - start);
  }

  /** Writes at `to` what is at `from`, in the file's present size; holes stay holes where they are whole chunks. */
  copy(from: number, to: number, length: number): void {
    const isAligned = [from, to, length].every((value) => value % this.blockSize === 0);
    const stored = isAligned ? Math.max(0, Math.min(length, this.#floor(this.#size) - from)) : 0;
    const hasHole = stored > 0 && this.#file.punch(this.#placement.dataOffset + to, stored);
    for (let at = 0; at < stored; at += this.#piece.length)
      this.#copyChunks(from + at, to + at, { length: Math.min(this.#piece.length, stored - at), hasHole });
    const rest = new Uint8Array(Math.min(PIECE, length - stored));
    for (let at = stored; at < length; at += rest.length) {
      const part = rest.subarray(0, Math.min(rest.length, length - at));
      part.fill(0, this.read(from + at, part));
      this.write(to + at, part);
    }
  }

  lock(kind: LockKind): boolean {
    return this.#file.lock(kind);
  }
  sync(): void {
    this.#file.sync();
    if (this.#size === this.#keptSize || !this.#placement.keepSize) return;
    this.#placement.keepSize(this.#size);
    this.#file.sync();
    this.#keptSize = this.#size;
  }
  close(): void {
    this.#file.close();
  }

  /** Everything up to `position` is there; what was not reads as zeros. */
  #grow(position: number): void {
    const zeros = new Uint8Array(Math.min(this.#piece.length, position - this.#size));
    while (this.#size < position) {
      const part = zeros.subarray(0, Math.min(zeros.length, position - this.#size));
      const start = this.#floor(this.#size);
      const length = Math.min(part.length, start + this.#piece.length - this.#size);
      this.#writePart(start, this.#size, part.subarray(0, length));
      this.#size += length;
    }
  }

  /** Writes `part` at `at`, all of it within a piece of chunks that begins at `start`. */
  #writePart(start: number, at: number, part: Uint8Array): void {
    const end = this.#ceil(at + part.length);
    assert(at >= start && end - start <= this.#piece.length, 'a part lies within its piece');
    const isWhole = at === start && end === at + part.length;
    const clear = isWhole ? part : this.#filled(start, at, part);
    this.#file.write(this.#placement.dataOffset + start, this.#cipher.encrypt(clear, start / this.blockSize));
  }

  /** The part among what its first and last chunk have so far. */
  #filled(start: number, at: number, part: Uint8Array): Uint8Array {
    const end = this.#ceil(at + part.length);
    const clear = this.#piece.subarray(0, end - start);
    this.#fillChunk(start, clear.subarray(0, this.blockSize), at > start || end > at + part.length);
    const last = end - this.blockSize;
    if (last > start) this.#fillChunk(last, clear.subarray(last - start), end > at + part.length);
    clear.set(part, at - start);
    return clear;
  }

  /** Each run of chunks that are stored is encrypted anew for its place; what is none stays one, or is written as zeros. */
  #copyChunks(
    from: number,
    to: number,
    { length, hasHole }: { readonly length: number; readonly hasHole: boolean },
  ): void {
    const bytes = new Uint8Array(length);
    this.#readStored(from, bytes);
    const isHole = (at: number): boolean => isZero(bytes.subarray(at, at + this.blockSize));
    for (let at = 0; at < length; ) {
      const start = at;
      const hole = isHole(at);
      while (at < length && isHole(at) === hole) at += this.blockSize;
      const run = bytes.subarray(start, at);
      const place = this.#placement.dataOffset + to + start;
      if (!hole) {
        const clear = this.#cipher.decrypt(run, (from + start) / this.blockSize);
        this.#file.write(place, this.#cipher.encrypt(clear, (to + start) / this.blockSize));
      } else if (!hasHole) this.#file.write(place, run);
    }
  }

  /** What a chunk has so far, if some of it is kept. */
  #fillChunk(start: number, target: Uint8Array, isKept: boolean): void {
    if (!isKept) return;
    const have = Math.max(0, Math.min(this.blockSize, this.#size - start));
    if (have > 0) {
      const bytes = new Uint8Array(this.blockSize);
      this.#readStored(start, bytes);
      target.set(this.#decrypt(bytes, start));
    }
    target.fill(0, have);
  }

  #readChunks(start: number, end: number): Uint8Array {
    const bytes = this.#piece.subarray(0, end - start);
    this.#readStored(start, bytes);
    return this.#decrypt(bytes, start);
  }

  #decrypt(stored: Uint8Array, start: number): Uint8Array {
    const clear = this.#cipher.decrypt(stored, start / this.blockSize);
    for (let at = 0; at < stored.length; at += this.blockSize)
      if (stored[at] === 0 && isZero(stored.subarray(at, at + this.blockSize))) clear.fill(0, at, at + this.blockSize);
    return clear;
  }

  #readStored(start: number, target: Uint8Array): void {
    const got = this.#file.read(this.#placement.dataOffset + start, target);
    if (got < target.length)
      throw new CorruptError('encrypted data', 'chunk', start + this.#floor(got), `is cut off: ${this.path} ends here`);
  }

  #floor(position: number): number {
    return Math.floor(position / this.blockSize) * this.blockSize;
  }
  #ceil(position: number): number {
    return Math.ceil(position / this.blockSize) * this.blockSize;
  }
}

/** Gives the range's space back where that can be; what it reads as afterwards is undefined. */
export function discardRange(file: StoreFile, position: number, length: number): void {
  if (file instanceof EncryptedFile) file.discard(position, length);
  else file.punch(position, length);
}

/** Longer by room that reads as zeros and takes no space. */
export function lengthenFile(file: StoreFile, length: number): void {
  if (file instanceof EncryptedFile) file.lengthen(length);
  else file.truncate(length);
}

/** Writes that are smaller than this cost a read. */
export function blockSizeOf(file: StoreFile): number {
  return file instanceof EncryptedFile ? file.blockSize : 512;
}
