// The bytes of one file, from a volume to another.

import type { Item, ItemId, Progress, Volume, WritableVolume } from '@tintype/core';
import type { ContentHasher } from '../checksums/hasher.js';

const BUFFER_SIZE = 1 << 20;
/** Most file systems' block: a file is written in pieces of whole ones. */
const ALIGNMENT = 4096;
/** A file that goes on changing is read this often before it is reported. */
const ATTEMPTS = 3;

/** Called between pieces of a long file, at moments when a commit would be sound. */
export type BetweenPieces = () => void;

/** Who is given the SHA-256 of what is copied. */
export interface ContentChecksums {
  readonly hasher: ContentHasher;
  wants(item: Item): boolean;
  /** The hasher was given all of the file: `id` at the target, `item` of the source. */
  end(id: ItemId, item: Item): void;
}

/** Copies contents through one buffer, which lives as long as the run. */
export class ContentCopier {
  readonly #buffer = new Uint8Array(BUFFER_SIZE);
  readonly #other = new Uint8Array(BUFFER_SIZE);
  readonly #progress: Progress;
  /** Bytes copied so far. */
  bytes = 0;
  /** Is given the checksums of what is copied, or found equal, where they are wanted. */
  checksums: ContentChecksums | null = null;
  /** Is asked before bytes are written, where there may be too little. */
  room: { require(bytes: number): void } | null = null;

  constructor(progress: Progress) {
    this.#progress = progress;
  }

  /**
   * Copies all of a file into an empty one. Answers the source's item as it was while it was read: when that differs
   * from `item`, the file changed meanwhile and was read again; `stable` is false if it never stood still.
   */
  copy(
    source: Volume,
    item: Item,
    target: WritableVolume,
    id: ItemId,
    between?: BetweenPieces,
  ): { readonly item: Item; readonly stable: boolean } {
    let seen = item;
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      if (attempt > 0) target.truncate(id, 0);
      const hasher = this.#begin(seen);
      const length = this.#copyOnce({ source, item: seen, target, id, hasher, between });
      const after = source.stat(seen.id);
      const changed =
        after.mtime !== seen.mtime ||
        after.mtimeNanos !== seen.mtimeNanos ||
        after.size !== seen.size ||
        length !== seen.size;
      if (!changed) {
        if (hasher) this.checksums?.end(id, seen);
        return { item: seen, stable: true };
      }
      seen = { ...after, name: item.name };
    }
    return { item: seen, stable: false };
  }

  #begin(item: Item): ContentHasher | null {
    if (!this.checksums?.wants(item)) return null;
    this.checksums.hasher.begin(item.size);
    return this.checksums.hasher;
  }

  /** True if both files have the same bytes. */
  equal(a: Volume, aItem: Item, b: Volume, bItem: Item): boolean {
    if (aItem.size !== bItem.size) return false;
    const hasher = this.#begin(bItem);
    for (let position = 0; ; ) {
      const got = a.read(aItem.id, position, this.#buffer);
      const other = b.read(bItem.id, position, this.#other);
      const bytes = this.#other.subarray(0, other);
      if (got !== other || Buffer.compare(this.#buffer.subarray(0, got), bytes) !== 0) return false;
      hasher?.add(bytes);
      position += got;
      if (got > 0) continue;
      if (hasher) this.checksums?.end(bItem.id, bItem);
      return true;
    }
  }

  #copyOnce(copy: Copy): number {
    const { source, item, target, id, hasher } = copy;
    if (item.allocated >= item.size) return this.#copyRange(copy, 0, Infinity);
    target.truncate(id, item.size);
    let done = 0;
    for (const { position, length, kind } of source.extents(item.id)) {
      if (kind !== 'data') continue;
      hasher?.addZeros(position - done);
      done = this.#copyRange(copy, position, length);
    }
    hasher?.addZeros(Math.max(0, item.size - done));
    return item.size;
  }

  /** Copies up to `length` bytes; stops at the end of the file. Answers how far it came. */
  #copyRange({ source, item, target, id, hasher, between }: Copy, start: number, length: number): number {
    let position = start;
    const end = start + length;
    while (position < end) {
      // One byte more than there should be: a read that stops short tells the end.
      const rest = item.size > position ? item.size - position + 1 : BUFFER_SIZE;
      const buffer = this.#space(hasher, position, Math.min(end - position, rest, BUFFER_SIZE));
      const got = source.read(item.id, position, buffer);
      this.room?.require(got);
      if (got > 0) target.write(id, position, buffer.subarray(0, got));
      hasher?.filled(got);
      position += got;
      this.bytes += got;
      this.#progress.add('bytes', got);
      if (got < buffer.length && position >= item.size) break;
      if (got === 0) break;
      if (between && position < end) between();
    }
    return position;
  }

  /** Where to read to: right where it is hashed, which may end earlier, but in the middle of a block only if `length` does. */
  #space(hasher: ContentHasher | null, position: number, length: number): Uint8Array {
    if (!hasher) return this.#buffer.subarray(0, length);
    const space = hasher.space(length);
    const past = space.length < length ? (position + space.length) % ALIGNMENT : 0;
    return past < space.length ? space.subarray(0, space.length - past) : space;
  }
}

interface Copy {
  readonly source: Volume;
  readonly item: Item;
  readonly target: WritableVolume;
  readonly id: ItemId;
  readonly hasher: ContentHasher | null;
  readonly between: BetweenPieces | undefined;
}
