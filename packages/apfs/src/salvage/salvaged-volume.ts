// A volume over what was found. Everything is read as of any volume; names that lead nowhere are left out, and what no name
// leads to is listed where the hierarchy hung it.

import {
  CorruptError,
  type FileExtent,
  type Item,
  type ItemId,
  type ItemKind,
  type LostRange,
  type RangeSet,
  ReadOnlyVolume,
  TintypeError,
  type VolumeTraits,
  type WritableVolume,
  type XattrEntry,
} from '@tintype/core';
import { Cursor } from '../btree/cursor.js';
import { DECMPFS, RESOURCE_FORK } from '../reading/compressed-files.js';
import { ApfsVolume } from '../reading/volume.js';
import type { VolumeParts } from '../reading/volume-parts.js';
import { Directory } from '../records/directory.js';
import { readInode, seekInode, UF_COMPRESSED } from '../records/inodes.js';
import { SearchKeys } from '../records/search-keys.js';
import { Streams } from '../records/streams.js';
import { Xattrs } from '../records/xattrs.js';
import { type Hierarchy, LOST_ID } from './hierarchy.js';
import { lostRanges } from './lost-ranges.js';

const SYMLINK_TARGET = 'com.apple.fs.symlink';

/** A folder of which nothing is known but what is in it. */
const UNKNOWN_FOLDER = {
  kind: 'directory',
  device: 0,
  nlink: 1,
  size: 0,
  allocated: 0,
  rdevMajor: 0,
  rdevMinor: 0,
  hasXattrs: false,
  mode: 0o755,
  uid: 0,
  gid: 0,
  flags: 0,
  mtime: 0,
  mtimeNanos: 0,
  ctime: 0,
  ctimeNanos: 0,
  btime: 0,
  btimeNanos: 0,
} as const;

export class SalvagedApfsVolume extends ReadOnlyVolume implements WritableVolume {
  readonly #parts: VolumeParts;
  readonly #below: ApfsVolume;
  readonly #hierarchy: Hierarchy;
  readonly #taken: (stream: number) => RangeSet | null;
  readonly #keys = new SearchKeys();
  readonly #directory: Directory;
  readonly #streams: Streams;
  readonly #xattrs: Xattrs;
  readonly snapshots = null;
  #lostName: string | null = null;

  /** `taken`: by stream, bytes of the device that belong to newer ones. */
  constructor(parts: VolumeParts, hierarchy: Hierarchy, taken: (stream: number) => RangeSet | null) {
    super();
    this.#parts = parts;
    this.#below = new ApfsVolume(parts);
    this.#hierarchy = hierarchy;
    this.#taken = taken;
    this.#directory = new Directory(parts.tree, this.#keys, parts.head.nameRule);
    this.#streams = new Streams(parts.streams, this.#keys);
    this.#xattrs = new Xattrs(parts.tree, this.#keys, this.#streams);
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
    return { ...this.stat(this.#hierarchy.root), name: '' };
  }
  get lostFolder(): string | null {
    if (this.#hierarchy.extra(LOST_ID).length === 0) return null;
    this.#lostName ??= this.#freeLostName();
    return this.#lostName;
  }
  nameKey(name: string): string {
    return this.#below.nameKey(name);
  }
  nameAsStored(name: string): string | null {
    return this.#below.nameAsStored(name);
  }

  list(folder: ItemId): Item[] {
    const items: Item[] = [];
    const taken = new Set<string>();
    const add = (id: ItemId, wanted: string): void => {
      const name = this.#freeName(wanted, id, taken);
      const item = this.#known(id, name);
      if (!item) return;
      taken.add(this.nameKey(name));
      items.push(item);
    };
    if (folder !== LOST_ID) for (const { id, name } of this.#directory.entries(folder)) add(id, name);
    for (const { id, name } of this.#hierarchy.extra(folder)) add(id, name);
    if (folder === this.#hierarchy.root && this.lostFolder !== null)
      items.push({ ...UNKNOWN_FOLDER, id: LOST_ID, inode: LOST_ID, name: this.lostFolder });
    return items;
  }
  lookup(folder: ItemId, name: string): Item | null {
    const key = this.nameKey(name);
    return this.list(folder).find((item) => this.nameKey(item.name) === key) ?? null;
  }
  stat(id: ItemId): Item {
    if (this.#hierarchy.isMadeUp(id)) return { ...UNKNOWN_FOLDER, id, inode: id, name: '' };
    return this.#below.stat(id);
  }
  read(id: ItemId, position: number, target: Uint8Array): number {
    return this.#below.read(id, position, target);
  }
  extents(id: ItemId): FileExtent[] {
    return this.#below.extents(id);
  }
  readlink(id: ItemId): string {
    if (this.lost(id).length > 0) throw new CorruptError(SYMLINK_TARGET, 'target', id, 'is not all there');
    return this.#below.readlink(id);
  }
  xattrs(id: ItemId): XattrEntry[] {
    return this.#hierarchy.isMadeUp(id) ? [] : this.#below.xattrs(id);
  }
  xattrAsStored(kind: ItemKind, name: string, value: Uint8Array): Uint8Array | null {
    return this.#below.xattrAsStored(kind, name, value);
  }
  xattr(id: ItemId, name: string): Uint8Array | null {
    return this.#hierarchy.isMadeUp(id) ? null : this.#below.xattr(id, name);
  }
  openSnapshot(xid: number): WritableVolume {
    return this.#below.openSnapshot(xid);
  }
  release(_id: ItemId): void {}

  /** What of an item's contents is not there. @throws CorruptError */
  lost(id: ItemId): readonly LostRange[] {
    if (this.#hierarchy.isMadeUp(id)) return [];
    const cursor = new Cursor(this.#parts.tree);
    seekInode(cursor, this.#keys, id);
    const inode = readInode(cursor);
    if (inode.kind === 'symlink') return this.#xattrs.find(id, SYMLINK_TARGET) ? [] : [UNKNOWN_RANGE];
    if (inode.kind !== 'file') return [];
    if ((inode.flags & UF_COMPRESSED) === 0) return this.#lostOf(inode.stream, inode.size);
    const header = this.#xattrs.find(id, DECMPFS);
    if (!header) return [UNKNOWN_RANGE];
    const fork = this.#xattrs.find(id, RESOURCE_FORK);
    if (!fork || fork.value instanceof Uint8Array) return [];
    const [first] = this.#lostOf(fork.value.stream, fork.size);
    return first ? [{ start: 0, length: this.stat(id).size, reason: first.reason }] : [];
  }

  #lostOf(stream: number, size: number): LostRange[] {
    const { blocks } = this.#parts.streams;
    const room = { device: blocks.device, blockSize: blocks.size, blocks: blocks.count };
    return lostRanges({ size, extents: this.#streams.extents(stream) }, room, this.#taken(stream));
  }

  /** The name that an item has by itself, for messages. */
  shownName(id: ItemId): string {
    const extra = this.#hierarchy.extra(this.#hierarchy.parentOf(id) ?? LOST_ID).find((entry) => entry.id === id);
    return extra?.name ?? (this.#hierarchy.hasInode(id) ? this.#below.stat(id).name : `item-${id}`);
  }

  /** The item under this name; null for the file system's own, and where nothing is left of it. */
  #known(id: ItemId, name: string): Item | null {
    if (this.#hierarchy.isMadeUp(id)) return { ...UNKNOWN_FOLDER, id, inode: id, name };
    if (!this.#hierarchy.hasInode(id)) return null;
    try {
      return { ...this.#below.stat(id), name };
    } catch (error) {
      if (error instanceof TintypeError) return null;
      throw error;
    }
  }
  #freeName(name: string, id: ItemId, taken: ReadonlySet<string>): string {
    const plain = name === '' || name === '.' || name === '..' || /[/\0]/.test(name) ? `item-${id}` : name;
    let free = plain;
    for (let i = 1; taken.has(this.nameKey(free)); i += 1) free = `${plain}~${id}${i === 1 ? '' : `-${i}`}`;
    return free;
  }
  #freeLostName(): string {
    const names = new Set(this.#directory.entries(this.#hierarchy.root).map(({ name }) => this.nameKey(name)));
    let name = 'lost';
    for (let i = 2; names.has(this.nameKey(name)); i += 1) name = `lost ${i}`;
    return name;
  }
}

const UNKNOWN_RANGE: LostRange = { start: 0, length: 0, reason: 'unmapped' };
