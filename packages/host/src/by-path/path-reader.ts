// A host folder as a `Volume` made of node:fs alone, for hosts whose system calls are not written here: items go by path.
// No link is followed: what is opened must show the device, inode and kind of the listing, and so must every folder
// above before and after its names are looked at. What was replaced is `changed`, never read.

import * as fs from 'node:fs';
import { basename, resolve } from 'node:path';
import {
  assert,
  type FileExtent,
  hostPath,
  type Item,
  type ItemId,
  nameFromBytes,
  nameToBytes,
  StoreError,
  type StoreFacts,
  UnsupportedError,
  type Volume,
  type VolumeTraits,
  type WritableVolume,
  type XattrEntry,
} from '@tintype/core';
import { type Entry, type Folder, type Place, pathOf, pathOfFolder } from '../entry.js';
import { attempt, hasCode, storeError } from '../errno.js';
import { ItemTree } from '../item-tree.js';
import { spaceAt } from '../space.js';
import { hostNameAsStored, hostNameKey } from './names.js';
import { kindOf, LargeNumbers, PathSight } from './sight.js';
import { pathTraits } from './traits.js';

// Absent on Windows, where the look at the open file alone finds out what was followed.
const guards = (fs.constants.O_NOFOLLOW ?? 0) | (fs.constants.O_NONBLOCK ?? 0);

type Shown = Pick<Entry, 'device' | 'inode' | 'kind'>;

/** An open item, and what the handle showed. */
export interface OpenPath {
  readonly handle: number;
  readonly sight: PathSight;
}

export class PathReader extends ItemTree implements Volume {
  readonly name: string;
  readonly uuid = '';
  readonly traits: VolumeTraits;
  readonly snapshots = null;
  protected readonly numbers: LargeNumbers;
  /** The file read last stays open, so that a walk opens each file once. */
  #read: { readonly entry: Entry; readonly handle: number; readonly size: number } | null = null;

  /** The root may be reached through links: its path is the user's. @throws StoreError `ENOTDIR`, … */
  constructor(path: string) {
    const numbers = new LargeNumbers();
    const rootPath = resolve(attempt('open', path, () => fs.realpathSync(hostPath(path), 'utf8')));
    const { device, inode, kind } = sightAt(rootPath, numbers);
    if (kind !== 'directory') throw new StoreError('ENOTDIR', 'open', path);
    const state = { handle: -1, pending: null, passesLists: null };
    super({ entry: null, children: new Map(), ...state, rootPath, device, inode });
    this.numbers = numbers;
    this.name = basename(path);
    this.traits = pathTraits(rootPath, this.facts());
  }

  facts(): StoreFacts {
    return spaceAt(this.rootFolder.rootPath);
  }

  get root(): Item {
    return this.stat(this.rootId);
  }

  nameKey(name: string): string {
    return hostNameKey(name, this.traits.caseSensitive);
  }

  xattrAsStored(): null {
    return null;
  }

  nameAsStored(name: string): string | null {
    return hostNameAsStored(name);
  }

  list(id: ItemId): Item[] {
    const folder = this.folder(id);
    const path = pathOfFolder(folder);
    this.requireFolder(folder);
    const options = { withFileTypes: true, encoding: 'buffer' } as const;
    const names = attempt('list', path, () => fs.readdirSync(hostPath(path), options));
    const items: Item[] = [];
    for (const listed of names) {
      const name = nameFromBytes(listed.name);
      try {
        const sight = this.look({ folder, name });
        if (sight) items.push(this.shown(this.remember(folder, name, sight).item));
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        items.push(this.unknown(folder, name, kindOf(listed), error));
      }
    }
    this.requireFolder(folder);
    return items;
  }

  lookup(id: ItemId, name: string): Item | null {
    if (this.nameAsStored(name) !== name) return null;
    const folder = this.folder(id);
    this.requireFolder(folder);
    const sight = this.look({ folder, name });
    this.requireFolder(folder);
    return sight ? this.shown(this.remember(folder, name, sight).item) : null;
  }

  /** What a name shows, links not followed; null if there is no such name. */
  protected look(place: Place): PathSight | null {
    try {
      return sightAt(pathOf(place), this.numbers);
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return null;
      throw error;
    }
  }

  /** @throws StoreError `changed` if the folder, or one above it, is no longer the one that was listed */
  protected requireFolder(folder: Folder): void {
    for (let at = folder; ; at = at.entry.place.folder) {
      this.seenFolder(at);
      if (at.entry === null) return;
    }
  }

  /** What a folder shows now. @throws StoreError `changed` if it is another one, or none */
  protected seenFolder(folder: Folder): PathSight {
    const path = pathOfFolder(folder);
    const sight = sightAt(path, this.numbers);
    if (!sight.isSame(shownBy(folder))) throw new StoreError('changed', 'open', path);
    return sight;
  }

  stat(id: ItemId): Item {
    if (id === this.rootId) {
      return this.shown(this.seenFolder(this.rootFolder).item(id, '', this.traits.xattrs));
    }
    const entry = this.entry(id);
    return this.shown(this.seen(entry).item(id, entry.place.name, this.traits.xattrs));
  }

  /** What the item shows now. @throws StoreError `changed` if something else has its name, `ENOENT` */
  protected seen(entry: Entry): PathSight {
    const sight = this.look(entry.place);
    if (!sight) throw new StoreError('ENOENT', 'stat', pathOf(entry.place));
    if (!sight.isSame(entry)) throw new StoreError('changed', 'stat', pathOf(entry.place));
    return sight;
  }

  /** A handle of the file, which is the one that was listed; the caller closes it. @throws StoreError `changed`, … */
  protected open(entry: Entry, flags: number): OpenPath {
    this.seen(entry);
    return this.#openAt(pathOf(entry.place), entry, flags);
  }

  /** As `open`, of a folder. */
  protected openFolder(folder: Folder, flags: number): OpenPath {
    this.seenFolder(folder);
    return this.#openAt(pathOfFolder(folder), shownBy(folder), flags);
  }

  #openAt(path: string, expected: Shown, flags: number): OpenPath {
    let handle: number;
    try {
      handle = attempt('open', path, () => fs.openSync(hostPath(path), flags | guards));
    } catch (error) {
      // A link or a socket took its place.
      throw hasCode(error, 'ELOOP', 'ENXIO', 'ENOTDIR') ? new StoreError('changed', 'open', path) : error;
    }
    try {
      const sight = this.sightOf(handle, path);
      if (!sight.isSame(expected)) throw new StoreError('changed', 'open', path);
      return { handle, sight };
    } catch (error) {
      fs.closeSync(handle);
      throw error;
    }
  }

  protected sightOf(handle: number, path: string): PathSight {
    return new PathSight(
      attempt('stat', path, () => fs.fstatSync(handle, { bigint: true })),
      this.numbers,
    );
  }

  read(id: ItemId, position: number, target: Uint8Array): number {
    const entry = this.file(id);
    const { handle, size } = this.#forReading(entry);
    let count = 0;
    while (count < target.length) {
      const got = attempt('read', pathOf(entry.place), () =>
        fs.readSync(handle, target, count, target.length - count, position + count),
      );
      count += got;
      if (got === 0 || position + count === size) break;
    }
    return count;
  }

  #forReading(entry: Entry): { readonly handle: number; readonly size: number } {
    if (this.#read?.entry === entry) return this.#read;
    this.closeRead();
    const { handle, sight } = this.open(entry, fs.constants.O_RDONLY);
    this.#read = { entry, handle, size: sight.size };
    return this.#read;
  }

  /** Gives up the file that is open for reading, or only if it is this one. */
  protected closeRead(entry: Entry | null = this.#read?.entry ?? null): void {
    if (this.#read === null || this.#read.entry !== entry) return;
    fs.closeSync(this.#read.handle);
    this.#read = null;
  }

  /** node:fs does not tell holes: all is data, and holes read as zeros. */
  extents(id: ItemId): FileExtent[] {
    this.file(id);
    const { size } = this.stat(id);
    return size === 0 ? [] : [{ position: 0, length: size, kind: 'data' }];
  }

  readlink(id: ItemId): string {
    const entry = this.entry(id);
    assert(entry.kind === 'symlink', 'only a link has a target');
    const path = pathOf(entry.place);
    this.seen(entry);
    try {
      return nameFromBytes(fs.readlinkSync(hostPath(path), 'buffer'));
    } catch (cause) {
      const error = storeError(cause, 'readlink', path);
      throw hasCode(error, 'EINVAL') ? new StoreError('changed', 'readlink', path) : error;
    }
  }

  xattrs(id: ItemId): XattrEntry[] {
    if (id !== this.rootId) this.entry(id);
    return [];
  }

  xattr(id: ItemId, name: string): Uint8Array | null {
    assert(nameToBytes(name).length > 0, 'an attribute has a name');
    if (id !== this.rootId) this.entry(id);
    return null;
  }

  openSnapshot(): WritableVolume {
    throw new UnsupportedError('a host folder has no snapshots');
  }

  /** Attributes as the caller set them, where the host's own are still on the way. */
  protected shown(item: Item): Item {
    return item;
  }

  protected releaseItem(entry: Entry): void {
    this.closeRead(entry);
  }

  protected releaseFolder(folder: Folder): void {
    assert(folder.handle < 0, 'a folder by path holds no handle');
  }

  /** Gives up all handles. */
  end(): void {
    this.release(this.rootId);
    this.closeRead();
  }
}

function sightAt(path: string, numbers: LargeNumbers): PathSight {
  return new PathSight(
    attempt('stat', path, () => fs.lstatSync(hostPath(path), { bigint: true })),
    numbers,
  );
}

function shownBy({ device, inode }: Folder): Shown {
  return { device, inode, kind: 'directory' };
}
