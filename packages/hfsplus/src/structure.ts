// Changes of the tree's structure: creating, linking, removing, renaming. Each leaves all counts right.

import { assert, CorruptError, type NewItem, nameToBytes, UnsupportedError } from '@tintype/core';
import type { DataForks } from './data-fork.js';
import { applyChange, typeBits } from './item.js';
import type { Mounted } from './mounted.js';
import { foldName, storable } from './names.js';
import type { Attributes } from './records/attributes.js';
import { type Catalog, idAt, keyAt, type NamePath, type Place } from './records/catalog.js';
import { draftItem, key, keySize, putKey } from './records/catalog-records.js';
import type { HardLinks } from './records/hard-links.js';
import { BsdInfo, CatalogFile, CatalogFolder, RECORD_FLAGS, RECORD_TYPE } from './structs/catalog.js';
import { CNID } from './structs/volume-header.js';

const SYMLINK_TYPE = Buffer.from('slnkrhap');

interface Prepared {
  readonly item: NewItem;
  readonly name: string;
  readonly sortKey: string;
  /** Of a symlink. */
  readonly target: Uint8Array | null;
  id: number;
}

export class Structure {
  readonly #volume: Mounted;
  readonly #catalog: Catalog;
  readonly #forks: DataForks;
  readonly #attributes: Attributes;
  readonly #links: HardLinks;

  constructor(volume: Mounted, catalog: Catalog, forks: DataForks, attributes: Attributes, links: HardLinks) {
    this.#volume = volume;
    this.#catalog = catalog;
    this.#forks = forks;
    this.#attributes = attributes;
    this.#links = links;
  }

  /** Creates items of one folder; answers their ids in the order given. @throws VolumeFullError, with nothing changed */
  create(folder: number, items: readonly NewItem[]): number[] {
    if (items.length === 0) return [];
    const { caseSensitive, ids, header } = this.#volume;
    const prepared = items.map((item): Prepared => {
      const name = storable(item.name);
      assert(name !== null, 'a new name can be stored');
      const target = item.kind === 'symlink' ? nameToBytes(item.target) : null;
      return { item, name, sortKey: caseSensitive ? name : foldName(name), target, id: 0 };
    });
    const sorted = [...prepared].sort((a, b) => (a.sortKey < b.sortKey ? -1 : a.sortKey > b.sortKey ? 1 : 0));
    this.#reserve(folder, sorted);
    const others = sorted.filter(({ item }) => item.kind !== 'directory');
    const folders = sorted.filter(({ item }) => item.kind === 'directory');
    for (const entry of others) entry.id = ids.take();
    for (const entry of folders) entry.id = ids.take();
    this.#insertAll(folder, sorted, [...others, ...folders]);
    this.#count(folder, sorted.length, folders.length);
    header.fileCount += others.length;
    header.folderCount += folders.length;
    for (const { target, id } of others) if (target) this.#forks.write(id, 'data', 0, target);
    return prepared.map(({ id }) => id);
  }

  /** Records by name, then threads by id: two runs of ascending keys. */
  #insertAll(folder: number, byName: readonly Prepared[], byId: readonly Prepared[]): void {
    const { tree } = this.#catalog;
    tree.inRun = true;
    try {
      for (const entry of byName) this.#insert(folder, entry);
      for (const { item, id, name } of byId)
        this.#catalog.putThread(item.kind === 'directory' ? 'folder' : 'file', id, { parent: folder, name });
    } finally {
      tree.inRun = false;
    }
  }

  /** Room for new items: nodes of the catalog, and blocks for the targets of symlinks. @throws VolumeFullError */
  #reserve(folder: number, sorted: readonly Prepared[]): void {
    const { tree } = this.#catalog;
    const { blockSize, allocation, ids } = this.#volume;
    let bytes = 0;
    let blocks = 0;
    for (const { name, item, target } of sorted) {
      bytes +=
        keySize(name) + (item.kind === 'directory' ? CatalogFolder.size : CatalogFile.size) + 22 + 2 * name.length;
      if (target) blocks += Math.ceil(target.length / blockSize);
    }
    const parent = this.#catalog.recordOf(folder);
    if (parent.type !== RECORD_TYPE.folder) throw new CorruptError('catalog', 'recordType', folder, 'is no folder');
    const children = parent.node.view.getUint32(parent.at + CatalogFolder.at.valence);
    const threadGaps = ids.areReused ? sorted.length : 1;
    const most = Math.min(sorted.length, children + 1) + threadGaps;
    const gaps = tree.hasRoomForRuns(bytes, most) ? most : this.#gaps(folder, sorted) + threadGaps;
    tree.reserveRuns(bytes, gaps);
    if (blocks > allocation.available) throw allocation.full(blocks * blockSize);
  }

  /** In how many leaves the records would go. */
  #gaps(folder: number, sorted: readonly Prepared[]): number {
    let gaps = 0;
    let last = 0;
    for (const { name } of sorted) {
      const leaf = this.#catalog.tree.find(key(folder, name))?.leaf.number ?? 0;
      if (leaf !== last) gaps += 1;
      last = leaf;
    }
    return gaps;
  }

  #insert(folder: number, { item, name, id }: Prepared): void {
    const { epoch, caseSensitive } = this.#volume;
    const isFolder = item.kind === 'directory';
    const { record, view, at } = draftItem(isFolder ? 'folder' : 'file', folder, name);
    const bsd = at + CatalogFile.at.bsdInfo;
    view.setUint32(at + CatalogFile.at.fileID, id);
    view.setUint16(bsd + BsdInfo.at.fileMode, typeBits(item.kind));
    if (isFolder && caseSensitive) view.setUint16(at + CatalogFolder.at.flags, RECORD_FLAGS.hasFolderCount);
    if (item.kind === 'symlink') record.set(SYMLINK_TYPE, at + CatalogFile.at.userInfo);
    if (item.kind === 'char' || item.kind === 'block')
      view.setUint32(bsd + BsdInfo.at.special, ((item.rdevMajor << 24) | (item.rdevMinor & 0xff_ffff)) >>> 0);
    applyChange({ view, at, type: isFolder ? RECORD_TYPE.folder : RECORD_TYPE.file }, item, epoch);
    this.#catalog.tree.insert(record, view);
    if (item.size > 0 && item.kind === 'file') this.#forks.expect(id, item.size);
  }

  link(folder: number, name: string, id: number): void {
    const stored = storable(name);
    assert(stored !== null, 'a new name can be stored');
    this.#forks.flushOf(id);
    this.#catalog.tree.reserve(10);
    const { folder: hidden, made } = this.#links.requireFolder();
    if (made > 0) {
      this.#count(CNID.rootFolder, made, made);
      this.#volume.header.folderCount += made;
    }
    const path = this.#requirePath(id);
    if (path.parent !== hidden.id) this.#becomeInode(id, path, hidden);
    const inode = this.#catalog.recordOf(id);
    const { view } = inode.node;
    const reference = Number(this.#requirePath(id).name.slice(5));
    const first = view.getUint32(inode.at + CatalogFile.at.reserved1);
    const special = inode.at + CatalogFile.at.bsdInfo + BsdInfo.at.special;
    const linkId = this.#volume.ids.take();
    view.setUint32(inode.at + CatalogFile.at.reserved1, linkId);
    view.setUint32(special, view.getUint32(special) + 1);
    inode.node.dirty = true;
    this.#links.setPrevious(first, linkId);
    this.#links.putLink(reference, hidden.created, {
      id: linkId,
      parent: folder,
      name: stored,
      previous: 0,
      next: first,
    });
    this.#count(folder, 1, 0);
    this.#volume.header.fileCount += 1;
  }

  /** Moves a plain file to the private folder; its name becomes the first link. */
  #becomeInode(id: number, path: NamePath, hidden: { readonly id: number; readonly created: number }): void {
    const linkId = this.#volume.ids.take();
    this.#move(id, path, { parent: hidden.id, name: `iNode${id}` });
    const { node, at } = this.#catalog.recordOf(id);
    node.view.setUint16(
      at + CatalogFile.at.flags,
      node.view.getUint16(at + CatalogFile.at.flags) | RECORD_FLAGS.hasLinkChain,
    );
    node.view.setUint32(at + CatalogFile.at.reserved1, linkId);
    node.view.setUint32(at + CatalogFile.at.bsdInfo + BsdInfo.at.special, 1);
    node.dirty = true;
    this.#links.putLink(id, hidden.created, { id: linkId, ...path, previous: 0, next: 0 });
    this.#count(hidden.id, 1, 0);
    this.#volume.header.fileCount += 1;
  }

  remove(folder: number, name: string): void {
    const { place, id, stored } = this.#required(folder, name);
    this.#catalog.tree.reserveRemovals(4);
    this.#attributes.reserveRemoval();
    if (place.type === RECORD_TYPE.folder) this.#removeFolder(folder, stored, id, place);
    else if (this.#links.isFileLink(place) && this.#links.target(place)) this.#removeLink(folder, stored, id, place);
    else this.#removeFile({ parent: folder, name: stored }, id);
  }

  /** An item that is to be changed by its name. @throws UnsupportedError for a hard link to a folder */
  #required(folder: number, name: string): { place: Place; id: number; stored: string } {
    const place = this.#catalog.findNamed(folder, name);
    const id = place && idAt(place);
    assert(place !== null && id !== null, 'an item that is removed or renamed exists');
    if (this.#links.isFolderLink(place)) throw new UnsupportedError('hard links to folders are only read');
    return { place, id, stored: keyAt(place.node, place.index).name };
  }

  #removeFolder(parent: number, name: string, id: number, { node, at }: Place): void {
    assert(node.view.getUint32(at + CatalogFolder.at.valence) === 0, 'a folder that is removed is empty');
    this.#attributes.removeAll(id);
    this.#catalog.tree.remove(key(parent, name));
    this.#catalog.removeThread(id);
    this.#count(parent, -1, -1);
    this.#volume.header.folderCount -= 1;
  }

  #removeFile(path: NamePath, id: number): void {
    this.#forks.free(id);
    this.#attributes.removeAll(id);
    this.#catalog.tree.remove(key(path.parent, path.name));
    this.#catalog.removeThread(id);
    this.#count(path.parent, -1, 0);
    this.#volume.header.fileCount -= 1;
  }

  #removeLink(folder: number, name: string, linkId: number, place: Place): void {
    const inode = this.#links.target(place) as Place;
    const inodeId = idAt(inode) as number;
    const { previous, next } = this.#links.neighbours(place);
    this.#catalog.tree.remove(key(folder, name));
    this.#catalog.removeThread(linkId);
    this.#count(folder, -1, 0);
    this.#volume.header.fileCount -= 1;
    this.#links.setNext(previous, next);
    this.#links.setPrevious(next, previous);
    const { node, at } = this.#catalog.recordOf(inodeId);
    const special = at + CatalogFile.at.bsdInfo + BsdInfo.at.special;
    const left = node.view.getUint32(special) - 1;
    if (previous === 0) node.view.setUint32(at + CatalogFile.at.reserved1, next);
    node.view.setUint32(special, Math.max(0, left));
    node.dirty = true;
    if (left <= 0) this.#removeFile(this.#requirePath(inodeId), inodeId);
  }

  rename(folder: number, name: string, toFolder: number, toName: string): void {
    const to = storable(toName);
    assert(to !== null, 'a new name can be stored');
    const { place, id, stored } = this.#required(folder, name);
    this.#forks.flushOf(id);
    const isFolder = place.type === RECORD_TYPE.folder;
    this.#catalog.tree.reserve(2);
    this.#catalog.tree.reserveRemovals(2);
    this.#move(id, { parent: folder, name: stored }, { parent: toFolder, name: to });
    if (folder === toFolder) return;
    this.#count(folder, -1, isFolder ? -1 : 0);
    this.#count(toFolder, 1, isFolder ? 1 : 0);
  }

  /** Moves a record and rewrites its thread. Counts are the caller's. */
  #move(id: number, from: NamePath, to: NamePath): void {
    const place = this.#catalog.find(from.parent, from.name);
    assert(place !== null, 'an item that is moved exists');
    const { node, index, at, type } = place;
    const data = node.bytes.slice(at, node.at(index) + node.recordLength(index));
    this.#catalog.tree.remove(key(from.parent, from.name));
    this.#catalog.tree.insert(putKey(to.parent, to.name, data));
    this.#catalog.removeThread(id);
    this.#catalog.putThread(type === RECORD_TYPE.folder ? 'folder' : 'file', id, to);
  }

  /** Adds to a folder's counts. */
  #count(folder: number, items: number, folders: number): void {
    const { node, at, type } = this.#catalog.recordOf(folder);
    if (type !== RECORD_TYPE.folder) throw new CorruptError('catalog', 'recordType', folder, 'is no folder');
    const { view } = node;
    view.setUint32(at + CatalogFolder.at.valence, Math.max(0, view.getUint32(at + CatalogFolder.at.valence) + items));
    if ((view.getUint16(at + CatalogFolder.at.flags) & RECORD_FLAGS.hasFolderCount) !== 0)
      view.setUint32(
        at + CatalogFolder.at.folderCount,
        Math.max(0, view.getUint32(at + CatalogFolder.at.folderCount) + folders),
      );
    node.dirty = true;
    this.#volume.headerChanged = true;
  }

  #requirePath(id: number): NamePath {
    const path = this.#catalog.pathOf(id);
    if (!path) throw new CorruptError('catalog', 'thread', id, 'is missing');
    return path;
  }
}
