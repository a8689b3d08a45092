// Puts new items of one folder into the target: in batches, so that the driver fills its nodes in order, and so that a
// commit between two batches never shows half a file.

import {
  type Attributes,
  type Item,
  type ItemId,
  type NewItem,
  StoreError,
  type Volume,
  VolumeFullError,
  type VolumeTraits,
  type WritableVolume,
} from '@tintype/core';
import { type Distrust, distrustOf, keptSeconds } from './compare.js';
import type { ContentCopier } from './content.js';
import type { HardLinks } from './hard-links.js';
import { LINK_ATTRIBUTE } from './names.js';
import type { Report } from './report.js';
import { SourceError } from './source-guard.js';
import { copyXattrs } from './xattrs.js';

const LINK_BYTES = 16;
/** What a host says of a name that it has already in another form, or cannot hold. */
const NAME_REFUSALS: readonly string[] = ['EEXIST', 'EINVAL', 'EILSEQ', 'ENAMETOOLONG'];
/** What a host says that has no second names, such as FAT and many shares. */
const LINK_REFUSALS: readonly string[] = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'];
const HOST_FULL: readonly string[] = ['ENOSPC', 'EDQUOT'];
const BATCH_ITEMS = 512;
const BATCH_BYTES = 64 << 20;
/** Changes this close to the scan, in seconds, leave no trace in the times. */
const RACY_SECONDS = 2;

export interface CreatorParts {
  readonly source: Volume;
  readonly target: WritableVolume;
  readonly content: ContentCopier;
  readonly links: HardLinks;
  /** True if the target's ids stay good when the folder above is released: in images, not in folders of the host. */
  readonly idsLast: boolean;
  readonly report: Report;
  /** Files longer than this are built under another name, and commits may fall into the middle of them. */
  readonly largeFile: number;
  /** Folder for files that are not finished. */
  readonly partial: () => ItemId;
  /** Called at sound moments: commits if it is time, throws if the run was cancelled. */
  readonly settle: () => void;
  readonly random: (target: Uint8Array) => void;
}

export class Creator {
  readonly #parts: CreatorParts;
  readonly #distrust: Distrust;
  #unfinished = 0;
  #replaced: ReadonlySet<string> = new Set();

  constructor(parts: CreatorParts) {
    this.#parts = parts;
    this.#distrust = distrustOf(parts.target.traits);
  }

  /**
   * Creates items of the folder at `path`. Answers the new folders' ids, by name.
   * `scanned`: when the items were listed, in seconds since 1970. `replaced`: names that stood for something else before.
   */
  createAll(
    folder: ItemId,
    path: string,
    items: readonly Item[],
    scanned: number,
    replaced: ReadonlySet<string>,
  ): Map<string, ItemId> {
    this.#replaced = replaced;
    const folders = new Map<string, ItemId>();
    let batch: Item[] = [];
    let bytes = 0;
    const flush = () => {
      if (batch.length > 0) this.#createBatch(folder, path, batch, scanned, folders);
      if (batch.length > 0) this.#parts.settle();
      batch = [];
      bytes = 0;
    };
    for (const item of items) {
      if (!this.#canCreate(item, path)) continue;
      if (item.kind === 'file' && item.size > this.#parts.largeFile && this.#parts.links.find(item) === null) {
        flush();
        this.#createLarge(folder, path, item, scanned);
        continue;
      }
      batch.push(item);
      bytes += item.kind === 'file' ? item.size : 0;
      if (batch.length >= BATCH_ITEMS || bytes >= BATCH_BYTES) flush();
    }
    flush();
    return folders;
  }

  /** Attributes as the target is to keep them; the change time tells the next run what to trust. */
  attributes(item: Item, scanned: number): Attributes {
    const { mode, uid, gid, flags, mtime, mtimeNanos, btime, btimeNanos } = item;
    const distrust = this.#distrustOf(item, scanned);
    const ctime = distrust ?? keptSeconds(item.ctime, this.#parts.target.traits);
    const ctimeNanos = distrust === null ? item.ctimeNanos : 0;
    return { mode, uid, gid, flags, mtime, mtimeNanos, btime, btimeNanos, ctime, ctimeNanos };
  }

  /** The change time that says what a later run must not trust of this item; null if all of it can be. */
  #distrustOf(item: Item, scanned: number): number | null {
    if (isRacy(item, scanned)) return this.#distrust.content;
    return Math.abs(scanned - item.ctime) <= RACY_SECONDS ? this.#distrust.attributes : null;
  }

  #canCreate(item: Item, path: string): boolean {
    const { target, report } = this.#parts;
    if (!target.traits.kinds.includes(item.kind)) {
      report.problem(`${path}/${item.name}`, 'kind', `the target cannot hold a ${item.kind}`);
      return false;
    }
    const refusal = refusalOf(item, target.traits);
    if (refusal) {
      report.counts.failed += 1;
      report.problem(`${path}/${item.name}`, refusal.code, `the target cannot hold ${refusal.what}`);
      return false;
    }
    // An image's names went through `original-names`, which escapes what the file system cannot hold.
    if (this.#parts.idsLast || target.nameAsStored(item.name) !== null) return true;
    report.counts.failed += 1;
    report.problem(`${path}/${item.name}`, 'name', 'the target cannot hold this name');
    return false;
  }

  #createBatch(
    folder: ItemId,
    path: string,
    items: readonly Item[],
    scanned: number,
    folders: Map<string, ItemId>,
  ): void {
    const { target, links } = this.#parts;
    const seen = new Set<string>();
    const linked: Item[] = [];
    const plain = items.filter((item) => {
      const isSecond = this.#canLink(item) && (links.find(item) !== null || seen.has(`${item.device}:${item.inode}`));
      if (isSecond) linked.push(item);
      else if (this.#canLink(item)) seen.add(`${item.device}:${item.inode}`);
      return !isSecond;
    });
    const { ready, news } = this.#prepare(plain, path, scanned);
    if (this.#parts.idsLast) this.#fill(folder, path, ready, target.create(folder, news), scanned, folders);
    else this.#createEach(folder, path, ready, news, scanned, folders);
    for (const item of linked) this.#createLink(folder, path, item, scanned, folders);
  }

  /** In a folder of the host each name may be refused, and costs that item. */
  #createEach(
    folder: ItemId,
    path: string,
    items: readonly Item[],
    news: readonly NewItem[],
    scanned: number,
    folders: Map<string, ItemId>,
  ): void {
    const { target, report } = this.#parts;
    for (const [i, item] of items.entries()) {
      let ids: ItemId[];
      try {
        ids = target.create(folder, [news[i] as NewItem]);
      } catch (error) {
        if (!(error instanceof StoreError && NAME_REFUSALS.includes(error.code))) throw error;
        report.failed(`${path}/${item.name}`, error);
        continue;
      }
      this.#fill(folder, path, [item], ids, scanned, folders);
    }
  }

  /** Items whose description could be read, with what the target is to create. */
  #prepare(items: readonly Item[], path: string, scanned: number): { ready: Item[]; news: NewItem[] } {
    const ready: Item[] = [];
    const news: NewItem[] = [];
    for (const item of items) {
      try {
        const target = item.kind === 'symlink' ? this.#parts.source.readlink(item.id) : '';
        news.push(this.#newItem(item, target, scanned));
        ready.push(item);
      } catch (error) {
        this.#parts.report.failed(`${path}/${item.name}`, error);
      }
    }
    return { ready, news };
  }

  #newItem(item: Item, target: string, scanned: number): NewItem {
    const { name, kind, rdevMajor, rdevMinor } = item;
    const { mode, uid, gid, flags, mtime, mtimeNanos, btime, btimeNanos } = item;
    const size = kind === 'file' ? item.size : 0;
    const distrust = this.#distrustOf(item, scanned);
    const ctime = distrust ?? keptSeconds(item.ctime, this.#parts.target.traits);
    const ctimeNanos = distrust === null ? item.ctimeNanos : 0;
    // Written out: copying one object into another costs more than all the rest of this class.
    return {
      name,
      kind,
      size,
      target,
      rdevMajor,
      rdevMinor,
      mode,
      uid,
      gid,
      flags,
      mtime,
      mtimeNanos,
      btime,
      btimeNanos,
      ctime,
      ctimeNanos,
    };
  }

  /** Gives new items their contents and attributes. Should the target be full, what is not finished goes again. */
  #fill(
    folder: ItemId,
    path: string,
    items: readonly Item[],
    ids: readonly ItemId[],
    scanned: number,
    folders: Map<string, ItemId>,
  ) {
    const { target, report } = this.#parts;
    let i = 0;
    try {
      for (; i < items.length; i += 1) {
        const item = items[i] as Item;
        const id = ids[i] as ItemId;
        if (!this.#finish(folder, path, item, id, scanned)) continue;
        if (item.kind === 'directory') folders.set(item.name, id);
        report.made(`${path}/${item.name}`, this.#replaced.has(item.name));
      }
    } catch (error) {
      if (this.#isFull(error)) for (const item of items.slice(i)) target.remove(folder, item.name);
      throw error;
    }
  }

  /** True if the target has no room, but still works. Of an image on a full host only its last commit is known. */
  #isFull(error: unknown): boolean {
    if (error instanceof VolumeFullError) return true;
    return !this.#parts.idsLast && error instanceof StoreError && HOST_FULL.includes(error.code);
  }

  /** True if others can go on: it cannot be read, or is longer than a file in the target folder can be (B13). */
  #isOfItem(error: unknown): boolean {
    if (error instanceof SourceError) return true;
    return !this.#parts.idsLast && error instanceof StoreError && error.code === 'EFBIG';
  }

  /** True if the new item is complete; else it was removed again, and reported. */
  #finish(folder: ItemId, path: string, item: Item, id: ItemId, scanned: number): boolean {
    const { source, target, report } = this.#parts;
    const itemPath = `${path}/${item.name}`;
    try {
      if (item.kind === 'file' && item.size > 0) this.#copyContent(itemPath, item, id, scanned);
      if (item.hasXattrs) copyXattrs(source, item, target, id, report.notKept);
      if (item.nlink > 1 && item.kind !== 'directory') this.#remember(item, id, itemPath);
      if (!target.traits.changeTimes) target.setAttributes(id, this.attributes(item, scanned));
      return true;
    } catch (error) {
      if (!this.#isOfItem(error)) throw error;
      target.remove(folder, item.name);
      report.failed(itemPath, error);
      return false;
    } finally {
      if (item.kind !== 'directory') source.release(item.id);
    }
  }

  #copyContent(path: string, item: Item, id: ItemId, scanned: number, between?: () => void): void {
    const { source, target, content, report } = this.#parts;
    const { item: seen, stable } = content.copy(source, item, target, id, between);
    if (!stable) {
      report.problem(path, 'changed', 'changed again and again while it was read; the copy may mix old and new');
      target.setAttributes(id, { ...this.attributes(seen, scanned), ctime: this.#distrust.content, ctimeNanos: 0 });
    } else if (seen !== item) target.setAttributes(id, this.attributes(seen, scanned));
    if (!stable || isRacy(seen, scanned)) report.racy(path);
  }

  #canLink(item: Item): boolean {
    const { hardLinks } = this.#parts.target.traits;
    if (item.nlink < 2 || item.kind === 'directory' || hardLinks === 'none') return false;
    return hardLinks === 'all' || item.kind === 'file';
  }

  /** The first name of a file with several. Where the volume cannot link such items, they share an attribute. */
  #remember(item: Item, id: ItemId, path: string): void {
    const { links, target } = this.#parts;
    if (!this.#canLink(item)) {
      const first = links.find(item);
      const known = first === null ? null : target.xattr(first, LINK_ATTRIBUTE);
      const shared = known ?? new Uint8Array(LINK_BYTES);
      if (known === null) this.#parts.random(shared);
      target.setXattr(id, LINK_ATTRIBUTE, shared);
      // The first one may be from an earlier run, when it had no other name.
      if (first !== null && known === null) target.setXattr(first, LINK_ATTRIBUTE, shared);
      if (first !== null) return;
    }
    links.remember(item, id, null, path);
  }

  #createLink(folder: ItemId, path: string, item: Item, scanned: number, folders: Map<string, ItemId>): void {
    const { target, report } = this.#parts;
    const first = this.#firstName(item);
    if (first === null) {
      // The first name could not be copied: this one stands for itself.
      this.#createBatch(folder, path, [{ ...item, nlink: 1 }], scanned, folders);
      return;
    }
    try {
      target.link(folder, item.name, first);
    } catch (error) {
      const isRefused = error instanceof StoreError && error.values.operation === 'link';
      if (!isRefused || !LINK_REFUSALS.includes(error.code)) throw error;
      report.notKept('hard link', item.name);
      this.#createBatch(folder, path, [{ ...item, nlink: 1 }], scanned, folders);
      return;
    }
    report.made(`${path}/${item.name}`, this.#replaced.has(item.name));
  }

  /** The target's item for a file that it has under another name, found anew where ids do not last. */
  #firstName(item: Item): ItemId | null {
    const { links, idsLast, target } = this.#parts;
    const known = links.find(item);
    const path = links.pathOf(item);
    if (known === null || path === null || idsLast) return known;
    let found: Item | null = target.root;
    for (const name of path.split('/').slice(1)) found = found && target.lookup(found.id, name);
    return found?.id ?? null;
  }

  /** Built among the unfinished files, renamed in when all of it is there. */
  #createLarge(folder: ItemId, path: string, item: Item, scanned: number): void {
    const { source, target, links, report, settle, partial } = this.#parts;
    this.#unfinished += 1;
    const name = `unfinished-${this.#unfinished}`;
    const [id] = target.create(partial(), [{ ...this.#newItem(item, '', scanned), name }]) as [ItemId];
    try {
      this.#copyContent(`${path}/${item.name}`, item, id, scanned, settle);
      if (item.hasXattrs) copyXattrs(source, item, target, id, report.notKept);
      if (!target.traits.changeTimes) target.setAttributes(id, this.attributes(item, scanned));
      target.rename(partial(), name, folder, item.name);
      if (this.#canLink(item)) links.remember(item, id, null, `${path}/${item.name}`);
      report.made(`${path}/${item.name}`, this.#replaced.has(item.name));
    } catch (error) {
      const isOfItem = this.#isOfItem(error);
      if (isOfItem || this.#isFull(error)) target.remove(partial(), name);
      if (!isOfItem) throw error;
      report.failed(`${path}/${item.name}`, error);
    } finally {
      source.release(item.id);
    }
    settle();
  }
}

/** A file that may have been changed after the scan without a later time. */
function isRacy(item: Item, scanned: number): boolean {
  return item.kind === 'file' && Math.abs(scanned - item.mtime) <= RACY_SECONDS;
}

/** What of an item is too much for a volume; null if nothing is. */
function refusalOf(
  { kind, size, rdevMajor, rdevMinor }: Item,
  { deviceNumbers, linkTarget }: VolumeTraits,
): { readonly code: string; readonly what: string } | null {
  if (rdevMajor > deviceNumbers.major || rdevMinor > deviceNumbers.minor)
    return { code: 'device', what: `the device numbers ${rdevMajor}, ${rdevMinor}` };
  if (kind === 'symlink' && size > linkTarget)
    return { code: 'symlink', what: `a link's target of ${size} bytes, only of ${linkTarget}` };
  return null;
}
