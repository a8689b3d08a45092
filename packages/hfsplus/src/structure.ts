// Changes of the tree's structure: creating, linking, removing, renaming. Each leaves all counts right.

import { assert, CorruptError, type NewItem } from '@tintype/core';
import type { DataForks } from './data-fork.js';
import { applyChange, isFileLink, typeBits } from './item.js';
import { CREATE_BATCH } from './limits.js';
import type { Mounted } from './mounted.js';
import { foldName, storable } from './names.js';
import type { Attributes } from './records/attributes.js';
import { type Catalog, idAt, type NamePath, type Place } from './records/catalog.js';
import { fileRecord, folderRecord, key, keySize, putKey } from './records/catalog-records.js';
import type { HardLinks } from './records/hard-links.js';
import { BsdInfo, CatalogFile, CatalogFolder, RECORD_FLAGS, RECORD_TYPE } from './structs/catalog.js';
import { CNID } from './structs/volume-header.js';

interface Prepared {
  readonly item: NewItem;
  readonly name: string;
  readonly sortKey: string;
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

  /** Creates items of one folder; answers their ids in the order given. */
  create(folder: number, items: readonly NewItem[]): number[] {
    const ids: number[] = [];
    for (let i = 0; i < items.length; i += CREATE_BATCH)
      ids.push(...this.#createBatch(folder, items.slice(i, i + CREATE_BATCH)));
    return ids;
  }

  #createBatch(folder: number, items: readonly NewItem[]): number[] {
    const { caseSensitive } = this.#volume;
    const prepared = items.map((item): Prepared => {
      const name = storable(item.name);
      assert(name !== null, 'a new name can be stored');
      return { item, name, sortKey: caseSensitive ? name : foldName(name), id: 0 };
    });
    const sorted = [...prepared].sort((a, b) => (a.sortKey < b.sortKey ? -1 : a.sortKey > b.sortKey ? 1 : 0));
    let bytes = 0;
    for (const { name, item } of sorted)
      bytes += keySize(name) + (item.kind === 'directory' ? 88 : 248) + 20 + 2 * name.length;
    const links = items.filter((item) => item.kind === 'symlink').length;
    if (links > this.#volume.allocation.available) throw this.#volume.allocation.full(links * this.#volume.blockSize);
    this.#catalog.tree.reserve(2 * sorted.length, bytes);
    for (const entry of sorted) if (entry.item.kind !== 'directory') entry.id = this.#volume.takeId();
    for (const entry of sorted) if (entry.item.kind === 'directory') entry.id = this.#volume.takeId();
    this.#catalog.tree.inRun = true;
    for (const entry of sorted) this.#insert(folder, entry);
    const byId = [...sorted].sort((a, b) => a.id - b.id);
    for (const { item, id, name } of byId)
      this.#catalog.putThread(item.kind === 'directory' ? 'folder' : 'file', id, { parent: folder, name });
    this.#catalog.tree.inRun = false;
    const folders = sorted.filter(({ item }) => item.kind === 'directory').length;
    this.#count(folder, sorted.length, folders);
    this.#volume.header.fileCount += sorted.length - folders;
    this.#volume.header.folderCount += folders;
    for (const { item, id } of sorted)
      if (item.kind === 'symlink') this.#forks.write(id, 'data', 0, Buffer.from(item.target, 'utf8'));
    return prepared.map(({ id }) => id);
  }

  #insert(folder: number, { item, name, id }: Prepared): void {
    const { epoch, caseSensitive } = this.#volume;
    const parts = { id, now: 0, mode: typeBits(item.kind) | (item.mode & 0o7777), uid: item.uid, gid: item.gid };
    const record =
      item.kind === 'directory' ? folderRecord({ ...parts, hasFolderCount: caseSensitive }) : fileRecord(parts);
    if (item.kind === 'symlink') record.userInfo.set(Buffer.from('slnkrhap'));
    if (item.kind === 'char' || item.kind === 'block')
      record.bsdInfo.special = ((item.rdevMajor << 24) | (item.rdevMinor & 0xff_ffff)) >>> 0;
    const bytes = putKey(folder, name, record);
    const view = new DataView(bytes.buffer);
    const type = item.kind === 'directory' ? RECORD_TYPE.folder : RECORD_TYPE.file;
    applyChange({ view, at: keySize(name), type }, item, epoch);
    this.#catalog.tree.insert(bytes);
    if (item.kind === 'file') this.#forks.expect(id, item.size);
  }

  link(folder: number, name: string, id: number): void {
    const stored = storable(name);
    assert(stored !== null, 'a new name can be stored');
    this.#forks.flushOf(id);
    this.#catalog.tree.reserve(10, 2000);
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
    const linkId = this.#volume.takeId();
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
    const linkId = this.#volume.takeId();
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
    const stored = storable(name);
    const place = stored === null ? null : this.#catalog.find(folder, stored);
    assert(place !== null && stored !== null, 'an item that is removed exists');
    const id = idAt(place) as number;
    if (place.type === RECORD_TYPE.folder) this.#removeFolder(folder, stored, id, place);
    else if (isFileLink(place) && this.#links.target(place)) this.#removeLink(folder, stored, id, place);
    else this.#removeFile({ parent: folder, name: stored }, id);
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
    const stored = storable(name);
    const to = storable(toName);
    const place = stored === null ? null : this.#catalog.find(folder, stored);
    assert(
      place !== null && stored !== null && to !== null,
      'an item that is renamed exists, and its new name can be stored',
    );
    const id = idAt(place) as number;
    this.#forks.flushOf(id);
    const isFolder = place.type === RECORD_TYPE.folder;
    this.#catalog.tree.reserve(2, keySize(to) * 2 + 300);
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
