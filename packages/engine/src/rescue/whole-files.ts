// The tree of the files that are whole, with all folders, links and special files. A file that proves damaged while it is
// copied fails, and is known as one of the others from then on.

import { type FileExtent, type Item, type ItemId, TintypeError, type Volume, type XattrEntry } from '@tintype/core';
import { SerialHasher } from '../checksums/hasher.js';
import { OWN_FOLDER } from '../history/own-folder.js';
import type { ContentChecksums } from '../tree/content.js';
import { SAFETYNET_FOLDER } from '../tree/filter.js';
import { GuardedSource, SourceError } from '../tree/source-guard.js';
import type { DamagedRange, Name, Verdicts } from './verdicts.js';

/** Of the error that a file has for being damaged: it is copied again, as far as it is there. */
export const PARTIAL = 'rescue-partial';
const SOMEWHERE = { start: 0, length: 0, reason: 'unreadable' } as const;

export class WholeFiles extends GuardedSource {
  readonly #verdicts: Verdicts;
  /** The folder of older versions, in which our own things are. */
  readonly #safetyNet: ItemId | null;
  readonly #listed = new Set<ItemId>();
  /** Names of the files of the folder that was listed last, and of those with several. */
  readonly #places = new Map<ItemId, Name[]>();
  #items = new Map<ItemId, Item>();
  /** Files that were shown, and did not fail. */
  copied = 0;

  constructor(below: Volume, verdicts: Verdicts) {
    super(below, { mayLoop: false });
    this.#verdicts = verdicts;
    this.#safetyNet = this.#findSafetyNet();
  }

  override list(folder: ItemId): Item[] {
    const shown: Item[] = [];
    const isFirst = !this.#listed.has(folder);
    this.#listed.add(folder);
    this.#items = new Map();
    for (const [id, places] of [...this.#places]) if (places.length < 2) this.#places.delete(id);
    for (const item of super.list(folder)) {
      if (folder === this.#safetyNet && item.name === OWN_FOLDER) continue;
      if (item.kind === 'directory') this.#verdicts.folder(item.id, { folder, name: item.name });
      if (item.kind === 'file' && !this.#verdicts.isWhole(folder, item)) continue;
      if (item.kind === 'file') this.#remember(folder, item, isFirst);
      shown.push(item);
    }
    return shown;
  }
  override lookup(folder: ItemId, name: string): Item | null {
    return folder === this.#safetyNet && name === OWN_FOLDER ? null : super.lookup(folder, name);
  }
  override read(id: ItemId, position: number, target: Uint8Array): number {
    const range = { start: position, length: target.length, reason: 'unreadable' } as const;
    return this.#judge(id, range, () => super.read(id, position, target));
  }
  override extents(id: ItemId): FileExtent[] {
    return this.#judge(id, SOMEWHERE, () => super.extents(id));
  }
  /** What is not a file is not given up for an attribute. */
  override xattrs(id: ItemId): XattrEntry[] {
    return this.#judge(id, SOMEWHERE, () => super.xattrs(id), []);
  }
  override xattr(id: ItemId, name: string): Uint8Array | null {
    return this.#judge(id, SOMEWHERE, () => super.xattr(id, name), null);
  }

  /** Compares with the checksums that the files had when they were copied into the image. */
  checksums(): ContentChecksums {
    const hasher = new SerialHasher();
    return {
      hasher,
      wants: (item) => this.#verdicts.digestOf(item) !== null,
      end: (_id, item) => {
        const wanted = this.#verdicts.digestOf(item);
        hasher.end((digest) => {
          if (wanted && Buffer.compare(digest, wanted) !== 0)
            this.#fail(item, { start: 0, length: item.size, reason: 'differs' });
        });
      },
    };
  }

  #findSafetyNet(): ItemId | null {
    try {
      const { root } = this;
      const folder = super.lookup(root.id, SAFETYNET_FOLDER);
      if (folder?.kind !== 'directory') return null;
      this.#verdicts.folder(folder.id, { folder: root.id, name: SAFETYNET_FOLDER });
      return folder.id;
    } catch (error) {
      if (error instanceof TintypeError) return null;
      throw error;
    }
  }
  #remember(folder: ItemId, item: Item, isFirst: boolean): void {
    const places = this.#places.get(item.id) ?? [];
    if (isFirst) {
      places.push({ folder, name: item.name });
      this.copied += 1;
    }
    this.#places.set(item.id, places);
    this.#items.set(item.id, item);
  }
  #judge<T>(id: ItemId, range: DamagedRange, call: () => T, otherwise?: T): T {
    try {
      return call();
    } catch (error) {
      if (!(error instanceof TintypeError)) throw error;
      const item = this.#items.get(id);
      if (!item && otherwise !== undefined) return otherwise;
      if (!item) throw error;
      const length = Math.max(0, Math.min(range.length, item.size - range.start));
      return this.#fail(item, { ...range, length });
    }
  }
  #fail(item: Item, range: DamagedRange): never {
    const places = this.#places.get(item.id) ?? [];
    if (!this.#verdicts.isDamaged(item.id)) this.copied -= places.length;
    this.#verdicts.damaged(item, places, range);
    throw new SourceError(new TintypeError(PARTIAL, 'is not whole'));
  }
}
