// A volume over what was found: names, attributes and contents, as far as records and blocks are there.

import { type DecompressedFile, openDecmpfs, readDecmpfsHeader } from '@tintype/codec';
import {
  CorruptError,
  type FileExtent,
  type Item,
  type ItemId,
  type ItemKind,
  type LostRange,
  nameFromBytes,
  ReadOnlyVolume,
  UnsupportedError,
  type VolumeTraits,
  type WritableVolume,
  type XattrEntry,
} from '@tintype/core';
import { FINDER_INFO, RESOURCE_FORK, readFinderInfo } from '../finder.js';
import { itemOf } from '../item.js';
import { isPrivateName, keptXattr } from '../kept-xattrs.js';
import { SYMLINK_LIMIT, XATTR_VALUE_LIMIT } from '../limits.js';
import { foldName, storable, toShown, toStored } from '../names.js';
import type { Place } from '../records/catalog.js';
import { BsdInfo, CatalogFile, RECORD_FLAGS, RECORD_TYPE } from '../structs/catalog.js';
import { FORK_TYPE } from '../structs/extents.js';
import { FILE_LINK, FOLDER_LINK } from '../structs/hard-links.js';
import { CNID } from '../structs/volume-header.js';
import { volumeTraits } from '../traits.js';
import { volumeUuid } from '../uuid.js';
import { FoundAttributes } from './attribute-records.js';
import { type ForkShape, forkShape, lostOf, readFork } from './forks.js';
import { type FoundItem, LOST_ID } from './found-items.js';
import type { FoundRecords } from './found-records.js';
import type { Geometry } from './geometry.js';
import { hasType, referenceOf } from './link-records.js';
import { itemPlace, recordBytes, storedName } from './records-read.js';
import type { SalvageSource } from './source.js';

const DECMPFS = 'com.apple.decmpfs';
const UF_COMPRESSED = 0x20;
export interface VolumeRemains {
  readonly source: SalvageSource;
  readonly geometry: Geometry;
  readonly records: FoundRecords;
  readonly caseSensitive: boolean;
  /** Bytes of the device that newer files have: by id, what of a file they took. */
  readonly overwritten: (id: number) => readonly LostRange[];
}

/** What is kept of the item that was looked at last. */
interface Current {
  readonly id: number;
  readonly place: Place;
  attributes: FoundAttributes | null;
  data: ForkShape | null;
  resource: ForkShape | null;
  clear: DecompressedFile | 'plain' | null;
}

export class SalvagedHfsVolume extends ReadOnlyVolume implements WritableVolume {
  readonly #remains: VolumeRemains;
  readonly traits: VolumeTraits;
  readonly snapshots = null;
  #current: Current | null = null;
  #lostName: string | null = null;

  constructor(remains: VolumeRemains) {
    super();
    this.#remains = remains;
    this.traits = volumeTraits({ caseSensitive: remains.caseSensitive, epoch: remains.geometry.epoch, flags: 0 });
  }

  get name(): string {
    const root = this.#remains.records.items.get(CNID.rootFolder);
    return root ? toShown(storedName(this.#remains.source, root)) : '';
  }
  get uuid(): string {
    return volumeUuid(this.#remains.geometry.finderInfo);
  }
  get root(): Item {
    return { ...this.stat(CNID.rootFolder), name: '' };
  }
  /** Of the folder for what has no way to the root; null if there is no such thing. */
  get lostFolder(): string | null {
    if (this.#remains.records.items.children(LOST_ID).length === 0) return null;
    this.#lostName ??= this.#freeLostName();
    return this.#lostName;
  }
  nameKey(name: string): string {
    const stored = toStored(name);
    return this.#remains.caseSensitive ? stored : foldName(stored);
  }
  nameAsStored(name: string): string | null {
    const stored = storable(name);
    return stored === null ? null : toShown(stored);
  }

  list(folder: ItemId): Item[] {
    const { items } = this.#remains.records;
    const listed: Item[] = [];
    /** Of two items with one name the better record has it. */
    const found = items.children(folder).flatMap((id) => items.get(id) ?? []);
    found.sort((a, b) => b.rank - a.rank || b.date - a.date || a.id - b.id);
    const taken = new Set<string>();
    for (const item of found) {
      const name = freeName(
        shownName(storedName(this.#remains.source, item), item.id),
        item.id,
        (each) => !taken.has(this.nameKey(each)),
      );
      taken.add(this.nameKey(name));
      listed.push(this.#resolved(item, name));
    }
    if (folder === CNID.rootFolder && this.lostFolder !== null) listed.push(this.#lostItem(this.lostFolder));
    return listed;
  }
  lookup(folder: ItemId, name: string): Item | null {
    const key = this.nameKey(name);
    return this.list(folder).find((item) => this.nameKey(item.name) === key) ?? null;
  }
  stat(id: ItemId): Item {
    if (id === LOST_ID) return this.#lostItem('');
    const item = this.#require(id);
    return this.#item(item, shownName(storedName(this.#remains.source, item), id));
  }

  read(id: ItemId, position: number, target: Uint8Array): number {
    const current = this.#look(id);
    const clear = this.#clear(current);
    if (clear !== 'plain') return clear.read(position, target);
    return readFork(this.#data(current), this.#remains.source, position, target);
  }
  extents(id: ItemId): FileExtent[] {
    const { size } = this.stat(id);
    return size === 0 ? [] : [{ position: 0, length: size, kind: 'data' }];
  }
  readlink(id: ItemId): string {
    const shape = this.#data(this.#look(id));
    if (shape.size > SYMLINK_LIMIT || this.lost(id).length > 0)
      throw new CorruptError('HFSPlusCatalogFile', 'dataFork', id, 'the target of a symlink is not all there');
    const target = new Uint8Array(shape.size);
    readFork(shape, this.#remains.source, 0, target);
    return nameFromBytes(target);
  }

  xattrs(id: ItemId): XattrEntry[] {
    if (id === LOST_ID) return [];
    const current = this.#look(id);
    const entries: XattrEntry[] = [];
    if (readFinderInfo(current.place)) entries.push({ name: FINDER_INFO, size: 32 });
    const isCompressed = this.#compressedSize(current) !== null;
    const fork = isCompressed ? 0 : this.#resource(current).size;
    if (fork > 0) entries.push({ name: RESOURCE_FORK, size: fork });
    for (const entry of this.#attributes(current).list())
      if (!isPrivateName(entry.name) && !(isCompressed && entry.name === DECMPFS)) entries.push(entry);
    return entries;
  }
  xattrAsStored(kind: ItemKind, name: string, value: Uint8Array): Uint8Array | null {
    return keptXattr(kind, name, value);
  }
  xattr(id: ItemId, name: string): Uint8Array | null {
    if (id === LOST_ID || isPrivateName(name)) return null;
    const current = this.#look(id);
    if (name === FINDER_INFO) return readFinderInfo(current.place);
    if (name !== RESOURCE_FORK) return this.#attributes(current).value(name);
    const shape = this.#resource(current);
    if (shape.size === 0) return null;
    if (shape.size > XATTR_VALUE_LIMIT || lostOf(shape, this.#remains.source).length > 0)
      throw new CorruptError('HFSPlusCatalogFile', 'resourceFork', id, 'the resource fork is not all there');
    const value = new Uint8Array(shape.size);
    readFork(shape, this.#remains.source, 0, value);
    return value;
  }
  openSnapshot(): WritableVolume {
    throw new UnsupportedError('HFS+ has no snapshots');
  }
  release(_id: ItemId): void {}

  /** What of an item's contents is not there. */
  lost(id: ItemId): readonly LostRange[] {
    if (id === LOST_ID) return [];
    const item = this.#require(id);
    if (item.isFolder) return [];
    const current = this.#look(id);
    const { source, overwritten } = this.#remains;
    if (!this.#remains.geometry.isCertain) return this.#uncertain(current);
    const ranges = [...lostOf(this.#data(current), source), ...overwritten(id)];
    if (!isFlaggedCompressed(current.place)) return ranges.sort((a, b) => a.start - b.start);
    const size = this.#compressedSize(current);
    if (size === null) return [{ start: 0, length: 0, reason: 'unmapped' }];
    const inFork = [...lostOf(this.#resource(current), source), ...overwritten(id)];
    return inFork.length === 0 ? [] : [{ start: 0, length: size, reason: inFork[0]?.reason ?? 'unmapped' }];
  }

  #uncertain(current: Current): LostRange[] {
    const { size } = this.#data(current);
    const hasFork = size > 0 || this.#resource(current).size > 0;
    return hasFork ? [{ start: 0, length: size, reason: 'unplaced' }] : [];
  }

  /** The name of an item that was found, as it is shown. */
  shownName(item: FoundItem): string {
    return shownName(storedName(this.#remains.source, item), item.id);
  }

  #require(id: ItemId): FoundItem {
    const item = this.#remains.records.items.get(id);
    if (!item) throw new CorruptError('catalog', 'fileID', id, 'no record of this id was found');
    return item;
  }

  #look(id: ItemId): Current {
    if (this.#current?.id !== id) {
      const place = itemPlace(this.#remains.source, this.#require(id));
      this.#current = { id, place, attributes: null, data: null, resource: null, clear: null };
    }
    return this.#current as Current;
  }
  #data(current: Current): ForkShape {
    current.data ??= this.#fork(current, CatalogFile.at.dataFork, FORK_TYPE.data);
    return current.data;
  }
  #resource(current: Current): ForkShape {
    current.resource ??= this.#fork(current, CatalogFile.at.resourceFork, FORK_TYPE.resource);
    return current.resource;
  }
  #fork({ id, place }: Current, at: number, forkType: number): ForkShape {
    if (place.type !== RECORD_TYPE.file) return { size: 0, stretches: [] };
    const { records, geometry } = this.#remains;
    return forkShape(place.node.view, place.at + at, records.overflow(id, forkType), geometry);
  }
  #attributes(current: Current): FoundAttributes {
    const { records, source, geometry } = this.#remains;
    current.attributes ??= new FoundAttributes(
      records.attributes(current.id).map((place) => recordBytes(source, place)),
      source,
      geometry,
    );
    return current.attributes;
  }

  /** Bytes of the clear content; null if the file is not compressed, or its header is gone. */
  #compressedSize(current: Current): number | null {
    if (!isFlaggedCompressed(current.place)) return null;
    const attribute = this.#attributes(current).value(DECMPFS);
    return attribute && (readDecmpfsHeader(attribute)?.size ?? null);
  }
  #clear(current: Current): DecompressedFile | 'plain' {
    if (current.clear) return current.clear;
    current.clear = 'plain';
    if (this.#compressedSize(current) === null) return current.clear;
    const attribute = this.#attributes(current).value(DECMPFS) as Uint8Array;
    const resource = this.#resource(current);
    const { source } = this.#remains;
    current.clear = openDecmpfs({
      attribute,
      forkSize: resource.size,
      readFork: (position, target) => readFork(resource, source, position, target),
    });
    return current.clear;
  }

  /** What a link stands for, under the link's name; a link that leads nowhere stands for itself. */
  #resolved(item: FoundItem, name: string): Item {
    const place = itemPlace(this.#remains.source, item);
    const { inodes, directories, items } = this.#remains.records;
    const reference = place.type === RECORD_TYPE.file ? referenceOf(place) : 0;
    const id = hasType(place, FILE_LINK) ? inodes.get(reference) : undefined;
    const folder = hasType(place, FOLDER_LINK) ? directories.get(reference) : undefined;
    const target = items.get(id ?? folder ?? 0);
    return target && target.id !== item.id ? this.#item(target, name) : this.#item(item, name);
  }

  #item(found: FoundItem, name: string): Item {
    const place = itemPlace(this.#remains.source, found);
    const { epoch, blockSize } = this.#remains.geometry;
    const item = itemOf(place, { name, epoch, blockSize });
    if (!isFlaggedCompressed(place)) return item;
    const size = this.#compressedSize(this.#look(found.id));
    return size === null ? item : { ...item, size, allocated: size };
  }

  #lostItem(name: string): Item {
    const { epoch, blockSize } = this.#remains.geometry;
    const place = itemPlace(this.#remains.source, { id: 0, record: null });
    return { ...itemOf(place, { name, epoch, blockSize }), id: LOST_ID, inode: LOST_ID };
  }
  #freeLostName(): string {
    const { items } = this.#remains.records;
    const names = new Set(
      items.children(CNID.rootFolder).flatMap((id) => {
        const item = items.get(id);
        return item ? [this.nameKey(toShown(storedName(this.#remains.source, item)))] : [];
      }),
    );
    let name = 'lost';
    for (let i = 2; names.has(this.nameKey(name)); i += 1) name = `lost ${i}`;
    return name;
  }
}

function isFlaggedCompressed({ node, at, type }: Place): boolean {
  if (type !== RECORD_TYPE.file) return false;
  const flags = node.view.getUint8(at + CatalogFile.at.bsdInfo + BsdInfo.at.ownerFlags);
  return (
    (flags & UF_COMPRESSED) !== 0 && (node.view.getUint16(at + CatalogFile.at.flags) & RECORD_FLAGS.hasAttributes) !== 0
  );
}

/** A name that a host can hold: of a damaged record it may be anything. */
function shownName(stored: string, id: number): string {
  const shown = toShown(stored);
  return shown === '' || shown === '.' || shown === '..' || shown.includes('/') || shown.includes('\0')
    ? `item-${id}`
    : shown;
}

function freeName(name: string, id: number, isFree: (name: string) => boolean): string {
  if (isFree(name)) return name;
  for (let i = 1; ; i += 1) {
    const other = `${name}~${id}${i === 1 ? '' : `-${i}`}`;
    if (isFree(other)) return other;
  }
}
