// Names and what tells of them: an inode knows its primary name, and of an item with several names each has a record of its own.
// A name that is there is right. One that is not there, but has a record, is put back while the inode counts more names than
// there are; else the record goes.

import { nameToBytes } from '@tintype/core';
import type { DirectoryEntry, ItemFacts } from '../check/catalog.js';
import type { VolumeFacts } from '../check/container.js';
import { put64 } from '../object.js';
import { putNameValue } from '../records/directory-record.js';
import { Siblings } from '../records/siblings.js';
import { DirectoryValue, RECORD_TYPE } from '../structs/records.js';
import { INODE } from '../structs/volume.js';
import { Catalog } from '../writing/catalog.js';
import { renamed, TYPE } from '../writing/inode-draft.js';
import type { Mounted } from '../writing/mounted.js';
import { putRecord } from './records.js';

const RECORD_BYTES = 700;
const DATE_BYTES = 8;

interface LinkRecord {
  readonly id: number;
  readonly folder: number;
  readonly name: string;
}

/** Answers what was done. Facts of the items are brought up to date with it. */
export function mendNames(volume: Mounted, { catalog: { items, entries, siblingMaps } }: VolumeFacts): string[] {
  const names = new Map<number, DirectoryEntry[]>();
  for (const entry of entries) {
    const known = names.get(entry.id);
    if (known) known.push(entry);
    else names.set(entry.id, [entry]);
  }
  const mending = new NameMending(volume, items, siblingMaps);
  for (const item of items.values()) mending.item(item, names.get(item.inode.id) ?? []);
  return mending.acts;
}

class NameMending {
  readonly acts: string[] = [];
  readonly #volume: Mounted;
  readonly #catalog: Catalog;
  readonly #siblings: Siblings;
  readonly #items: ReadonlyMap<number, ItemFacts>;
  readonly #maps: ReadonlyMap<number, number>;

  constructor(volume: Mounted, items: ReadonlyMap<number, ItemFacts>, maps: ReadonlyMap<number, number>) {
    this.#volume = volume;
    this.#catalog = new Catalog(volume);
    this.#siblings = new Siblings(this.#catalog);
    this.#items = items;
    this.#maps = maps;
  }

  item(item: ItemFacts, entries: DirectoryEntry[]): void {
    const { inode, siblings, names } = item;
    if (entries.some(({ folder }) => folder === INODE.purgeable || folder === INODE.privateFolder)) return;
    if (siblings === null && names <= 1) {
      if (entries[0] && inode.id >= INODE.firstUser) this.#primary(item, entries[0]);
      return;
    }
    if (inode.kind === 'directory' || names === 0) return;
    const records: LinkRecord[] = [...(siblings ?? [])];
    for (const record of siblings ?? []) this.#record(item, record, entries, records);
    for (const entry of entries) this.#entry(item, entry, records);
    const first = records.sort((a, b) => a.id - b.id)[0];
    if (first) this.#primary(item, first);
  }

  /** A record without its name. */
  #record(item: ItemFacts, record: LinkRecord, entries: DirectoryEntry[], records: LinkRecord[]): void {
    const { id, kind, links } = item.inode;
    if (entries.some(({ folder, name }) => folder === record.folder && name === record.name)) return;
    this.#require();
    const parent = this.#items.get(record.folder);
    const isFree = parent?.inode.kind === 'directory' && !this.#catalog.findName(record.folder, record.name);
    if (parent && isFree && item.names < links) {
      this.#putName({ ...record, sibling: record.id, inode: id, type: TYPE[kind] }, null);
      entries.push({ folder: record.folder, name: record.name, id, type: TYPE[kind], sibling: record.id });
      parent.children += 1;
      item.names += 1;
      this.#did(`put the name of inode ${id} in folder ${record.folder} back`);
      return;
    }
    this.#siblings.remove(id, record.id);
    records.splice(records.indexOf(record), 1);
    this.#did(`removed the record of a name that inode ${id} has not`);
  }

  /** A name, its record, and the way back from there. */
  #entry(item: ItemFacts, { folder, name, sibling, type }: DirectoryEntry, records: LinkRecord[]): void {
    const { id } = item.inode;
    let record = records.find((each) => each.folder === folder && each.name === name);
    this.#require();
    if (!record) {
      record = { id: this.#linkId(id, sibling, records), folder, name };
      this.#siblings.replace(id, record.id, folder, name);
      records.push(record);
      this.#did(`made the record of a name of inode ${id}`);
    } else if (this.#maps.get(record.id) !== id) this.#putMap(record.id, id);
    if (record.id === sibling) return;
    const found = this.#find(folder, name);
    if (!found) return;
    this.#putName({ folder, name, sibling: record.id, inode: id, type }, found);
    this.#did(`let a name of inode ${id} lead to its record`);
  }

  /** The number that the name has already, if it is no other inode's. */
  #linkId(inode: number, sibling: number, records: readonly LinkRecord[]): number {
    const isFree = sibling >= INODE.firstUser && !records.some(({ id }) => id === sibling);
    const isIts = isFree && (this.#maps.get(sibling) ?? inode) === inode;
    return isIts && !this.#items.has(sibling) ? sibling : this.#volume.newId();
  }

  /** What the inode itself tells. */
  #primary({ inode }: ItemFacts, { folder, name }: Pick<LinkRecord, 'folder' | 'name'>): void {
    if (inode.parent === folder && inode.name === name) return;
    this.#require();
    this.#catalog.replaceInode(inode.id, renamed(this.#catalog.inodeValue(inode.id), name, folder));
    this.#did(`let inode ${inode.id} tell its name`);
  }

  #putMap(sibling: number, inode: number): void {
    const { record } = this.#catalog;
    this.#catalog.putKey(sibling, RECORD_TYPE.siblingMap);
    put64(record.view, record.keyLength, inode);
    record.valueLength = 8;
    putRecord(this.#catalog);
    this.#did(`let a link lead back to inode ${inode}`);
  }

  /** The date of a name that is there. */
  #find(folder: number, name: string): Uint8Array | null {
    const { tree, record } = this.#catalog;
    this.#catalog.putDirectoryKey(folder, nameToBytes(name), this.#catalog.canonical(name));
    if (!tree.find(record)) return null;
    const at = tree.leaf.valueAt(tree.index) + DirectoryValue.at.date_added;
    return tree.leaf.bytes.slice(at, at + DATE_BYTES);
  }
  #putName(
    { folder, name, sibling, inode, type }: Omit<LinkRecord, 'id'> & { sibling: number; inode: number; type: number },
    date: Uint8Array | null,
  ): void {
    const { record } = this.#catalog;
    this.#catalog.putDirectoryKey(folder, nameToBytes(name), this.#catalog.canonical(name));
    const value = putNameValue(record, inode, type, sibling);
    if (date) record.bytes.set(date, value + DirectoryValue.at.date_added);
    putRecord(this.#catalog);
  }
  #require(): void {
    this.#volume.require({ catalog: 6, bytes: RECORD_BYTES });
  }
  #did(act: string): void {
    this.#volume.changed = true;
    this.acts.push(act);
  }
}
