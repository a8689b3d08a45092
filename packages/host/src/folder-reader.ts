// A host folder as a `Volume`, walked by handle: every folder is opened relative to its parent without following links,
// every file must show what its listing showed. An item that was replaced in between is `changed`, never read.

import { basename } from 'node:path';
import {
  assert,
  type FileExtent,
  type Item,
  type ItemId,
  type ItemKind,
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
import { hostXattrName, imageXattrName } from './attributes.js';
import { DirectoryReader } from './directory-reader.js';
import { type Entry, type Folder, HeldItem, pathOf, pathOfFolder } from './entry.js';
import { FolderHandles } from './folder-handles.js';
import { ItemHandles } from './item-handles.js';
import { ItemTree } from './item-tree.js';
import { directoryBufferSize, maxPathBytes } from './limits.js';
import { atFlags } from './linux.js';
import type { NativeLibrary, NativeMemory } from './native.js';
import { spaceAt } from './space.js';
import { kindOfMode, statxMask } from './statx-record.js';
import { hostTraits, ownRootNames } from './traits.js';
import { XattrCalls } from './xattr-calls.js';

export class FolderReader extends ItemTree implements Volume {
  readonly name: string;
  readonly uuid = '';
  readonly traits: VolumeTraits;
  readonly snapshots = null;
  protected readonly native: NativeLibrary;
  protected readonly folders: FolderHandles;
  protected readonly items: ItemHandles;
  protected readonly attributes: XattrCalls;
  readonly #reader: DirectoryReader;
  readonly #target: NativeMemory;

  constructor(native: NativeLibrary, path: string) {
    const folders = new FolderHandles(native);
    super(folders.openRoot(path));
    this.native = native;
    this.name = basename(path);
    this.folders = folders;
    this.items = new ItemHandles(native, this.folders);
    this.attributes = new XattrCalls(native);
    const facts = this.facts();
    const own = ownRootNames(path, facts);
    this.traits = { ...hostTraits(facts, process.getuid?.() === 0), ownRootNames: own };
    this.#reader = new DirectoryReader(native, directoryBufferSize);
    this.#target = native.memory(maxPathBytes);
  }

  get rootHandle(): number {
    return this.rootFolder.handle;
  }

  facts(): StoreFacts {
    return spaceAt(`/proc/self/fd/${this.rootFolder.handle}`);
  }

  get root(): Item {
    return this.stat(this.rootId);
  }

  nameKey(name: string): string {
    return this.traits.caseSensitive ? name : name.toUpperCase();
  }

  nameAsStored(name: string): string | null {
    if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0')) return null;
    const bytes = nameToBytes(name);
    return bytes.length <= 255 ? nameFromBytes(bytes) : null;
  }

  list(id: ItemId): Item[] {
    const folder = this.folder(id);
    const path = pathOfFolder(folder);
    const handle = this.folders.of(folder);
    const { calls } = this.native;
    const { stat } = this.folders;
    const flags = atFlags.noFollow | atFlags.noAutomount;
    const items: Item[] = [];
    this.native.check(calls.lseek(handle, 0, 0), 'list', path);
    this.folders.answers += 1;
    this.#reader.read(handle, path, (name, address, type) => {
      if (calls.statx(handle, address, flags, statxMask, stat.address) === 0) {
        items.push(this.#found(folder, name));
      } else if (this.native.errno() !== 'ENOENT') {
        items.push(this.unknown(folder, name, kindOfMode(type << 12), this.native.error('stat', `${path}/${name}`)));
      }
    });
    return items;
  }

  lookup(id: ItemId, name: string): Item | null {
    if (this.nameAsStored(name) !== name) return null;
    const folder = this.folder(id);
    return this.folders.statAt(folder, name) ? this.#found(folder, name) : null;
  }

  #found(folder: Folder, name: string): Item {
    return this.shown(this.remember(folder, name, this.folders.stat).item);
  }

  /** Attributes as the caller set them, where the host's own are still on the way. */
  protected shown(item: Item): Item {
    return item;
  }

  stat(id: ItemId): Item {
    if (id === this.rootId) {
      this.folders.statHandle(this.rootFolder.handle, this.rootFolder.rootPath);
      return this.shown(this.folders.stat.item(this.rootId, '', this.traits.xattrs));
    }
    const entry = this.entry(id);
    const { folder, name } = entry.place;
    if (this.items.statOpen(entry)) return this.shown(this.folders.stat.item(id, name, this.traits.xattrs));
    if (!this.folders.statAt(folder, name)) throw new StoreError('ENOENT', 'stat', pathOf(entry.place));
    const { stat } = this.folders;
    if (stat.inode !== entry.inode || stat.device !== entry.device) {
      throw new StoreError('changed', 'stat', pathOf(entry.place));
    }
    return this.shown(stat.item(id, name, this.traits.xattrs));
  }

  read(id: ItemId, position: number, target: Uint8Array): number {
    return this.items.read(this.file(id), position, target);
  }

  extents(id: ItemId): FileExtent[] {
    const entry = this.file(id);
    if (entry.mayHaveHoles) return this.items.extents(entry);
    const { size } = this.stat(id);
    return size === 0 ? [] : [{ position: 0, length: size, kind: 'data' }];
  }

  readlink(id: ItemId): string {
    const entry = this.entry(id);
    assert(entry.kind === 'symlink', 'only a link has a target');
    const { folder, name } = entry.place;
    const { address, bytes } = this.#target;
    const parent = this.folders.of(folder);
    const length = this.native.calls.readlinkat(parent, this.native.name(name), address, bytes.length);
    if (length < 0 && this.native.errno() === 'EINVAL')
      throw new StoreError('changed', 'readlink', pathOf(entry.place));
    this.native.check(length, 'readlink', pathOf(entry.place));
    return nameFromBytes(bytes.subarray(0, length));
  }

  xattrs(id: ItemId): XattrEntry[] {
    return this.withXattrs(id, (target) => this.attributes.list(target));
  }

  xattr(id: ItemId, name: string): Uint8Array | null {
    return this.withXattrs(id, (target) => this.attributes.value(target, name));
  }

  /** Linux gives `user.` to files and folders alone; some names would come back as others. */
  xattrAsStored(kind: ItemKind, name: string, value: Uint8Array): Uint8Array | null {
    const hostName = hostXattrName(name);
    const hasPlace = kind === 'file' || kind === 'directory' || !hostName.startsWith('user.');
    return hasPlace && imageXattrName(hostName) === name ? value : null;
  }

  /** Runs `use` with the item held in the cheapest way that leads to nothing else. */
  protected withXattrs<T>(id: ItemId, use: (target: HeldItem) => T): T {
    if (id === this.rootId || this.entry(id).kind === 'directory') return use(this.heldFolder(this.folder(id)));
    const entry = this.entry(id);
    if (entry.kind !== 'file') return this.withPath(entry, use);
    return use(new HeldItem(entry, this.items.forReading(entry)));
  }

  protected heldFolder(folder: Folder): HeldItem {
    return new HeldItem(folder, this.folders.of(folder));
  }

  /** Runs `use` with the item named by a handle, but not opened. */
  protected withPath<T>(entry: Entry, use: (target: HeldItem) => T): T {
    return this.items.withPath(entry, (handle) => use(new HeldItem(entry, handle, true)));
  }

  openSnapshot(): WritableVolume {
    throw new UnsupportedError('a host folder has no snapshots');
  }
  protected override releaseItem(entry: Entry): void {
    this.items.close(entry);
  }

  protected override releaseFolder(folder: Folder): void {
    this.folders.close(folder);
  }

  /** Gives up all handles. */
  end(): void {
    this.release(this.rootId);
    this.items.close();
    this.folders.close(this.rootFolder);
  }
}
