// What lstat and fstat of node:fs show, as a `Sight`. Device and inode numbers are compared as the 64 bits they are.

import type { BigIntStats } from 'node:fs';
import type { Item, ItemId, ItemKind } from '@tintype/core';
import type { Sight } from '../item-tree.js';

const SECOND = 1_000_000_000n;

/** Numbers of 2^53 and more (NTFS, overlays): each gets a number of its own, or two files would seem one. */
export class LargeNumbers {
  readonly #known = new Map<bigint, number>();

  of(value: bigint): number {
    if (value >= 0n && value <= 0x1f_ffff_ffff_ffffn) return Number(value);
    let known = this.#known.get(value);
    if (known === undefined) {
      known = Number.MAX_SAFE_INTEGER - this.#known.size;
      this.#known.set(value, known);
    }
    return known;
  }
}

/** One answer of lstat or fstat. */
export class PathSight implements Sight {
  readonly kind: ItemKind;
  readonly inode: number;
  readonly device: number;
  readonly #stats: BigIntStats;

  constructor(stats: BigIntStats, numbers: LargeNumbers) {
    this.#stats = stats;
    this.kind = kindOf(stats);
    this.inode = numbers.of(stats.ino);
    this.device = numbers.of(stats.dev);
  }

  get mode(): number {
    return Number(this.#stats.mode) & 0o7777;
  }

  get size(): number {
    return Number(this.#stats.size);
  }

  /** True if both are the same item, as far as this host numbers its files. */
  isSame(other: Pick<PathSight, 'inode' | 'device' | 'kind'>): boolean {
    return this.inode === other.inode && this.device === other.device && this.kind === other.kind;
  }

  item(id: ItemId, name: string, hasXattrs: boolean): Item {
    const { kind } = this;
    const stats = this.#stats;
    const isSpecial = kind === 'char' || kind === 'block';
    const { mtimeNs, ctimeNs } = stats;
    // Where a file system keeps no birth time, hosts answer 0 or the change time.
    const birth = stats.birthtimeNs > 0n ? stats.birthtimeNs : mtimeNs;
    return {
      id,
      name,
      kind,
      inode: this.inode,
      device: this.device,
      // Without a number nothing tells that two names are one file.
      nlink: stats.ino === 0n ? 1 : Number(stats.nlink),
      size: kind === 'file' || kind === 'symlink' ? this.size : 0,
      allocated: kind === 'file' ? Number(stats.blocks) * 512 : 0,
      rdevMajor: isSpecial ? majorOf(stats.rdev) : 0,
      rdevMinor: isSpecial ? minorOf(stats.rdev) : 0,
      hasXattrs,
      mode: this.mode,
      uid: Number(stats.uid),
      gid: Number(stats.gid),
      flags: 0,
      mtime: secondsOf(mtimeNs),
      mtimeNanos: nanosOf(mtimeNs),
      ctime: secondsOf(ctimeNs),
      ctimeNanos: nanosOf(ctimeNs),
      btime: secondsOf(birth),
      btimeNanos: nanosOf(birth),
    };
  }
}

function nanosOf(nanoseconds: bigint): number {
  const rest = nanoseconds % SECOND;
  return Number(rest < 0n ? rest + SECOND : rest);
}

function secondsOf(nanoseconds: bigint): number {
  return Number((nanoseconds - BigInt(nanosOf(nanoseconds))) / SECOND);
}

/** What no host of these knows counts as a socket, which has no content either. */
export function kindOf(entry: Pick<BigIntStats, 'isFile' | 'isDirectory' | 'isSymbolicLink'> & Specials): ItemKind {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'directory';
  if (entry.isSymbolicLink()) return 'symlink';
  if (entry.isFIFO()) return 'fifo';
  if (entry.isCharacterDevice()) return 'char';
  return entry.isBlockDevice() ? 'block' : 'socket';
}

type Specials = Pick<BigIntStats, 'isFIFO' | 'isCharacterDevice' | 'isBlockDevice'>;

/** macOS: sys/types.h, `major` and `minor`; else as Linux's gnu_dev_major and gnu_dev_minor. */
const isApple = process.platform === 'darwin';

function majorOf(device: bigint): number {
  return Number(isApple ? (device >> 24n) & 0xffn : ((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n));
}

function minorOf(device: bigint): number {
  return Number(isApple ? device & 0xffffffn : (device & 0xffn) | ((device >> 12n) & 0xffffff00n));
}
