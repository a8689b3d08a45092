// The bytes of one file, from a volume to another.

import type { Item, ItemId, Progress, Volume, WritableVolume } from '@tintype/core';

const BUFFER_SIZE = 1 << 20;
/** A file that goes on changing is read this often before it is reported. */
const ATTEMPTS = 3;

/** Called between pieces of a long file, at moments when a commit would be sound. */
export type BetweenPieces = () => void;

/** Copies contents through one buffer, which lives as long as the run. */
export class ContentCopier {
  readonly #buffer = new Uint8Array(BUFFER_SIZE);
  readonly #other = new Uint8Array(BUFFER_SIZE);
  readonly #progress: Progress;
  /** Bytes copied so far. */
  bytes = 0;

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
      const length = this.#copyOnce(source, seen, target, id, between);
      const after = source.stat(seen.id);
      const changed =
        after.mtime !== seen.mtime ||
        after.mtimeNanos !== seen.mtimeNanos ||
        after.size !== seen.size ||
        length !== seen.size;
      if (!changed) return { item: seen, stable: true };
      seen = { ...after, name: item.name };
    }
    return { item: seen, stable: false };
  }

  /** True if both files have the same bytes. */
  equal(a: Volume, aItem: Item, b: Volume, bItem: Item): boolean {
    if (aItem.size !== bItem.size) return false;
    for (let position = 0; ; ) {
      const got = a.read(aItem.id, position, this.#buffer);
      const other = b.read(bItem.id, position, this.#other);
      if (got !== other || Buffer.compare(this.#buffer.subarray(0, got), this.#other.subarray(0, other)) !== 0)
        return false;
      position += got;
      if (got === 0) return true;
    }
  }

  #copyOnce(source: Volume, item: Item, target: WritableVolume, id: ItemId, between?: BetweenPieces): number {
    if (item.allocated < item.size) return this.#copySparse(source, item, target, id, between);
    return this.#copyRange(source, item.id, 0, Infinity, item.size, target, id, between);
  }

  #copySparse(source: Volume, item: Item, target: WritableVolume, id: ItemId, between?: BetweenPieces): number {
    target.truncate(id, item.size);
    for (const { position, length, kind } of source.extents(item.id))
      if (kind === 'data') this.#copyRange(source, item.id, position, length, item.size, target, id, between);
    return item.size;
  }

  /** Copies up to `length` bytes; stops at the end of the file. Answers how far it came. */
  #copyRange(
    source: Volume,
    sourceId: ItemId,
    start: number,
    length: number,
    expected: number,
    target: WritableVolume,
    id: ItemId,
    between?: BetweenPieces,
  ): number {
    let position = start;
    const end = start + length;
    while (position < end) {
      const buffer = end - position < BUFFER_SIZE ? this.#buffer.subarray(0, end - position) : this.#buffer;
      const got = source.read(sourceId, position, buffer);
      if (got > 0) target.write(id, position, buffer.subarray(0, got));
      position += got;
      this.bytes += got;
      this.#progress.add('bytes', got);
      if (got < buffer.length && position >= expected) break;
      if (got === 0) break;
      if (between && position < end) between();
    }
    return position;
  }
}
