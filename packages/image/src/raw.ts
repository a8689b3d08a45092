// Raw images: the disk's bytes and nothing else, in a file or on a block device.

import { assert, type BlockDevice, type DeviceExtent, type StoreFile } from '@tintype/core';
import { blockSizeOf, discardRange, EncryptedFile, lengthenFile } from './encryption/file.js';
import { isZero } from './zeros.js';

const SECTOR = 512;
/** Pieces in which zeros are left out of a sparse file. */
const PIECE = 65_536;

/** A raw image, or a block device: bytes of the disk are bytes of the file. */
export class RawDevice implements BlockDevice {
  readonly blockSize: number;
  readonly draft = false;
  /** A file of an odd size is padded by zeros to a whole sector. */
  #size: number;
  readonly writable: boolean;
  readonly #file: StoreFile;
  readonly #start: number;
  #stored: number;

  /** The disk is `[start, start + stored)` of the file. */
  constructor(file: StoreFile, start: number, stored: number, writable: boolean) {
    this.#file = file;
    this.#start = start;
    this.#stored = stored;
    this.#size = writable ? Math.floor(stored / SECTOR) * SECTOR : Math.ceil(stored / SECTOR) * SECTOR;
    this.writable = writable;
    this.blockSize = blockSizeOf(file);
  }
  get size(): number {
    return this.#size;
  }
  read(position: number, target: Uint8Array): void {
    this.#require(position, target.length);
    const length = Math.max(0, Math.min(target.length, this.#stored - position));
    const got = length > 0 ? this.#file.read(this.#start + position, target.subarray(0, length)) : 0;
    target.fill(0, got);
  }
  write(position: number, source: Uint8Array): void {
    this.#require(position, source.length);
    this.#file.write(this.#start + position, source);
  }
  zero(position: number, length: number): void {
    this.#require(position, length);
    if (length > 0 && !this.#file.punch(this.#start + position, length)) this.#fill(position, length);
  }
  discard(position: number, length: number): void {
    this.#require(position, length);
    discardRange(this.#file, this.#start + position, length);
  }
  extent(position: number): DeviceExtent {
    return { length: this.size - position, kind: 'data' };
  }
  stored(position: number, length: number): number {
    return this.#file.allocated(this.#start + position, length);
  }
  flush(): void {
    this.#file.sync();
  }
  close(): void {
    this.#file.close();
  }

  /** What follows the disk in its file (a trailer, part of a sector) goes. */
  resize(size: number): void {
    this.#file.truncate(this.#start + Math.min(size, this.#size));
    lengthenFile(this.#file, this.#start + size);
    this.#file.sync();
    this.#stored = size;
    this.#size = size;
  }

  /** Zeros where they are not yet: a hole that cannot be punched is mostly zero already, but not if it is encrypted. */
  #fill(position: number, length: number): void {
    const isPlain = !(this.#file instanceof EncryptedFile);
    const piece = new Uint8Array(PIECE);
    const zeros = new Uint8Array(PIECE);
    for (let at = 0; at < length; at += PIECE) {
      const part = Math.min(PIECE, length - at);
      if (!isPlain) this.#file.write(this.#start + position + at, zeros.subarray(0, part));
      else this.read(position + at, piece.subarray(0, part));
      if (isPlain && !isZero(piece.subarray(0, part)))
        this.#file.write(this.#start + position + at, zeros.subarray(0, part));
    }
  }
  #require(position: number, length: number): void {
    assert(position >= 0 && length >= 0 && position + length <= this.size, 'range lies inside the disk');
  }
}
