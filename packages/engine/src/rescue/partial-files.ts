// The tree of the files of which something is missing, with the folders that lead to them. What cannot be read is zeros.

import { type FileExtent, type Item, type ItemId, TintypeError, type Volume, type XattrEntry } from '@tintype/core';
import { GuardedSource } from '../tree/source-guard.js';
import type { Verdicts } from './verdicts.js';

const PIECE = 4096;
/** A file that claims to be longer ends behind the last byte that is anywhere. */
const LONGEST_CLAIM = 2 ** 40;

export class PartialFiles extends GuardedSource {
  readonly #below: Volume;
  readonly #verdicts: Verdicts;
  readonly #folders: ReadonlySet<ItemId>;
  readonly #items = new Map<ItemId, Item>();

  constructor(below: Volume, verdicts: Verdicts) {
    super(below, { mayLoop: false });
    this.#below = below;
    this.#verdicts = verdicts;
    this.#folders = verdicts.foldersAbove();
  }

  override list(folder: ItemId): Item[] {
    const shown: Item[] = [];
    this.#items.clear();
    for (const item of super.list(folder)) {
      if (item.kind === 'directory' && this.#folders.has(item.id)) shown.push(item);
      if (item.kind !== 'file' || !this.#verdicts.isDamaged(item.id)) continue;
      const cut = this.#cut(item);
      this.#items.set(item.id, cut);
      shown.push(cut);
    }
    return shown;
  }
  override stat(id: ItemId): Item {
    const item = this.#items.get(id);
    return item ? { ...super.stat(id), size: item.size, allocated: 0 } : super.stat(id);
  }
  /** What no record tells of is a hole. */
  override extents(id: ItemId): FileExtent[] {
    const size = this.#items.get(id)?.size ?? 0;
    const extents: FileExtent[] = [];
    let end = 0;
    for (const { start, length } of this.#verdicts.unmapped(id)) {
      if (start >= size) break;
      if (start > end) extents.push({ position: end, length: start - end, kind: 'data' });
      end = Math.min(start + length, size);
      extents.push({ position: start, length: end - start, kind: 'hole' });
    }
    if (end < size) extents.push({ position: end, length: size - end, kind: 'data' });
    return extents;
  }
  override read(id: ItemId, position: number, target: Uint8Array): number {
    const item = this.#items.get(id);
    if (!item) return super.read(id, position, target);
    const length = Math.max(0, Math.min(target.length, item.size - position));
    if (this.#isRead(id, position, target.subarray(0, length))) return length;
    for (let at = 0; at < length; at += PIECE) {
      const part = target.subarray(at, Math.min(at + PIECE, length));
      if (this.#isRead(id, position + at, part)) continue;
      part.fill(0);
      this.#verdicts.damaged(item, [], { start: position + at, length: part.length, reason: 'unreadable' });
    }
    return length;
  }
  override xattrs(id: ItemId): XattrEntry[] {
    return this.#orElse(() => super.xattrs(id), []).filter(({ name }) => this.xattr(id, name) !== null);
  }
  override xattr(id: ItemId, name: string): Uint8Array | null {
    return this.#orElse(() => super.xattr(id, name), null);
  }

  /** Of a file with nothing allocated only its extents are read. */
  #cut(item: Item): Item {
    let { size } = item;
    if (size > LONGEST_CLAIM)
      for (const { start, length } of this.#verdicts.unmapped(item.id)) if (start + length >= size) size = start;
    return { ...item, size, allocated: 0 };
  }
  #isRead(id: ItemId, position: number, target: Uint8Array): boolean {
    return this.#orElse(() => this.#below.read(id, position, target) === target.length, false);
  }
  #orElse<T>(call: () => T, otherwise: T): T {
    try {
      return call();
    } catch (error) {
      if (error instanceof TintypeError) return otherwise;
      throw error;
    }
  }
}
