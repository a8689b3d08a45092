// A volume as `Volume`: read from whatever parts it is given. (`WritableVolume` for the interface's sake: writing refuses.)

import {
  type FileExtent,
  type Item,
  type ItemId,
  type ItemKind,
  nameFromBytes,
  ReadOnlyVolume,
  type SnapshotEntry,
  UnsupportedError,
  type VolumeTraits,
  type WritableVolume,
  type XattrEntry,
} from '@tintype/core';
import { Cursor } from '../btree/cursor.js';
import { INODES_KNOWN, SYMLINK_LIMIT, XATTR_NAME_LIMIT, XATTR_VALUE_LIMIT } from '../limits.js';
import { canonical, isStorable } from '../names.js';
import { Directory, type Entry } from '../records/directory.js';
import { SYSTEM_ROOT } from '../records/ids.js';
import { type Inode, readInode, SF_DATALESS, seekInode, UF_COMPRESSED } from '../records/inodes.js';
import { isRecord, SearchKeys } from '../records/search-keys.js';
import { Streams } from '../records/streams.js';
import { type XattrPlace, Xattrs } from '../records/xattrs.js';
import { INODE_FLAGS, RECORD_TYPE, XATTR_EMBEDDED_LIMIT, XATTR_FLAGS } from '../structs/records.js';
import { INODE } from '../structs/volume.js';
import { TIME_RANGE } from '../time.js';
import { CompressedFiles, DECMPFS, RESOURCE_FORK } from './compressed-files.js';
import { FINDER_INFO, isPrivateName, keptXattr } from './kept-xattrs.js';
import type { VolumeParts } from './volume-parts.js';

const SYMLINK = 'com.apple.fs.symlink';
const FLAGS_KEPT = 0x00ff_80df;
const MINOR_MASK = 0xff_ffff;

/** What hangs together while a volume is open. */
interface Open {
  /** Inodes read last, of a volume that does not change: reading a file after listing it looks nothing up. */
  readonly known: Map<ItemId, Inode> | null;
  readonly cursor: Cursor;
  readonly directory: Directory;
  readonly streams: Streams;
  readonly xattrs: Xattrs;
  readonly compressed: CompressedFiles;
}

export class ApfsVolume extends ReadOnlyVolume implements WritableVolume {
  readonly #parts: VolumeParts;
  readonly #keys = new SearchKeys();
  readonly traits: VolumeTraits;
  #opened: Open | null = null;

  constructor(parts: VolumeParts) {
    super();
    this.#parts = parts;
    this.traits = {
      caseSensitive: parts.head.nameRule !== 'folded',
      timeUnit: 1,
      timeRange: TIME_RANGE,
      hardLinks: 'all',
      holes: true,
      flags: FLAGS_KEPT,
      deviceNumbers: { major: 0xff, minor: 0xff_ffff },
      linkTarget: XATTR_EMBEDDED_LIMIT - 1,
      ownRootNames: [],
      kinds: ['file', 'directory', 'symlink', 'fifo', 'socket', 'char', 'block'],
      xattrs: true,
      xattrLimits: { value: XATTR_VALUE_LIMIT, name: XATTR_NAME_LIMIT },
      owners: true,
      birthTimes: true,
      changeTimes: true,
      clones: false,
    };
  }

  get name(): string {
    return this.#parts.head.name;
  }
  get uuid(): string {
    return this.#parts.head.uuid;
  }
  get root(): Item {
    const { cursor } = this.#open;
    const isUsual = cursor.seek(this.#keys.record(INODE.root, RECORD_TYPE.inode)) && cursor.isAt(this.#keys);
    return this.#item(isUsual ? INODE.root : SYSTEM_ROOT, '');
  }
  nameKey(name: string): string {
    const rule = this.#parts.head.nameRule;
    return rule === 'plain' ? name : canonical(name, rule);
  }
  nameAsStored(name: string): string | null {
    return isStorable(name) ? name : null;
  }

  list(folder: ItemId): Item[] {
    const entries = this.#open.directory.entries(folder);
    if (entries.length === 0) this.#inode(folder);
    // In the order of inodes, whose records lie together; answered in the order of names.
    const order = entries.map((_, i) => i).sort((a, b) => (entries[a]?.id ?? 0) - (entries[b]?.id ?? 0));
    const items: (Item | null)[] = new Array(entries.length).fill(null);
    const { cursor, known } = this.#open;
    if (!known) cursor.leave();
    for (const i of order) {
      const entry = entries[i];
      if (entry) items[i] = this.#visibleNear(entry);
    }
    return items.filter((item) => item !== null);
  }

  lookup(folder: ItemId, name: string): Item | null {
    const entry = this.#open.directory.find(folder, name);
    const { cursor, known } = this.#open;
    if (!known) cursor.leave();
    return entry && this.#visibleNear(entry);
  }

  stat(id: ItemId): Item {
    return this.#item(id, null);
  }

  read(id: ItemId, position: number, target: Uint8Array): number {
    const inode = this.#inode(id);
    const { compressed, streams } = this.#open;
    this.#requireContents(inode);
    if (compressed.isCompressed(inode)) return compressed.read(id, position, target);
    return streams.read(inode.stream, inode.size, position, target);
  }

  extents(id: ItemId): FileExtent[] {
    const inode = this.#inode(id);
    if (inode.kind !== 'file') return [];
    const clear = this.#open.compressed.size(inode);
    if (clear !== null) return clear === 0 ? [] : [{ position: 0, length: clear, kind: 'data' }];
    return this.#open.streams.shape(inode.stream, inode.size);
  }

  readlink(id: ItemId): string {
    const { xattrs, streams } = this.#open;
    const place = xattrs.find(id, SYMLINK);
    const inode = this.#inode(id);
    const size = place?.size ?? inode.size;
    if (size > SYMLINK_LIMIT) throw new UnsupportedError(`a symlink's target has ${size} bytes`);
    const target = new Uint8Array(size);
    if (place) xattrs.read(place, 0, target);
    else streams.read(inode.stream, size, 0, target);
    const end = target.indexOf(0);
    return nameFromBytes(end < 0 ? target : target.subarray(0, end));
  }

  xattrs(id: ItemId): XattrEntry[] {
    const inode = this.#inode(id);
    const isCompressed = this.#open.compressed.isCompressed(inode);
    const entries: XattrEntry[] = [];
    for (const place of this.#open.xattrs.list(id))
      if (!isHidden(place, isCompressed)) entries.push({ name: place.name, size: place.size });
    if (inode.finderInfo && !entries.some(({ name }) => name === FINDER_INFO))
      entries.unshift({ name: FINDER_INFO, size: inode.finderInfo.length });
    return entries;
  }

  xattr(id: ItemId, name: string): Uint8Array | null {
    const place = this.#open.xattrs.find(id, name);
    if (!place) return name === FINDER_INFO ? this.#inode(id).finderInfo : null;
    const inode = this.#inode(id);
    if (isHidden(place, this.#open.compressed.isCompressed(inode))) return null;
    if (!(place.value instanceof Uint8Array)) this.#requireContents(inode);
    return this.#open.xattrs.value(place);
  }

  xattrAsStored(kind: ItemKind, name: string, value: Uint8Array): Uint8Array | null {
    return keptXattr(kind, name, value);
  }
  get snapshots(): readonly SnapshotEntry[] {
    return this.#parts.snapshots().map(({ name, xid, created }) => ({ name, xid, created }));
  }
  openSnapshot(xid: number): WritableVolume {
    const snapshot = this.#parts.snapshots().find((each) => each.xid === xid);
    if (!snapshot) throw new UnsupportedError(`volume ${this.name} has no snapshot ${xid}`, { xid });
    return new ApfsVolume(this.#parts.snapshot(snapshot));
  }

  release(_id: ItemId): void {}

  /** Opens the tree at the first use, which is when an encrypted volume needs its passphrase. */
  get #open(): Open {
    if (this.#opened) return this.#opened;
    const { tree, head } = this.#parts;
    tree.root();
    const streams = new Streams(this.#parts.streams, this.#keys);
    const xattrs = new Xattrs(tree, this.#keys, streams);
    this.#opened = {
      known: this.#parts.streams.isFrozen ? new Map() : null,
      cursor: new Cursor(tree),
      directory: new Directory(tree, this.#keys, head.nameRule),
      streams,
      xattrs,
      compressed: new CompressedFiles(xattrs),
    };
    return this.#opened;
  }

  #inode(id: ItemId): Inode {
    return this.#open.known?.get(id) ?? this.#inodeAtCursor(id);
  }

  #inodeAtCursor(id: ItemId): Inode {
    const { cursor, known } = this.#open;
    if (!known) cursor.leave();
    seekInode(cursor, this.#keys, id);
    return readInode(cursor);
  }

  /** From where the cursor stands; null for what is the file system's own. */
  #visibleNear({ id, name }: Entry): Item | null {
    const { cursor, known } = this.#open;
    seekInode(cursor, this.#keys, id);
    const inode = readInode(cursor, name);
    if (known) {
      if (known.size >= INODES_KNOWN) known.clear();
      known.set(id, inode);
    }
    return (inode.internalFlags & INODE_FLAGS.isPrivate) !== 0 ? null : this.#itemAtCursor(inode, name);
  }

  /** `name` null: that of the inode itself. */
  #item(id: ItemId, name: string | null): Item {
    const inode = this.#inodeAtCursor(id);
    const isRoot = id === INODE.root || id === SYSTEM_ROOT;
    return this.#itemAtCursor(inode, isRoot ? '' : (name ?? inode.name));
  }

  /** The cursor stands at the inode: attributes follow it in the tree. */
  #itemAtCursor(inode: Inode, name: string): Item {
    const { cursor } = this.#open;
    const hasRecords = cursor.next() && isRecord(cursor, inode.id, RECORD_TYPE.xattr);
    const isDevice = inode.kind === 'char' || inode.kind === 'block';
    const size = hasRecords ? this.#size(inode) : inode.kind === 'file' ? inode.size : 0;
    const isCompressed = hasRecords && inode.kind === 'file' && (inode.flags & UF_COMPRESSED) !== 0;
    return {
      id: inode.id,
      name,
      kind: inode.kind,
      inode: inode.id,
      device: 0,
      nlink: inode.kind === 'directory' ? 1 : inode.links,
      size,
      allocated: isCompressed ? size : Math.max(0, inode.alloced - inode.sparseBytes),
      rdevMajor: isDevice ? inode.rdev >>> 24 : 0,
      rdevMinor: isDevice ? inode.rdev & MINOR_MASK : 0,
      hasXattrs: hasRecords || inode.finderInfo !== null,
      mode: inode.mode,
      uid: inode.uid,
      gid: inode.gid,
      flags: inode.flags,
      mtime: inode.mtime,
      mtimeNanos: inode.mtimeNanos,
      ctime: inode.ctime,
      ctimeNanos: inode.ctimeNanos,
      btime: inode.btime,
      btimeNanos: inode.btimeNanos,
    };
  }

  /** Of an item with attributes: a symlink's target and a compressed file's size stand there. */
  #size(inode: Inode): number {
    if (inode.kind === 'symlink') {
      const place = this.#open.xattrs.find(inode.id, SYMLINK);
      return place ? Math.max(0, place.size - 1) : inode.size;
    }
    if (inode.kind !== 'file') return 0;
    return this.#open.compressed.size(inode) ?? inode.size;
  }

  /** @throws UnsupportedError */
  #requireContents(inode: Inode): void {
    const reason = this.#parts.withoutContents;
    if (reason !== null) throw new UnsupportedError(reason);
    if ((inode.flags & SF_DATALESS) !== 0)
      throw new UnsupportedError(`the content of inode ${inode.id} is not here: it was left in the cloud`);
  }
}

function isHidden({ name, flags }: XattrPlace, isCompressed: boolean): boolean {
  if ((flags & XATTR_FLAGS.fileSystemOwned) !== 0) return true;
  if (isCompressed && (name === DECMPFS || name === RESOURCE_FORK)) return true;
  return isPrivateName(name);
}
