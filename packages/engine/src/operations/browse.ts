// Browsing an image: read without mounting. All of it is synchronous, and nothing is held beyond one folder.

import { CorruptError, type Item, type ItemId, nameToBytes, RefusedError, type Volume } from '@tintype/core';
import picomatch from 'picomatch';
import { SAFETYNET_FOLDER } from '../tree/filter.js';
import { FolderVisits } from '../tree/folder-visits.js';
import type { NamedItem } from '../tree/original-names.js';
import { itemAt } from './sides.js';

const BILLION = 1_000_000_000n;

/** An item with its path in the volume. */
export interface PathItem {
  readonly path: string;
  readonly item: NamedItem;
}

/** One item as `ls --json` and `stat --json` show it. */
export interface ListedItem {
  readonly path: string;
  readonly type: string;
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: string;
  readonly nlink: number;
  readonly inode: number;
  readonly target: string | null;
  readonly rdev: readonly [number, number] | null;
  readonly xattrs: readonly string[];
  readonly flags: readonly string[];
  readonly stored?: string;
  readonly pathBytes?: string;
}

const FLAG_NAMES: readonly (readonly [number, string])[] = [
  [0x1, 'nodump'],
  [0x2, 'uchg'],
  [0x4, 'uappnd'],
  [0x8, 'opaque'],
  [0x20, 'compressed'],
  [0x40, 'tracked'],
  [0x80, 'datavault'],
  [0x8000, 'hidden'],
  [0x1_0000, 'arch'],
  [0x2_0000, 'schg'],
  [0x4_0000, 'sappnd'],
  [0x8_0000, 'restricted'],
];

/** BSD flags by the names that `ls -lO` of macOS uses. */
export function flagNames(flags: number): string[] {
  return FLAG_NAMES.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name);
}

/** `2026-01-02T03:04:05.123456789Z`, with as many digits as the volume keeps. */
export function timeText(seconds: number, nanos: number, unit: number): string {
  const date = new Date(seconds * 1000);
  const whole = Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString().slice(0, -5);
  return unit >= 1e9 ? `${whole}Z` : `${whole}.${String(nanos).padStart(9, '0')}Z`;
}

/** Nanoseconds since 1970, as snapshots keep them. */
export function nanosecondsText(nanoseconds: bigint): string {
  const nanos = ((nanoseconds % BILLION) + BILLION) % BILLION;
  return timeText(Number((nanoseconds - nanos) / BILLION), Number(nanos), 1);
}

/** An item in the shape of `ls --json`. */
export function listed(volume: Volume, { path, item }: PathItem): ListedItem {
  const isDevice = item.kind === 'char' || item.kind === 'block';
  return {
    path: path.toWellFormed(),
    type: item.kind,
    mode: item.mode.toString(8).padStart(4, '0'),
    uid: item.uid,
    gid: item.gid,
    size: item.size,
    mtime: timeText(item.mtime, item.mtimeNanos, volume.traits.timeUnit),
    nlink: item.nlink,
    inode: item.inode,
    target: item.kind === 'symlink' ? volume.readlink(item.id).toWellFormed() : null,
    rdev: isDevice ? [item.rdevMajor, item.rdevMinor] : null,
    xattrs: item.hasXattrs
      ? volume
          .xattrs(item.id)
          .map(({ name }) => name)
          .sort()
      : [],
    flags: flagNames(item.flags),
    ...(item.stored === undefined ? {} : { stored: item.stored }),
    ...(path.isWellFormed() ? {} : { pathBytes: Buffer.from(nameToBytes(path)).toString('base64') }),
  };
}

/** An item of an image with its path. @throws RefusedError if there is none */
export function pathItem(volume: Volume, path: string): PathItem {
  const clean = `/${path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/')}`;
  return { path: clean === '/' ? '/' : clean, item: itemAt(volume, clean) };
}

/** Items of a folder, by name, byte-wise; a file stands for itself. With `deep`, everything below, by path. */
export function* list(volume: Volume, path: string, deep: boolean): Generator<PathItem> {
  const start = pathItem(volume, path);
  if (start.item.kind !== 'directory') {
    yield start;
    return;
  }
  const visits = new FolderVisits();
  const stack = [contentOf(volume, start, visits)];
  for (let top = stack.at(-1); top; top = stack.at(-1)) {
    const next = top.entries.pop();
    if (!next) {
      visits.leave(top.folder);
      stack.pop();
    } else if (next.isContent) stack.push(contentOf(volume, next, visits));
    else {
      yield { path: next.path, item: next.item };
      // A folder's content comes where `folder/` sorts: after `folder.txt`, whose path is smaller.
      if (deep && next.item.kind === 'directory')
        insertSorted(top.entries, { ...next, isContent: true, key: sortKey(`${next.path}/`) });
    }
  }
}

interface Entry extends PathItem {
  readonly key: string;
  /** The content of the folder, not the folder. */
  readonly isContent: boolean;
}

/** A string whose order is that of the path's bytes. */
function sortKey(path: string): string {
  // Nearly all: a fifth of the time of a walk went into their bytes.
  if (isAscii(path)) return path;
  return Buffer.from(nameToBytes(path)).toString('latin1');
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i += 1) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

/** What a folder holds, the last one first. */
function contentOf(
  volume: Volume,
  { path, item }: PathItem,
  visits: FolderVisits,
): { folder: ItemId; entries: Entry[] } {
  visits.enter(item.id, path);
  const prefix = path === '/' ? '' : path;
  const entries = (volume.list(item.id) as NamedItem[]).map((child): Entry => {
    const childPath = `${prefix}/${child.name}`;
    return { path: childPath, item: child, key: sortKey(childPath), isContent: false };
  });
  return { folder: item.id, entries: entries.sort((a, b) => (a.key < b.key ? 1 : -1)) };
}

function insertSorted(entries: Entry[], entry: Entry): void {
  let at = entries.length;
  while (at > 0 && (entries[at - 1] as Entry).key < entry.key) at -= 1;
  entries.splice(at, 0, entry);
}

const PIECE = 1 << 20;

/** The bytes of a file, in pieces of a buffer that is used again. */
export function* content(volume: Volume, path: string): Generator<Uint8Array> {
  const { item } = pathItem(volume, path);
  if (item.kind !== 'file') throw new RefusedError('not-a-file', `${path} is a ${item.kind}, not a file`, { path });
  const buffer = new Uint8Array(PIECE);
  for (let position = 0; position < item.size; ) {
    const got = volume.read(item.id, position, buffer);
    if (got === 0)
      throw new CorruptError('file', 'size', position, `the data of ${path} end here, before its ${item.size} bytes`);
    yield buffer.subarray(0, got);
    position += got;
  }
}

/** Which items `find` yields: all conditions count. */
export interface FindOptions {
  readonly name?: string | undefined;
  /** Seconds since 1970: items modified after it. */
  readonly newer?: number | undefined;
  /** `+N`: larger than N bytes; `-N`: smaller; `N`: exactly. */
  readonly size?: { readonly sign: '+' | '-' | ''; readonly bytes: number } | undefined;
}

/** Items below a folder, in the order of the walk, that meet all conditions. */
export function* find(volume: Volume, path: string, options: FindOptions): Generator<PathItem> {
  const matches = options.name === undefined ? () => true : picomatch(options.name, { dot: true });
  for (const entry of list(volume, path, true)) {
    const { item } = entry;
    if (!matches(item.name.toWellFormed())) continue;
    if (options.newer !== undefined && item.mtime <= options.newer) continue;
    if (options.size && !fits(item, options.size)) continue;
    yield entry;
  }
}

function fits(item: Item, { sign, bytes }: NonNullable<FindOptions['size']>): boolean {
  if (item.kind !== 'file') return false;
  if (sign === '+') return item.size > bytes;
  return sign === '-' ? item.size < bytes : item.size === bytes;
}

/** What a folder holds, hard links counted once. Sizes in bytes. */
export interface Usage {
  readonly path: string;
  readonly items: number;
  /** Sum of the files' sizes; a file with several names counts once. */
  readonly bytes: number;
  readonly allocated: number;
}

/** What a folder holds in all. SafetyNet counts only if it is named. */
export function usage(volume: Volume, path: string): Usage {
  const start = pathItem(volume, path);
  const seen = new Set<number>();
  const sum = { path: start.path, items: 0, bytes: 0, allocated: 0 };
  for (const item of itemsBelow(volume, start)) {
    sum.items += 1;
    if (item.nlink > 1 && item.kind !== 'directory') {
      if (seen.has(item.inode)) continue;
      seen.add(item.inode);
    }
    sum.bytes += item.kind === 'file' ? item.size : 0;
    sum.allocated += item.allocated;
  }
  return sum;
}

/** The item itself and everything below it, in no order. */
function* itemsBelow(volume: Volume, start: PathItem): Generator<Item> {
  yield start.item;
  const visits = new FolderVisits();
  const folders = start.item.kind === 'directory' ? [start] : [];
  for (let folder = folders.pop(); folder; folder = folders.pop()) {
    visits.pass(folder.item.id, folder.path);
    const isRoot = folder.item.id === volume.root.id;
    for (const item of volume.list(folder.item.id)) {
      if (isRoot && item.name === SAFETYNET_FOLDER) continue;
      yield item;
      if (item.kind === 'directory') folders.push({ path: `${folder.path}/${item.name}`, item });
    }
  }
}
