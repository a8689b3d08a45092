// What the source lacks leaves the target's live tree: last of all, when it is known how much that is.

import type { Attributes, Item, ItemId, WritableVolume } from '@tintype/core';
import type { Aside } from '../history/safetynet.js';
import type { Frame, PlannedFolder } from './folder-plans.js';
import { countTree } from './remove.js';
import type { Report } from './report.js';

interface FolderRemovals {
  readonly path: string;
  readonly folder: Attributes;
  readonly items: readonly Item[];
  /** For each item: how many items it stands for, itself included. */
  counts: readonly number[];
}

export interface RemovalsOptions {
  readonly target: WritableVolume;
  readonly report: Report;
  readonly maxDelete: number | null;
}

/** How they are carried out. */
export interface RemovalMeans {
  readonly aside: Aside;
  readonly settle: () => void;
}

/** Removals of no more items than this are never suspicious. */
const HARMLESS = 1000;

export class Removals {
  readonly #options: RemovalsOptions;
  readonly #folders: FolderRemovals[] = [];
  #targetItems = 0;

  constructor(options: RemovalsOptions) {
    this.#options = options;
  }

  add(frame: Frame, { plan, targetItems }: PlannedFolder): void {
    this.#targetItems += targetItems;
    if (plan.remove.length > 0)
      this.#folders.push({ path: frame.path, folder: frame.source, items: plan.remove, counts: [] });
  }

  /** How many items would be removed: none if they are too many, which is a problem of the run. */
  foreseen(): number {
    if (this.#folders.length === 0 || !this.#isAllowed()) return 0;
    return this.#folders.flatMap(({ counts }) => counts).reduce((sum, count) => sum + count, 0);
  }

  perform({ aside, settle }: RemovalMeans): void {
    if (this.#folders.length === 0 || !this.#isAllowed()) return;
    const { target, report } = this.#options;
    for (const { path, folder, items, counts } of this.#folders) {
      const id = resolve(target, path);
      if (id === null) continue;
      for (const [i, item] of items.entries()) {
        const to = aside.put(id, path, item);
        report.removed(`${path}/${item.name}`, to, counts[i] ?? 1);
        aside.settle();
        settle();
      }
      if (!target.traits.changeTimes && path !== '') target.setAttributes(id, folder);
    }
  }

  /** Removing most of a backup looks like a mistake: then nothing is removed, and the run says so. */
  #isAllowed(): boolean {
    const { target, report, maxDelete } = this.#options;
    let top = 0;
    let count = 0;
    for (const folder of this.#folders) {
      if (resolve(target, folder.path) === null) continue;
      folder.counts = folder.items.map((item) => countTree(target, item));
      top += folder.items.length;
      for (const items of folder.counts) count += items;
    }
    const total = this.#targetItems + count - top;
    const limit = maxDelete === null ? Math.max(HARMLESS, total / 2) : (total * maxDelete) / 100;
    if (count <= limit) return true;
    report.problem(
      '/',
      'max-delete',
      `${count} of ${total} items would be removed; nothing was. Allow it with --max-delete`,
    );
    return false;
  }
}

/** The folder's id, found anew: handles of folders behind the walk were given up. */
function resolve(volume: WritableVolume, path: string): ItemId | null {
  let item: Item | null = volume.root;
  for (const name of path.split('/').slice(1)) {
    item = item && volume.lookup(item.id, name);
    if (item && item.kind !== 'directory') return null;
  }
  return item?.id ?? null;
}
