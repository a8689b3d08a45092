// Changes of a volume's tree: items made, linked, removed, renamed, cloned. Each call asks for all the room it may need first,
// so that nothing is half-done when there is none. See docs/formats/apfs.md.

import { assert, type NewItem, nameFromBytes, nameToBytes } from '@tintype/core';
import { isStorable, nameHash } from '../names.js';
import { get64, put64, viewOf } from '../object.js';
import { putNameValue } from '../records/directory-record.js';
import { FIELD, findField } from '../records/inode-record.js';
import { Siblings } from '../records/siblings.js';
import type { StreamRecords } from '../records/stream-records.js';
import { DirectoryValue, INODE_FLAGS, InodeValue, RECORD_TYPE } from '../structs/records.js';
import { INODE } from '../structs/volume.js';
import { putTime } from '../time.js';
import type { Catalog, NamePlace } from './catalog.js';
import type { DataStreams } from './data-streams.js';
import { newInode, renamed, TYPE } from './inode-draft.js';
import type { Mounted } from './mounted.js';
import { SYMLINK_XATTR, type XattrWriter } from './xattr-writer.js';

const at = InodeValue.at;
/** Bytes of a directory record and an inode record, beside the name in each. */
const RECORD_BYTES = 190;

interface Prepared {
  readonly item: NewItem;
  readonly name: Uint8Array;
  readonly canonical: string;
  readonly hash: number;
  id: number;
}

/** What the volume's parts are to each other. */
export interface Parts {
  readonly volume: Mounted;
  readonly catalog: Catalog;
  readonly streams: DataStreams;
  readonly records: StreamRecords;
  readonly xattrs: XattrWriter;
}

/** Records of extents in a leaf, at least: those of fewer are joined. */
const EXTENTS_IN_LEAF = 16;

export class Structure {
  readonly #volume: Mounted;
  readonly #catalog: Catalog;
  readonly #streams: DataStreams;
  readonly #records: StreamRecords;
  readonly #xattrs: XattrWriter;
  readonly #siblings: Siblings;

  constructor({ volume, catalog, streams, records, xattrs }: Parts) {
    this.#volume = volume;
    this.#catalog = catalog;
    this.#streams = streams;
    this.#records = records;
    this.#xattrs = xattrs;
    this.#siblings = new Siblings(catalog);
  }

  /** Creates items of one folder; answers their ids in the order given. @throws VolumeFullError, with nothing changed */
  create(folder: number, items: readonly NewItem[]): number[] {
    if (items.length === 0) return [];
    const prepared = items.map((item): Prepared => {
      assert(isStorable(item.name), 'a new name can be stored');
      const canonical = this.#catalog.canonical(item.name);
      const hash = this.#volume.isHashed ? nameHash(canonical) : 0;
      return { item, name: nameToBytes(item.name), canonical, hash, id: 0 };
    });
    this.#reserve(folder, prepared);
    const sorted = [...prepared].sort((a, b) => a.hash - b.hash || Buffer.compare(a.name, b.name));
    const others = sorted.filter(({ item }) => item.kind !== 'directory');
    const folders = sorted.filter(({ item }) => item.kind === 'directory');
    for (const entry of [...others, ...folders]) entry.id = this.#volume.newId();
    const now = this.#volume.place.now();
    const { tree } = this.#catalog;
    tree.inRun = true;
    for (const { item, name, canonical, id } of sorted) {
      this.#catalog.putDirectoryKey(folder, name, canonical);
      this.#putName({ id, type: TYPE[item.kind], sibling: 0 }, now);
      tree.insert(this.#catalog.record);
    }
    for (const entry of [...others, ...folders]) this.#insertInode(folder, entry);
    tree.inRun = false;
    this.#countChildren(folder, sorted.length);
    return prepared.map(({ id }) => id);
  }
  #reserve(folder: number, prepared: readonly Prepared[]): void {
    const { view, at: place } = this.#catalog.inode(folder);
    assert(view.getUint16(place + at.mode, true) >>> 12 === TYPE.directory, 'items are made in a folder');
    const children = view.getUint32(place + at.nchildren_or_nlink, true);
    let bytes = 0;
    for (const { item, name } of prepared) bytes += RECORD_BYTES + 2 * name.length + Buffer.byteLength(item.target);
    this.#volume.require({ catalog: Math.min(prepared.length, children + 1) + 3, bytes });
  }
  #insertInode(folder: number, { item, id }: Prepared): void {
    const value = newInode(item, { id, parent: folder });
    if (item.kind === 'file' && item.size > 0) this.#streams.create(id, value, item.size);
    else {
      this.#catalog.putKey(id, RECORD_TYPE.inode);
      this.#catalog.putValue(value);
      this.#catalog.tree.insert(this.#catalog.record);
    }
    if (item.kind === 'symlink') this.#xattrs.putNew(id, SYMLINK_XATTR, Buffer.concat([nameToBytes(item.target), NUL]));
    this.#volume.add(COUNTERS[TYPE[item.kind]] ?? 'apfs_num_other_fsobjects', 1);
  }
  /** Value of a directory record behind its key. */
  #putName({ id, type, sibling }: Pick<NamePlace, 'id' | 'type' | 'sibling'>, added: number): void {
    const value = putNameValue(this.#catalog.record, id, type, sibling);
    putTime(this.#catalog.record.view, value + DirectoryValue.at.date_added, added, 0);
  }
  #insertName(folder: number, name: string, entry: Pick<NamePlace, 'id' | 'type' | 'sibling'>): void {
    this.#catalog.putDirectoryKey(folder, nameToBytes(name), this.#catalog.canonical(name));
    this.#putName(entry, this.#volume.place.now());
    this.#catalog.tree.insert(this.#catalog.record);
  }
  #removeName(folder: number, { name }: NamePlace): void {
    this.#catalog.putDirectoryKey(folder, name, this.#catalog.canonical(nameFromBytes(name)));
    assert(this.#catalog.tree.remove(this.#catalog.record), 'a name that is removed was there');
  }
  #countChildren(folder: number, change: number): void {
    const { view, at: place } = this.#catalog.inodeToChange(folder);
    const count = place + at.nchildren_or_nlink;
    view.setUint32(count, Math.max(0, view.getUint32(count, true) + change), true);
  }

  link(folder: number, name: string, id: number): void {
    assert(isStorable(name), 'a new name can be stored');
    this.#volume.require({ catalog: 10 });
    this.#streams.flushOf(id);
    const value = this.#catalog.inodeValue(id);
    const view = viewOf(value);
    const type = view.getUint16(at.mode, true) >>> 12;
    assert(type !== TYPE.directory, 'a folder has one name');
    if (!this.#siblings.has(id)) this.#giveFirstSibling(id, value);
    const sibling = this.#volume.newId();
    this.#siblings.insert(id, sibling, folder, name);
    this.#insertName(folder, name, { id, type, sibling });
    const place = this.#catalog.inodeToChange(id);
    const count = place.at + at.nchildren_or_nlink;
    place.view.setUint32(count, place.view.getUint32(count, true) + 1, true);
    this.#countChildren(folder, 1);
  }
  /** The only name so far becomes the first of several. */
  #giveFirstSibling(id: number, value: Uint8Array): void {
    const view = viewOf(value);
    const parent = get64(view, at.parent_id);
    const name = nameOf(value);
    const entry = this.#catalog.findName(parent, name);
    assert(entry !== null && entry.id === id, 'an inode has its name in its folder');
    const sibling = this.#volume.newId();
    this.#siblings.insert(id, sibling, parent, nameFromBytes(entry.name));
    this.#removeName(parent, entry);
    this.#insertName(parent, nameFromBytes(entry.name), { ...entry, sibling });
  }

  remove(folder: number, name: string): void {
    const entry = this.#required(folder, name);
    this.#streams.forget(entry.id);
    const value = this.#catalog.inodeValue(entry.id);
    const links = viewOf(value).getUint32(at.nchildren_or_nlink, true);
    const stream = get64(viewOf(value), at.private_id);
    const freed = entry.type === TYPE.file && links <= 1 ? this.#records.extents(stream).length : 0;
    this.#volume.require({ catalog: 5 + Math.floor(freed / EXTENTS_IN_LEAF), references: freed }, 'removal');
    if (entry.type === TYPE.directory) {
      assert(links === 0, 'a folder that is removed is empty');
      this.#removeItem(entry, value);
    } else if (links > 1) this.#removeLink(entry);
    else this.#removeItem(entry, value);
    this.#removeName(folder, entry);
    this.#countChildren(folder, -1);
  }
  #required(folder: number, name: string): NamePlace {
    const entry = this.#catalog.findName(folder, name);
    assert(entry !== null && entry.id >= INODE.firstUser, 'an item that is removed or renamed exists');
    return entry;
  }
  #removeItem({ id, type }: NamePlace, value: Uint8Array): void {
    this.#xattrs.freeStreams(id);
    const view = viewOf(value);
    if (findField(view, InodeValue.size, value.length, FIELD.dstream)) {
      const stream = get64(view, at.private_id);
      if (this.#records.unuse(stream)) this.#records.free(stream);
    }
    this.#siblings.removeMaps(id);
    const own: readonly number[] = [RECORD_TYPE.inode, RECORD_TYPE.xattr, RECORD_TYPE.siblingLink];
    this.#catalog.removeAll(id, (each) => own.includes(each));
    this.#volume.add(COUNTERS[type] ?? 'apfs_num_other_fsobjects', -1);
  }
  /** One name of several; the inode bears the name of the first that is left. */
  #removeLink({ id, sibling }: NamePlace): void {
    if (sibling > 0) this.#siblings.remove(id, sibling);
    const first = this.#siblings.first(id);
    let value = this.#catalog.inodeValue(id);
    if (first) value = renamed(value, first.name, first.parent);
    const view = viewOf(value);
    view.setUint32(at.nchildren_or_nlink, view.getUint32(at.nchildren_or_nlink, true) - 1, true);
    this.#catalog.replaceInode(id, value);
  }

  rename(folder: number, name: string, toFolder: number, toName: string): void {
    assert(isStorable(toName), 'a new name can be stored');
    const entry = this.#required(folder, name);
    this.#volume.require({ catalog: 10 });
    this.#streams.flushOf(entry.id);
    this.#removeName(folder, entry);
    this.#insertName(toFolder, toName, entry);
    if (entry.sibling > 0) this.#siblings.rename(entry.id, entry.sibling, toFolder, toName);
    const first = entry.sibling > 0 ? this.#siblings.first(entry.id) : null;
    if (!first || first.sibling === entry.sibling)
      this.#catalog.replaceInode(entry.id, renamed(this.#catalog.inodeValue(entry.id), toName, toFolder));
    if (folder === toFolder) return;
    this.#countChildren(folder, -1);
    this.#countChildren(toFolder, 1);
  }

  /** A new file that shares the stream of another, and has attributes of its own. */
  clone(folder: number, name: string, id: number): number {
    assert(isStorable(name), 'a new name can be stored');
    this.#streams.forget(id);
    const value = renamed(this.#catalog.inodeValue(id), name, folder);
    const view = viewOf(value);
    assert(view.getUint16(at.mode, true) >>> 12 === TYPE.file, 'only files are cloned');
    this.#xattrs.requireCopies(id);
    const clone = this.#volume.newId();
    view.setUint32(at.nchildren_or_nlink, 1, true);
    if (findField(view, InodeValue.size, value.length, FIELD.dstream)) {
      this.#records.use(get64(view, at.private_id));
      const source = this.#catalog.inodeToChange(id);
      const flags = source.at + at.internal_flags;
      source.view.setUint32(flags, source.view.getUint32(flags, true) | INODE_FLAGS.wasEverCloned, true);
      const both = INODE_FLAGS.wasCloned | INODE_FLAGS.wasEverCloned;
      view.setUint32(at.internal_flags, view.getUint32(at.internal_flags, true) | both, true);
    } else put64(view, at.private_id, clone);
    this.#catalog.putKey(clone, RECORD_TYPE.inode);
    this.#catalog.putValue(value);
    this.#catalog.tree.insert(this.#catalog.record);
    this.#xattrs.copyAll(id, clone);
    this.#insertName(folder, name, { id: clone, type: TYPE.file, sibling: 0 });
    this.#countChildren(folder, 1);
    this.#volume.add('apfs_num_files', 1);
    return clone;
  }
}

const NUL = Uint8Array.of(0);

/** By type: what counts such items. */
const COUNTERS: Readonly<Record<number, 'apfs_num_files' | 'apfs_num_directories' | 'apfs_num_symlinks'>> = {
  [TYPE.file]: 'apfs_num_files',
  [TYPE.directory]: 'apfs_num_directories',
  [TYPE.symlink]: 'apfs_num_symlinks',
};

/** The primary name that stands in an inode's value. */
function nameOf(value: Uint8Array): string {
  const field = findField(viewOf(value), InodeValue.size, value.length, FIELD.name);
  return field ? nameFromBytes(value.subarray(field.at, field.at + Math.max(0, field.size - 1))) : '';
}
