// What statx(2) answers (linux/stat.h, struct statx), read where it lies.

import type { Item, ItemId, ItemKind } from '@tintype/core';
import { fileTypes } from './linux.js';
import type { NativeMemory } from './native.js';

export const statxSize = 256;
/** STATX_BASIC_STATS and STATX_BTIME. */
export const statxMask = 0xfff;
const hasBirthTime = 0x800;

const offsets = {
  mask: 0,
  nlink: 16,
  uid: 20,
  gid: 24,
  mode: 28,
  inode: 32,
  size: 40,
  blocks: 48,
  btime: 80,
  ctime: 96,
  mtime: 112,
  rdevMajor: 128,
  rdevMinor: 132,
  deviceMajor: 136,
  deviceMinor: 140,
} as const;

const kinds = new Map<number, ItemKind>([
  [fileTypes.file, 'file'],
  [fileTypes.directory, 'directory'],
  [fileTypes.symlink, 'symlink'],
  [fileTypes.fifo, 'fifo'],
  [fileTypes.socket, 'socket'],
  [fileTypes.char, 'char'],
  [fileTypes.block, 'block'],
]);

/** The kind of a mode's type bits; what Linux does not know counts as a socket, which has no content either. */
export function kindOfMode(mode: number): ItemKind {
  return kinds.get(mode & fileTypes.mask) ?? 'socket';
}

/** A device number as dev_t counts it (gnu_dev_makedev), and as Node shows it. */
export function deviceNumber(major: number, minor: number): number {
  const low = minor & 0xff;
  const lowMajor = major & 0xfff;
  return low + lowMajor * 0x100 + (minor - low) * 0x1000 + (major - lowMajor) * 0x100000000;
}

/** The last answer of statx, as fields and as an item. */
export class StatxRecord {
  readonly address: number;
  readonly #view: DataView;
  /** Inode numbers of 2^53 and more (NTFS, overlays): each gets a number of its own, or two files would seem one. */
  readonly #largeInodes = new Map<bigint, number>();

  constructor(memory: NativeMemory) {
    this.address = memory.address;
    this.#view = memory.view;
  }

  get kind(): ItemKind {
    return kindOfMode(this.#view.getUint16(offsets.mode, true));
  }

  get mode(): number {
    return this.#view.getUint16(offsets.mode, true) & 0o7777;
  }

  get inode(): number {
    const high = this.#view.getUint32(offsets.inode + 4, true);
    if (high < 0x200000) return high * 0x100000000 + this.#view.getUint32(offsets.inode, true);
    const inode = this.#view.getBigUint64(offsets.inode, true);
    let known = this.#largeInodes.get(inode);
    if (known === undefined) {
      known = Number.MAX_SAFE_INTEGER - this.#largeInodes.size;
      this.#largeInodes.set(inode, known);
    }
    return known;
  }

  get device(): number {
    const view = this.#view;
    return deviceNumber(view.getUint32(offsets.deviceMajor, true), view.getUint32(offsets.deviceMinor, true));
  }

  get size(): number {
    return this.#unsigned(offsets.size);
  }

  item(id: ItemId, name: string, hasXattrs: boolean): Item {
    const view = this.#view;
    const kind = this.kind;
    const isSpecial = kind === 'char' || kind === 'block';
    const birth = (view.getUint32(offsets.mask, true) & hasBirthTime) !== 0 ? offsets.btime : offsets.mtime;
    return {
      id,
      name,
      kind,
      inode: this.inode,
      device: this.device,
      nlink: view.getUint32(offsets.nlink, true),
      size: kind === 'file' || kind === 'symlink' ? this.#unsigned(offsets.size) : 0,
      allocated: kind === 'file' ? this.#unsigned(offsets.blocks) * 512 : 0,
      rdevMajor: isSpecial ? view.getUint32(offsets.rdevMajor, true) : 0,
      rdevMinor: isSpecial ? view.getUint32(offsets.rdevMinor, true) : 0,
      hasXattrs,
      mode: view.getUint16(offsets.mode, true) & 0o7777,
      uid: view.getUint32(offsets.uid, true),
      gid: view.getUint32(offsets.gid, true),
      flags: 0,
      mtime: this.#seconds(offsets.mtime),
      mtimeNanos: view.getUint32(offsets.mtime + 8, true),
      ctime: this.#seconds(offsets.ctime),
      ctimeNanos: view.getUint32(offsets.ctime + 8, true),
      btime: this.#seconds(birth),
      btimeNanos: view.getUint32(birth + 8, true),
    };
  }

  #unsigned(offset: number): number {
    return this.#view.getUint32(offset + 4, true) * 0x100000000 + this.#view.getUint32(offset, true);
  }

  #seconds(offset: number): number {
    return this.#view.getInt32(offset + 4, true) * 0x100000000 + this.#view.getUint32(offset, true);
  }
}
