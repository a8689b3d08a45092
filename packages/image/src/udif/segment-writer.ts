// The data fork of a new UDIF in several files: one is filled up to its room, then the next is begun, wherever in a chunk
// that is. The first leaves room for the tables, which it holds behind its part of the fork.

import { assert, crc32, type StoreFile, showSize, UnsupportedError } from '@tintype/core';
import { SEGMENTS_LIMIT } from '../limits.js';
import type { ForkPart, ForkTarget } from './fork-writer.js';
import { Koly } from './structs.js';

/** Where the files of a new image go. */
export interface SegmentPlace {
  /** Bytes of a file, at the most, with its trailer; of an encrypted one, of its clear bytes. */
  readonly room: number;
  /** Opens the file of a segment, 2 and up: a new one, or again one that was made and closed. */
  open(number: number, mode: 'create' | 'write'): StoreFile;
}

export class SegmentWriter implements ForkTarget {
  readonly #first: StoreFile;
  readonly #place: SegmentPlace;
  /** Bytes of the data fork that the first file takes. */
  readonly #firstRoom: number;
  readonly #parts: { length: number; crc: number }[] = [{ length: 0, crc: 0 }];
  /** Of the last part. */
  #file: StoreFile;
  #length = 0;

  /** `listLength`: bytes of the property list, at the most. @throws UnsupportedError if a file has no room for it */
  constructor(first: StoreFile, place: SegmentPlace, listLength: number) {
    this.#first = first;
    this.#file = first;
    this.#place = place;
    this.#firstRoom = place.room - listLength - Koly.size;
    if (this.#firstRoom < 1)
      throw new UnsupportedError(
        `segments of this size have no room for the image's tables, which can take ${showSize(listLength)}; make them larger`,
      );
  }

  get parts(): readonly ForkPart[] {
    return this.#parts;
  }

  /** @throws UnsupportedError if there would be too many files */
  write(position: number, source: Uint8Array): void {
    assert(position === this.#length, 'a data fork is written from its beginning to its end');
    for (let done = 0; done < source.length; ) {
      const part = this.#partWithRoom();
      const bytes = source.subarray(done, done + this.#roomOf(this.#parts.length) - part.length);
      this.#file.write(part.length, bytes);
      part.crc = crc32(bytes, part.crc);
      part.length += bytes.length;
      done += bytes.length;
    }
    this.#length += source.length;
  }

  /** The file of a part that was written, for its end; whoever takes one closes it, but for the first. */
  reopen(number: number): StoreFile {
    this.#leave();
    return number === 1 ? this.#first : this.#place.open(number, 'write');
  }

  /** All but the first file, which is its opener's. */
  close(): void {
    const file = this.#file;
    this.#file = this.#first;
    if (file !== this.#first) file.close();
  }

  /** What is encrypted tells its length only when that is durable. */
  #leave(): void {
    if (this.#file !== this.#first) this.#file.sync();
    this.close();
  }

  #roomOf(number: number): number {
    return number === 1 ? this.#firstRoom : this.#place.room - Koly.size;
  }

  #partWithRoom(): { length: number; crc: number } {
    const number = this.#parts.length;
    const last = this.#parts[number - 1];
    assert(last !== undefined, 'there is a first part');
    if (last.length < this.#roomOf(number)) return last;
    if (number === SEGMENTS_LIMIT)
      throw new UnsupportedError(`the image would have more than ${SEGMENTS_LIMIT} segments; make them larger`);
    this.#leave();
    this.#file = this.#place.open(number + 1, 'create');
    const part = { length: 0, crc: 0 };
    this.#parts.push(part);
    return part;
  }
}
