// The one volume of an HFS+ file system, as `WritableVolume`.

import {
  type AttributeChange,
  CorruptError,
  type FileExtent,
  type Item,
  type ItemId,
  type ItemKind,
  type NewItem,
  nameFromBytes,
  UnsupportedError,
  type VolumeTraits,
  type WritableVolume,
  type XattrEntry,
} from '@tintype/core';
import { CompressedFiles, DECMPFS } from './compressed-files.js';
import { DataForks } from './data-fork.js';
import { FINDER_INFO, RESOURCE_FORK, readFinderInfo, UF_HIDDEN, writeFinderInfo } from './finder.js';
import { applyChange, itemOf } from './item.js';
import { isPrivateName, keptXattr, standsInRecord } from './kept-xattrs.js';
import { SYMLINK_LIMIT, XATTR_VALUE_LIMIT } from './limits.js';
import type { Mounted } from './mounted.js';
import { foldName, storable, toShown, toStored } from './names.js';
import { Attributes } from './records/attributes.js';
import { Catalog, idAt, keyAt, type Place, placeAt } from './records/catalog.js';
import { key } from './records/catalog-records.js';
import { HardLinks } from './records/hard-links.js';
import { forksBehind } from './relocation.js';
import { BsdInfo, CatalogFile, CatalogFolder, RECORD_FLAGS, RECORD_TYPE } from './structs/catalog.js';
import { FILE_LINKS_FOLDER, FOLDER_LINKS_FOLDER } from './structs/hard-links.js';
import { CNID } from './structs/volume-header.js';
import { Structure } from './structure.js';
import { volumeTraits } from './traits.js';
import { volumeUuid } from './uuid.js';

const JOURNAL_FILES = ['.journal', '.journal_info_block'];
const UF_COMPRESSED = 0x20;
const SECURITY = 'com.apple.system.Security';
const FLAGS_KEPT = 0x00ff_00df | UF_HIDDEN;

export class HfsVolume implements WritableVolume {
  readonly #volume: Mounted;
  readonly #catalog: Catalog;
  readonly #attributes: Attributes;
  readonly #forks: DataForks;
  readonly #links: HardLinks;
  readonly #structure: Structure;
  readonly #compressed: CompressedFiles;
  /** Keys of the names of the file system's own items in the root folder. */
  readonly #reserved: ReadonlySet<string>;
  readonly snapshots = null;
  readonly traits: VolumeTraits;

  constructor(volume: Mounted) {
    this.#volume = volume;
    this.#catalog = new Catalog(volume.catalog.tree);
    this.#attributes = new Attributes(volume);
    this.#forks = new DataForks(volume, this.#catalog);
    this.#links = new HardLinks(volume, this.#catalog);
    this.#structure = new Structure(volume, this.#catalog, this.#forks, this.#attributes, this.#links);
    this.#compressed = new CompressedFiles(this.#attributes, this.#forks);
    const reserved = [FILE_LINKS_FOLDER, FOLDER_LINKS_FOLDER, ...(volume.isJournaled ? JOURNAL_FILES : [])];
    this.#reserved = new Set(volume.caseSensitive ? reserved : reserved.map(foldName));
    this.traits = volumeTraits({ caseSensitive: volume.caseSensitive, epoch: volume.epoch, flags: FLAGS_KEPT });
  }

  /** All files' blocks from `limit` on move before it; `between` is called after each file. @throws VolumeFullError */
  moveBelow(limit: number, between: () => void): void {
    this.#forks.flush();
    for (const { id, kind } of forksBehind(this.#volume, limit)) {
      this.#forks.moveBelow(id, kind, limit);
      between();
    }
  }

  get name(): string {
    return toShown(this.#catalog.pathOf(CNID.rootFolder)?.name ?? '');
  }
  get uuid(): string {
    return volumeUuid(this.#volume.header.finderInfo);
  }
  get root(): Item {
    return this.#item(this.#catalog.recordOf(CNID.rootFolder), '');
  }
  nameKey(name: string): string {
    const stored = toStored(name);
    return this.#volume.caseSensitive ? stored : foldName(stored);
  }
  nameAsStored(name: string): string | null {
    const stored = storable(name);
    return stored === null || this.#isReserved(stored) ? null : toShown(stored);
  }

  list(folder: ItemId): Item[] {
    this.#forks.flush();
    const items: Item[] = [];
    const links: { place: Place; name: string }[] = [];
    let isThere = false;
    this.#catalog.tree.scan(key(folder, ''), (node, index) => {
      const { parent, name } = keyAt(node, index);
      if (parent !== folder) return false;
      isThere = true;
      const place = placeAt(node, index);
      if (place.type > RECORD_TYPE.file || this.#isPrivate(folder, name)) return true;
      if (this.#links.isFileLink(place) || this.#links.isFolderLink(place)) links.push({ place, name });
      else items.push(this.#item(place, toShown(name)));
      return true;
    });
    if (!isThere) throw new CorruptError('catalog', 'thread', folder, 'the folder has no thread record');
    for (const { place, name } of links) items.push(this.#resolved(place, toShown(name)));
    return items;
  }

  lookup(folder: ItemId, name: string): Item | null {
    this.#forks.flush();
    const place = this.#catalog.findNamed(folder, name);
    if (!place || place.type > RECORD_TYPE.file) return null;
    const stored = keyAt(place.node, place.index).name;
    return this.#isPrivate(folder, stored) ? null : this.#resolved(place, toShown(stored));
  }

  stat(id: ItemId): Item {
    this.#forks.flushOf(id);
    const path = this.#catalog.pathOf(id);
    const isInode = path !== null && path.parent === this.#links.folder()?.id;
    return this.#item(this.#catalog.recordOf(id), path && !isInode ? toShown(path.name) : '');
  }

  read(id: ItemId, position: number, target: Uint8Array): number {
    if (this.#compressed.isCompressed(this.#catalog.recordOf(id))) return this.#compressed.read(id, position, target);
    return this.#forks.read(id, 'data', position, target);
  }
  extents(id: ItemId): FileExtent[] {
    const { size } = this.stat(id);
    return size === 0 ? [] : [{ position: 0, length: size, kind: 'data' }];
  }
  readlink(id: ItemId): string {
    const size = this.#forks.size(id, 'data');
    if (size > SYMLINK_LIMIT)
      throw new CorruptError('HFSPlusCatalogFile', 'dataFork', id, `a symlink's target has ${size} bytes`);
    const target = new Uint8Array(size);
    this.#forks.read(id, 'data', 0, target);
    return nameFromBytes(target);
  }

  xattrs(id: ItemId): XattrEntry[] {
    const place = this.#catalog.recordOf(id);
    const entries: XattrEntry[] = [];
    if (readFinderInfo(place)) entries.push({ name: FINDER_INFO, size: 32 });
    const isCompressed = this.#compressed.isCompressed(place);
    if (place.type === RECORD_TYPE.file && !isCompressed) {
      const size = this.#forks.size(id, 'resource');
      if (size > 0) entries.push({ name: RESOURCE_FORK, size });
    }
    const hasRecords = this.#hasAttributes(id);
    for (const entry of hasRecords ? this.#attributes.list(id) : [])
      if (!isPrivateName(entry.name) && !(isCompressed && entry.name === DECMPFS)) entries.push(entry);
    return entries;
  }

  xattr(id: ItemId, name: string): Uint8Array | null {
    if (name === FINDER_INFO) return readFinderInfo(this.#catalog.recordOf(id));
    if (name === RESOURCE_FORK) return this.#resourceFork(id);
    if (isPrivateName(name) || !this.#hasAttributes(id)) return null;
    if (name === DECMPFS && this.#compressed.isCompressed(this.#catalog.recordOf(id))) return null;
    return this.#attributes.get(id, name);
  }

  xattrAsStored(kind: ItemKind, name: string, value: Uint8Array): Uint8Array | null {
    return this.#volume.attributes || standsInRecord(name) ? keptXattr(kind, name, value) : null;
  }

  openSnapshot(): WritableVolume {
    throw new UnsupportedError('HFS+ has no snapshots');
  }
  release(_id: ItemId): void {}

  create(folder: ItemId, items: readonly NewItem[]): ItemId[] {
    return this.#structure.create(folder, items);
  }
  link(folder: ItemId, name: string, id: ItemId): void {
    this.#structure.link(folder, name, id);
  }
  remove(folder: ItemId, name: string): void {
    this.#structure.remove(folder, name);
  }
  rename(folder: ItemId, name: string, toFolder: ItemId, toName: string): void {
    this.#structure.rename(folder, name, toFolder, toName);
  }
  setAttributes(id: ItemId, change: AttributeChange): void {
    this.#forks.flushOf(id);
    const place = this.#catalog.recordOf(id);
    applyChange({ view: place.node.view, at: place.at, type: place.type }, change, this.#volume.epoch);
    place.node.dirty = true;
    this.#volume.headerChanged = true;
  }
  write(id: ItemId, position: number, source: Uint8Array): void {
    this.#makePlain(id, 'kept');
    this.#forks.write(id, 'data', position, source);
    this.#volume.headerChanged = true;
  }
  truncate(id: ItemId, size: number): void {
    this.#makePlain(id, size > 0 ? 'kept' : 'dropped');
    this.#forks.truncate(id, 'data', size);
    this.#volume.headerChanged = true;
  }
  setXattr(id: ItemId, name: string, value: Uint8Array | null): void {
    this.#volume.headerChanged = true;
    if (name === FINDER_INFO) {
      this.#forks.flushOf(id);
      writeFinderInfo(this.#catalog.recordOf(id), value);
    } else if (name === RESOURCE_FORK) this.#setResourceFork(id, value);
    else this.#setAttribute(id, name, value);
  }
  clone(): ItemId {
    throw new UnsupportedError('HFS+ has no clones');
  }

  /** Items that are the file system's own, by kind: journal files, private folders, and what stands behind links. */
  get hiddenItems(): { readonly files: number; readonly folders: number } {
    const journal = JOURNAL_FILES.filter(
      (name) => this.#volume.isJournaled && this.#catalog.find(CNID.rootFolder, name),
    ).length;
    const folders = [FILE_LINKS_FOLDER, FOLDER_LINKS_FOLDER].flatMap(
      (name) => this.#catalog.find(CNID.rootFolder, name) ?? [],
    );
    const inodes = folders.map(({ node, at }) => node.view.getUint32(at + CatalogFolder.at.valence));
    return { files: journal + (inodes[0] ?? 0), folders: folders.length };
  }

  /** Puts what is pending into the trees: before a commit. */
  flush(): void {
    this.#forks.flush();
  }

  #setAttribute(id: ItemId, name: string, value: Uint8Array | null): void {
    this.#forks.flushOf(id);
    if (value) this.#attributes.set(id, name, value);
    else this.#attributes.remove(id, name);
    const { node, at } = this.#catalog.recordOf(id);
    const place = at + CatalogFile.at.flags;
    const rest = value ? true : this.#attributes.list(id).length > 0;
    const bits = name === SECURITY ? RECORD_FLAGS.hasAttributes | RECORD_FLAGS.hasSecurity : RECORD_FLAGS.hasAttributes;
    const flags = node.view.getUint16(place);
    node.view.setUint16(
      place,
      rest ? flags | (value ? bits : 0) : flags & ~(RECORD_FLAGS.hasAttributes | RECORD_FLAGS.hasSecurity),
    );
    node.dirty = true;
  }

  #setResourceFork(id: ItemId, value: Uint8Array | null): void {
    if (this.#catalog.recordOf(id).type !== RECORD_TYPE.file)
      throw new UnsupportedError('only files have a resource fork');
    this.#makePlain(id, 'kept');
    const { allocation, blockSize } = this.#volume;
    const blocks = Math.ceil((value?.length ?? 0) / blockSize);
    if (blocks > allocation.available) throw allocation.full(blocks * blockSize);
    this.#forks.truncate(id, 'resource', 0);
    if (value) this.#forks.write(id, 'resource', 0, value);
  }

  /** A compressed file that is about to be changed becomes a plain one. */
  #makePlain(id: ItemId, content: 'kept' | 'dropped'): void {
    if (this.#forks.isOpen(id, 'data') || !this.#compressed.isCompressed(this.#catalog.recordOf(id))) return;
    if (content === 'kept') this.#compressed.expand(id);
    this.#compressed.forget(id);
    this.#forks.truncate(id, 'resource', 0);
    this.#setAttribute(id, DECMPFS, null);
    const { node, at } = this.#catalog.recordOf(id);
    const flags = at + CatalogFile.at.bsdInfo + BsdInfo.at.ownerFlags;
    node.bytes[flags] = (node.bytes[flags] as number) & ~UF_COMPRESSED;
    node.dirty = true;
  }

  #resourceFork(id: ItemId): Uint8Array | null {
    const place = this.#catalog.recordOf(id);
    if (place.type !== RECORD_TYPE.file || this.#compressed.isCompressed(place)) return null;
    const size = this.#forks.size(id, 'resource');
    if (size === 0) return null;
    if (size > XATTR_VALUE_LIMIT)
      throw new UnsupportedError(`a resource fork of ${size} bytes is longer than ${XATTR_VALUE_LIMIT}`);
    const value = new Uint8Array(size);
    this.#forks.read(id, 'resource', 0, value);
    return value;
  }

  #hasAttributes(id: ItemId): boolean {
    const { node, at } = this.#catalog.recordOf(id);
    return (node.view.getUint16(at + CatalogFile.at.flags) & RECORD_FLAGS.hasAttributes) !== 0;
  }

  /** The item of a record; of a link: of what it stands for, under the link's name. */
  #resolved(place: Place, name: string): Item {
    if (this.#links.isFileLink(place)) {
      const target = this.#links.target(place);
      if (target) return this.#item(target, name);
    }
    if (this.#links.isFolderLink(place)) {
      const target = this.#folderLinkTarget(place);
      if (target) return this.#item(target, name);
    }
    return this.#item(place, name);
  }

  #folderLinkTarget({ node, at }: Place): Place | null {
    const id = node.view.getUint32(at + CatalogFile.at.bsdInfo + 12);
    const hidden = this.#catalog.find(CNID.rootFolder, FOLDER_LINKS_FOLDER);
    const folder = hidden && idAt(hidden);
    const target = folder === null ? null : this.#catalog.find(folder, `dir_${id}`);
    return target?.type === RECORD_TYPE.folder ? target : null;
  }

  #item(place: Place, name: string): Item {
    const { epoch, blockSize } = this.#volume;
    const item = itemOf(place, { name, epoch, blockSize });
    if (!this.#compressed.isCompressed(place)) return item;
    const size = this.#compressed.size(item.id);
    return size === null ? item : { ...item, size, allocated: size };
  }

  #isPrivate(folder: ItemId, stored: string): boolean {
    return folder === CNID.rootFolder && this.#isReserved(stored);
  }

  /** Names of the file system's own items in the root folder. */
  #isReserved(stored: string): boolean {
    return this.#reserved.has(this.#volume.caseSensitive ? stored : foldName(stored));
  }
}
