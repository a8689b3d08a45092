// A whole tree as a plain value: equal trees give equal values, and a test's message shows in what they differ.

import { createHash } from 'node:crypto';
import type { Item, ItemId, Volume } from '@tintype/core';

/** One item. Times are `seconds` or `seconds.nanoseconds`; what does not apply to the kind is absent. */
export interface ItemSnapshot {
  readonly kind: string;
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  readonly flags: number;
  readonly mtime: string;
  readonly btime: string;
  readonly size?: number;
  readonly sha256?: string;
  readonly target?: string;
  readonly rdev?: string;
  /** Of an item with several names: the first of them in the tree. */
  readonly linkOf?: string;
  readonly nlink?: number;
  /** SHA-256 of each value. */
  readonly xattrs?: Readonly<Record<string, string>>;
}

/** By path without leading `/`; the root is ``. */
export type TreeSnapshot = Record<string, ItemSnapshot>;

/** What of a tree is looked at. */
export interface SnapshotOptions {
  /** Times are cut to this many nanoseconds: the coarser unit of two volumes. Default: the volume's own. */
  readonly timeUnit?: number;
  /** How names appear, such as `name.normalize('NFC')`, where two volumes store them differently. */
  readonly nameForm?: (name: string) => string;
  /** Paths for which it says false are left out, with all below them. */
  readonly keep?: (path: string) => boolean;
  /** False: owners are left out. */
  readonly owners?: boolean;
}

const buffer = new Uint8Array(1 << 18);

/**
 * A tree as a value, to be compared.
 * @throws Error if a volume says another thing of an item that is listed than of one that is asked for
 */
export function snapshotOf(volume: Volume, options: SnapshotOptions = {}): TreeSnapshot {
  const tree: TreeSnapshot = {};
  const firstNames = new Map<number, string>();
  const nameForm = options.nameForm ?? ((name) => name);
  const waiting: { path: string; item: Item }[] = [{ path: '', item: volume.root }];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { path, item } = next;
    const first = firstNames.get(item.inode);
    if (first === undefined) firstNames.set(item.inode, path);
    tree[path] = describe(volume, item, first ?? path, options);
    if (item.kind !== 'directory') continue;
    const listed = volume.list(item.id);
    for (const child of listed) requireOneAnswer(volume, item.id, child);
    const children = listed
      .map((child) => ({ path: path === '' ? nameForm(child.name) : `${path}/${nameForm(child.name)}`, item: child }))
      .filter((child) => options.keep?.(child.path) ?? true);
    // Sorted, so that the first name of a hard link is the same on both sides.
    waiting.push(...children.sort((a, b) => (a.path < b.path ? 1 : -1)));
  }
  return tree;
}

/** Whoever lists a folder, stats an item or looks it up by name is told the same. */
function requireOneAnswer(volume: Volume, folder: ItemId, listed: Item): void {
  const answers = {
    stat: { ...volume.stat(listed.id), name: listed.name },
    lookup: volume.lookup(folder, listed.name),
  };
  for (const [call, answer] of Object.entries(answers))
    for (const key of Object.keys(listed) as (keyof Item)[])
      if (answer?.[key] !== listed[key])
        throw new Error(`${listed.name}: ${key} is ${listed[key]} in list, ${answer?.[key]} in ${call}`);
}

/** SHA-256 of a file's bytes, in hex. */
export function sha256Of(volume: Volume, id: ItemId): string {
  const hash = createHash('sha256');
  for (let position = 0; ; ) {
    const length = volume.read(id, position, buffer);
    hash.update(buffer.subarray(0, length));
    if (length < buffer.length) return hash.digest('hex');
    position += length;
  }
}

/** The item at a path, or null. */
export function itemAt(volume: Volume, path: string): Item | null {
  let item: Item | null = volume.root;
  for (const name of path.split('/')) {
    if (name !== '' && item) item = item.kind === 'directory' ? volume.lookup(item.id, name) : null;
  }
  return item;
}

/** The whole content of a file. */
export function contentOf(volume: Volume, id: ItemId): Uint8Array {
  const bytes = new Uint8Array(volume.stat(id).size);
  const length = volume.read(id, 0, bytes);
  return bytes.subarray(0, length);
}

function describe(volume: Volume, item: Item, firstPath: string, options: SnapshotOptions): ItemSnapshot {
  const unit = options.timeUnit ?? volume.traits.timeUnit;
  const owners = options.owners ?? true;
  return {
    kind: item.kind,
    mode: item.mode.toString(8).padStart(4, '0'),
    uid: owners ? item.uid : -1,
    gid: owners ? item.gid : -1,
    flags: item.flags,
    mtime: time(item.mtime, item.mtimeNanos, unit),
    btime: time(item.btime, item.btimeNanos, unit),
    ...(item.kind === 'file' && { size: item.size, sha256: sha256Of(volume, item.id) }),
    ...(item.kind === 'symlink' && { target: volume.readlink(item.id) }),
    ...((item.kind === 'char' || item.kind === 'block') && { rdev: `${item.rdevMajor}:${item.rdevMinor}` }),
    ...(item.kind !== 'directory' && item.nlink > 1 && { linkOf: firstPath, nlink: item.nlink }),
    ...xattrsOf(volume, item),
  };
}

function xattrsOf(volume: Volume, item: Item): { xattrs?: Record<string, string> } {
  if (!volume.traits.xattrs) return {};
  const xattrs: Record<string, string> = {};
  for (const { name } of volume.xattrs(item.id).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const value = volume.xattr(item.id, name) ?? new Uint8Array();
    xattrs[name] = createHash('sha256').update(value).digest('hex');
  }
  return Object.keys(xattrs).length > 0 ? { xattrs } : {};
}

function time(seconds: number, nanos: number, unit: number): string {
  const cut = nanos - (nanos % unit);
  return cut === 0 ? `${seconds}` : `${seconds}.${String(cut).padStart(9, '0')}`;
}
