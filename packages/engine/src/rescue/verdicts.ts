// Which files of a salvaged volume are whole. One that proves damaged while it is copied loses that name.

import {
  type Item,
  type ItemId,
  type LostRange,
  type Range,
  RangeSet,
  type SalvagedVolume,
  TintypeError,
} from '@tintype/core';
import type { ChecksumTable } from '../checksums/table.js';

export interface DamagedRange extends Range {
  readonly reason: LostRange['reason'] | 'unreadable' | 'differs';
}

/** A file of which something is missing. */
export interface PartialFile {
  readonly path: string;
  readonly size: number;
  /** Ascending; of length 0: how much is missing is not known. */
  readonly ranges: readonly DamagedRange[];
}

/** One of an item's names. */
export interface Name {
  readonly folder: ItemId;
  readonly name: string;
}

interface Damage {
  readonly item: Item;
  readonly ranges: DamagedRange[];
  readonly names: Name[];
}

/** What is known of the files of one volume; both trees share it. */
export class Verdicts {
  readonly #salvaged: SalvagedVolume;
  readonly #checksums: ChecksumTable;
  readonly #damaged = new Map<ItemId, Damage>();
  /** Where folders hang, as far as they were listed. */
  readonly #folders = new Map<ItemId, Name>();
  readonly #judged = new Map<ItemId, boolean>();
  /** Files that were copied whole. */
  wholeFiles = 0;

  constructor(salvaged: SalvagedVolume, checksums: ChecksumTable) {
    this.#salvaged = salvaged;
    this.#checksums = checksums;
  }

  /** True if the file is to be copied as a whole one. To be asked for each name. */
  isWhole(folder: ItemId, item: Item): boolean {
    const known = this.#damaged.get(item.id);
    if (known) {
      if (!known.names.some((each) => each.folder === folder && each.name === item.name))
        known.names.push({ folder, name: item.name });
      return false;
    }
    const isKnown = this.#judged.get(item.id);
    if (isKnown !== undefined) return isKnown;
    const lost = this.#lost(item);
    // Zeros are not stored, either: a checksum tells them from what is gone.
    const isWhole =
      lost.length === 0 || (lost.every(({ reason }) => reason === 'not-stored') && this.digestOf(item) !== null);
    if (item.nlink > 1) this.#judged.set(item.id, isWhole);
    if (!isWhole) this.#damaged.set(item.id, { item, ranges: [...lost], names: [{ folder, name: item.name }] });
    return isWhole;
  }

  folder(id: ItemId, name: Name): void {
    if (!this.#folders.has(id)) this.#folders.set(id, name);
  }

  /** A file that was taken for whole is not. */
  damaged(item: Item, places: readonly Name[], range: DamagedRange): void {
    const known = this.#damaged.get(item.id);
    const last = known?.ranges.at(-1);
    if (known && last?.reason === range.reason && last.start + last.length === range.start)
      known.ranges[known.ranges.length - 1] = { ...last, length: last.length + range.length };
    else known?.ranges.push(range);
    if (known) return;
    this.#judged.delete(item.id);
    const lost = this.#lost(item);
    this.#damaged.set(item.id, { item, ranges: [...lost, range], names: [...places] });
  }
  isDamaged(id: ItemId): boolean {
    return this.#damaged.has(id);
  }
  get hasDamaged(): boolean {
    return this.#damaged.size > 0;
  }

  /** Folders that lead to damaged files. */
  foldersAbove(): Set<ItemId> {
    const above = new Set<ItemId>();
    for (const { names } of this.#damaged.values())
      for (const { folder } of names)
        for (
          let id: ItemId | undefined = folder;
          id !== undefined && !above.has(id);
          id = this.#folders.get(id)?.folder
        )
          above.add(id);
    return above;
  }

  *partial(): Generator<PartialFile> {
    for (const { item, ranges, names } of this.#damaged.values())
      for (const name of names) yield { path: this.pathOf(name), size: item.size, ranges: joined(ranges) };
  }

  pathOf({ folder, name }: Name): string {
    const parts = [name];
    const seen = new Set<ItemId>();
    for (let id = folder; !seen.has(id); ) {
      seen.add(id);
      const above = this.#folders.get(id);
      if (!above) break;
      parts.unshift(above.name);
      id = above.folder;
    }
    return `/${parts.join('/')}`;
  }

  /** What of a damaged file no record tells of: nothing can be read there. */
  unmapped(id: ItemId): RangeSet {
    const set = new RangeSet();
    for (const { start, length, reason } of this.#damaged.get(id)?.ranges ?? [])
      if (reason === 'unmapped') set.add(start, length);
    return set;
  }

  #lost(item: Item): readonly DamagedRange[] {
    try {
      return this.#salvaged.lost(item.id);
    } catch (error) {
      if (error instanceof TintypeError) return [{ start: 0, length: 0, reason: 'unreadable' }];
      throw error;
    }
  }

  digestOf(item: Item): Uint8Array | null {
    try {
      return this.#checksums.digestOf(item);
    } catch (error) {
      if (error instanceof TintypeError) return null;
      throw error;
    }
  }
}

/** Ascending, those that touch and have one reason joined. */
function joined(ranges: readonly DamagedRange[]): DamagedRange[] {
  const all: DamagedRange[] = [];
  for (const range of [...ranges].sort((a, b) => a.start - b.start)) {
    const last = all[all.length - 1];
    if (last && last.reason === range.reason && range.start <= last.start + last.length)
      all[all.length - 1] = {
        ...last,
        length: Math.max(last.length, range.start + range.length - last.start),
      };
    else all.push(range);
  }
  return all;
}
