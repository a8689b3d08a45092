// A volume that shows and takes original names, over one that stores some of them in another form. All of the engine
// works through this view, so nothing else knows about escaped names, clamped times or links that had to be copied.

import type {
  AttributeChange,
  FileExtent,
  Item,
  ItemId,
  ItemKind,
  NewItem,
  SnapshotEntry,
  VolumeTraits,
  WritableVolume,
  XattrEntry,
} from '@tintype/core';
import { assert } from '@tintype/core';
import {
  couldBeStoredAs,
  escapedName,
  formatNameRecords,
  LINK_ATTRIBUTE,
  NAME_ATTRIBUTE,
  type NameRecord,
  OWN_ATTRIBUTE_PREFIX,
  parseNameRecords,
  TIMES_ATTRIBUTE,
} from './names.js';
import { escapedXattrName, originalXattrName } from './xattr-names.js';

/** An item whose stored name differs from its original one. */
export type NamedItem = Item & { readonly stored?: string };

const NOTHING = new Uint8Array(0);
/** Folders whose names are remembered while new items are put into them. */
const FOLDERS_REMEMBERED = 16;

export class OriginalNames implements WritableVolume {
  readonly #below: WritableVolume;
  /** Keys in use, by folder: names must not be given twice. */
  readonly #keys = new Map<ItemId, Set<string>>();
  /** Folders made here, and still empty. */
  readonly #empty = new Set<ItemId>();
  /** Inode numbers shown for items that share a link id. */
  readonly #linked = new Map<string, number>();

  constructor(below: WritableVolume) {
    this.#below = below;
  }
  get name(): string {
    return this.#below.name;
  }
  get uuid(): string {
    return this.#below.uuid;
  }
  get traits(): VolumeTraits {
    return this.#below.traits;
  }
  get root(): Item {
    return this.#below.root;
  }
  get snapshots(): readonly SnapshotEntry[] | null {
    return this.#below.snapshots;
  }
  openSnapshot(xid: number): WritableVolume {
    return new OriginalNames(this.#below.openSnapshot(xid));
  }
  nameKey(name: string): string {
    return this.#below.nameKey(name);
  }
  /** Every name can be held here: what the volume below cannot is escaped. */
  nameAsStored(name: string): string | null {
    return name;
  }
  list(folder: ItemId): NamedItem[] {
    const items: NamedItem[] = this.#below.list(folder);
    for (let i = 0; i < items.length; i += 1) {
      const item = items[i] as Item;
      if (item.hasXattrs || this.#isClamped(item)) items[i] = this.#original(item);
    }
    return items;
  }
  lookup(folder: ItemId, name: string): NamedItem | null {
    const stored = this.#below.nameAsStored(name);
    const found = stored === null ? null : this.#below.lookup(folder, stored);
    const plain = found && this.#original(found);
    if (plain?.name === name) return plain;
    const other = this.#below.lookup(folder, escapedName(name, this.#below));
    const escaped = other && this.#original(other);
    return escaped?.name === name ? escaped : plain;
  }
  stat(id: ItemId): NamedItem {
    return this.#original(this.#below.stat(id));
  }
  read(id: ItemId, position: number, target: Uint8Array): number {
    return this.#below.read(id, position, target);
  }
  extents(id: ItemId): FileExtent[] {
    return this.#below.extents(id);
  }
  readlink(id: ItemId): string {
    return this.#below.readlink(id);
  }
  xattrs(id: ItemId): XattrEntry[] {
    return this.#below.xattrs(id).flatMap((entry) => {
      if (!entry.name.startsWith(OWN_ATTRIBUTE_PREFIX)) return entry;
      const name = originalXattrName(entry.name);
      return name === null ? [] : { ...entry, name };
    });
  }
  xattr(id: ItemId, name: string): Uint8Array | null {
    const value = this.#below.xattr(id, name);
    return value || name.isWellFormed() ? value : this.#below.xattr(id, escapedXattrName(name));
  }
  xattrAsStored(kind: ItemKind, name: string, value: Uint8Array): Uint8Array | null {
    const kept = this.#below.xattrAsStored(kind, name, value);
    return kept || name.isWellFormed() ? kept : this.#below.xattrAsStored(kind, escapedXattrName(name), value);
  }
  release(id: ItemId): void {
    this.#keys.delete(id);
    this.#empty.delete(id);
    this.#below.release(id);
  }

  create(folder: ItemId, items: readonly NewItem[]): ItemId[] {
    const keys = this.#keysOf(folder);
    const records: (NameRecord | null)[] = [];
    const stored = items.map((item) => {
      const name = this.#freeName(item.name, keys);
      keys.add(this.#below.nameKey(name));
      records.push(name === item.name ? null : { stored: name, original: item.name });
      return name === item.name ? item : { ...item, name };
    });
    const ids = this.#below.create(folder, stored);
    for (const [i, id] of ids.entries()) if (items[i]?.kind === 'directory') this.#empty.add(id);
    for (const [i, id] of ids.entries()) {
      const record = records[i];
      if (record) this.#below.setXattr(id, NAME_ATTRIBUTE, formatNameRecords([record]));
      this.#keepTimes(id, items[i] as NewItem);
    }
    return ids;
  }
  link(folder: ItemId, name: string, id: ItemId): void {
    const keys = this.#keysOf(folder);
    const stored = this.#freeName(name, keys);
    this.#below.link(folder, stored, id);
    keys.add(this.#below.nameKey(stored));
    if (stored !== name) this.#setRecords(id, [...this.#records(id), { stored, original: name }]);
  }
  remove(folder: ItemId, name: string): void {
    const item = this.#require(folder, name);
    const stored = item.stored ?? item.name;
    if (item.stored !== undefined && item.nlink > 1) this.#dropRecord(item.id, stored);
    this.#below.remove(folder, stored);
    this.#keys.get(folder)?.delete(this.#below.nameKey(stored));
  }
  rename(folder: ItemId, name: string, toFolder: ItemId, toName: string): void {
    const item = this.#require(folder, name);
    const from = item.stored ?? item.name;
    const keys = this.#keysOf(toFolder);
    if (folder === toFolder) keys.delete(this.#below.nameKey(from));
    const to = this.#freeName(toName, keys);
    this.#below.rename(folder, from, toFolder, to);
    this.#keys.get(folder)?.delete(this.#below.nameKey(from));
    keys.add(this.#below.nameKey(to));
    if (item.stored === undefined && to === toName) return;
    const others = this.#records(item.id).filter((record) => record.stored !== from);
    this.#setRecords(item.id, to === toName ? others : [...others, { stored: to, original: toName }]);
  }
  setAttributes(id: ItemId, change: AttributeChange): void {
    this.#below.setAttributes(id, change);
    if (change.mtime !== undefined) this.#keepTimes(id, { mtime: change.mtime, mtimeNanos: change.mtimeNanos ?? 0 });
  }
  write(id: ItemId, position: number, source: Uint8Array): void {
    this.#below.write(id, position, source);
  }
  truncate(id: ItemId, size: number): void {
    this.#below.truncate(id, size);
  }
  setXattr(id: ItemId, name: string, value: Uint8Array | null): void {
    const isKept = name.isWellFormed() || this.#below.xattrAsStored('file', name, NOTHING) !== null;
    this.#below.setXattr(id, isKept ? name : escapedXattrName(name), value);
  }
  clone(folder: ItemId, name: string, id: ItemId): ItemId {
    const keys = this.#keysOf(folder);
    const stored = this.#freeName(name, keys);
    const clone = this.#below.clone(folder, stored, id);
    keys.add(this.#below.nameKey(stored));
    this.#setRecords(clone, stored === name ? [] : [{ stored, original: name }]);
    return clone;
  }

  /** What is known of an item beyond what the volume below shows. */
  #original(item: Item): NamedItem {
    if (!item.hasXattrs) return item;
    let changed: NamedItem = item;
    for (const record of this.#records(item.id))
      if (record.stored === item.name && couldBeStoredAs(record.original, record.stored, this.#below))
        changed = { ...changed, name: record.original, stored: record.stored };
    if (this.#isClamped(item)) changed = { ...changed, ...this.#keptTimes(item.id) };
    if (item.kind !== 'file' && item.kind !== 'directory') changed = this.#joined(changed);
    return changed;
  }
  #joined(item: NamedItem): NamedItem {
    const link = this.#below.xattr(item.id, LINK_ATTRIBUTE);
    if (!link) return item;
    const key = Buffer.from(link).toString('hex');
    const inode = this.#linked.get(key) ?? item.inode;
    this.#linked.set(key, inode);
    return { ...item, inode, nlink: Math.max(2, item.nlink) };
  }
  #isClamped(item: Item): boolean {
    const { first, last } = this.traits.timeRange;
    return item.mtime === first || item.mtime === last;
  }
  #keptTimes(id: ItemId): { mtime: number; mtimeNanos: number } | null {
    const value = this.#below.xattr(id, TIMES_ATTRIBUTE);
    const match = value && /^mtime (-?\d{1,15}) (\d{1,9})$/.exec(Buffer.from(value).toString('latin1'));
    return match ? { mtime: Number(match[1]), mtimeNanos: Number(match[2]) } : null;
  }
  #keepTimes(id: ItemId, times: { readonly mtime: number; readonly mtimeNanos: number }): void {
    const { first, last } = this.traits.timeRange;
    if (times.mtime < first || times.mtime > last)
      this.#below.setXattr(id, TIMES_ATTRIBUTE, Buffer.from(`mtime ${times.mtime} ${times.mtimeNanos}`));
  }
  #records(id: ItemId): NameRecord[] {
    const value = this.#below.xattr(id, NAME_ATTRIBUTE);
    return value ? parseNameRecords(value) : [];
  }
  #setRecords(id: ItemId, records: readonly NameRecord[]): void {
    this.#below.setXattr(id, NAME_ATTRIBUTE, records.length > 0 ? formatNameRecords(records) : null);
  }
  #dropRecord(id: ItemId, stored: string): void {
    this.#setRecords(
      id,
      this.#records(id).filter((record) => record.stored !== stored),
    );
  }
  #require(folder: ItemId, name: string): NamedItem {
    const item = this.lookup(folder, name);
    assert(item !== null, 'an item that is changed exists');
    return item;
  }
  #freeName(original: string, keys: ReadonlySet<string>): string {
    const stored = this.#below.nameAsStored(original);
    if (stored !== null && !keys.has(this.#below.nameKey(stored))) return stored;
    for (let digits = 8; ; digits += 8) {
      const escaped = escapedName(original, this.#below, digits);
      if (digits >= 64 || !keys.has(this.#below.nameKey(escaped))) return escaped;
    }
  }
  #keysOf(folder: ItemId): Set<string> {
    let keys = this.#keys.get(folder);
    if (!keys) {
      const items = this.#empty.delete(folder) ? [] : this.#below.list(folder);
      keys = new Set(items.map((item) => this.#below.nameKey(item.name)));
      const oldest = this.#keys.size >= FOLDERS_REMEMBERED ? this.#keys.keys().next().value : undefined;
      if (oldest !== undefined) this.#keys.delete(oldest);
      this.#keys.set(folder, keys);
    }
    return keys;
  }
}
