// Items as the volume shows them, made from catalog records.

import type { AttributeChange, Item, ItemKind } from '@tintype/core';
import { FINDER_INVISIBLE, UF_HIDDEN } from './finder.js';
import type { Place } from './records/catalog.js';
import { BsdInfo, CatalogFile, RECORD_FLAGS, RECORD_TYPE } from './structs/catalog.js';
import { ForkData } from './structs/volume-header.js';

const TYPE_BITS: Readonly<Record<ItemKind, number>> = {
  fifo: 0o010000,
  char: 0o020000,
  directory: 0o040000,
  block: 0o060000,
  file: 0o100000,
  symlink: 0o120000,
  socket: 0o140000,
};
const KINDS: ReadonlyMap<number, ItemKind> = new Map(
  (Object.keys(TYPE_BITS) as ItemKind[]).map((kind) => [TYPE_BITS[kind], kind]),
);
const TYPE_MASK = 0o170000;
/** Permissions where the volume has none: written by systems that knew no owners. */
const DEFAULT_MODE = { directory: 0o755, file: 0o644 } as const;

/** Offsets of what folders and files have in the same place. */
const AT = {
  flags: CatalogFile.at.flags,
  created: CatalogFile.at.createDate,
  modified: CatalogFile.at.contentModDate,
  changed: CatalogFile.at.attributeModDate,
  accessed: CatalogFile.at.accessDate,
  bsd: CatalogFile.at.bsdInfo,
  finder: CatalogFile.at.userInfo,
  extendedFinder: CatalogFile.at.finderInfo,
};

export function typeBits(kind: ItemKind): number {
  return TYPE_BITS[kind];
}

export interface ItemFacts {
  readonly name: string;
  /** Date on disk of 1970. */
  readonly epoch: number;
  readonly blockSize: number;
}

/** The item of a folder or file record. A record without a mode, or with one of another type, gets the defaults. */
export function itemOf({ node, at, type }: Place, { name, epoch, blockSize }: ItemFacts): Item {
  const { view } = node;
  const isFolder = type === RECORD_TYPE.folder;
  const bsd = at + AT.bsd;
  const fileMode = view.getUint16(bsd + BsdInfo.at.fileMode);
  const claimed = KINDS.get(fileMode & TYPE_MASK);
  const kind: ItemKind = isFolder ? 'directory' : claimed && claimed !== 'directory' ? claimed : 'file';
  const mode = fileMode === 0 ? DEFAULT_MODE[isFolder ? 'directory' : 'file'] : fileMode & 0o7777;
  const special = view.getUint32(bsd + BsdInfo.at.special);
  const isDevice = kind === 'char' || kind === 'block';
  const hasData = kind === 'file' || kind === 'symlink';
  const fork = at + CatalogFile.at.dataFork;
  const id = view.getUint32(at + CatalogFile.at.fileID);
  return {
    id,
    name,
    kind,
    inode: id,
    device: 0,
    nlink: !isFolder && !isDevice && special > 1 ? special : 1,
    size: hasData ? size64(view, fork + ForkData.at.logicalSize) : 0,
    allocated: hasData ? view.getUint32(fork + ForkData.at.totalBlocks) * blockSize : 0,
    mode,
    uid: view.getUint32(bsd + BsdInfo.at.ownerID),
    gid: view.getUint32(bsd + BsdInfo.at.groupID),
    flags: readFlags(view, at),
    mtime: view.getUint32(at + AT.modified) - epoch,
    mtimeNanos: 0,
    ctime: view.getUint32(at + AT.changed) - epoch,
    ctimeNanos: 0,
    btime: view.getUint32(at + AT.created) - epoch,
    btimeNanos: 0,
    rdevMajor: isDevice ? special >>> 24 : 0,
    rdevMinor: isDevice ? special & 0xff_ffff : 0,
    hasXattrs: hasXattrs(view, at, kind),
  };
}

function size64(view: DataView, at: number): number {
  return view.getUint32(at) * 0x1_0000_0000 + view.getUint32(at + 4);
}

function readFlags(view: DataView, at: number): number {
  const bsd = at + AT.bsd;
  const flags = (view.getUint8(bsd + BsdInfo.at.adminFlags) << 16) | view.getUint8(bsd + BsdInfo.at.ownerFlags);
  return (view.getUint16(at + AT.finder + 8) & FINDER_INVISIBLE) !== 0 ? flags | UF_HIDDEN : flags;
}

/** True if there may be an attribute: one in the tree, Finder info, or a resource fork. */
function hasXattrs(view: DataView, at: number, kind: ItemKind): boolean {
  if ((view.getUint16(at + AT.flags) & RECORD_FLAGS.hasAttributes) !== 0) return true;
  // Type and creator of a symlink are not its user's.
  for (let i = kind === 'symlink' ? 8 : 0; i < 32; i += 4) if (view.getUint32(at + AT.finder + i) !== 0) return true;
  return kind !== 'directory' && view.getUint32(at + CatalogFile.at.resourceFork + ForkData.at.totalBlocks) !== 0;
}

const FLAG_MASK = 0x00ff_00ff;
const UF_IMMUTABLE = 2;
const SF_IMMUTABLE = 0x2_0000;

/** A folder or file record where it lies. */
export interface RecordBytes {
  readonly view: DataView;
  readonly at: number;
  readonly type: number;
}

/** Puts changed attributes into a record, in place. Times are clamped to what 32 bits hold. */
export function applyChange({ view, at, type }: RecordBytes, change: AttributeChange, epoch: number): void {
  const bsd = at + AT.bsd;
  const date = (field: number, seconds: number | undefined) => {
    if (seconds !== undefined) view.setUint32(at + field, Math.min(Math.max(seconds + epoch, 0), 0xffff_ffff));
  };
  if (change.mode !== undefined) {
    const old = view.getUint16(bsd + BsdInfo.at.fileMode);
    const bits = old & TYPE_MASK || (type === RECORD_TYPE.folder ? TYPE_BITS.directory : TYPE_BITS.file);
    view.setUint16(bsd + BsdInfo.at.fileMode, bits | (change.mode & 0o7777));
  }
  if (change.uid !== undefined) view.setUint32(bsd + BsdInfo.at.ownerID, change.uid);
  if (change.gid !== undefined) view.setUint32(bsd + BsdInfo.at.groupID, change.gid);
  if (change.flags !== undefined) putFlags({ view, at, type }, change.flags);
  date(AT.modified, change.mtime);
  date(AT.accessed, change.mtime);
  date(AT.changed, change.ctime);
  date(AT.created, change.btime);
}

function putFlags({ view, at, type }: RecordBytes, flags: number): void {
  const bsd = at + AT.bsd;
  const kept = flags & FLAG_MASK;
  // UF_COMPRESSED belongs to the form of the content, not to the caller.
  const compressed = view.getUint8(bsd + BsdInfo.at.ownerFlags) & 0x20;
  view.setUint8(bsd + BsdInfo.at.adminFlags, kept >>> 16);
  view.setUint8(bsd + BsdInfo.at.ownerFlags, (kept & 0xdf) | compressed);
  const finder = view.getUint16(at + AT.finder + 8);
  view.setUint16(
    at + AT.finder + 8,
    (flags & UF_HIDDEN) !== 0 ? finder | FINDER_INVISIBLE : finder & ~FINDER_INVISIBLE,
  );
  if (type !== RECORD_TYPE.file) return;
  const record = view.getUint16(at + AT.flags);
  const isLocked = (kept & (UF_IMMUTABLE | SF_IMMUTABLE)) !== 0;
  view.setUint16(at + AT.flags, isLocked ? record | RECORD_FLAGS.locked : record & ~RECORD_FLAGS.locked);
}
