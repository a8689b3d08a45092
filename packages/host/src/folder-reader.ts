// A host folder as a `Volume`, walked by handle: every folder is opened relative to its parent without following links,
// every file must show what its listing showed. An item that was replaced in between is `changed`, never read.

import { basename } from 'node:path';
import {
  assert,
  type FileExtent,
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
import { DirectoryReader } from './directory-reader.js';
import { type Entry, type Folder, HeldItem, type Place, pathOf, pathOfFolder } from './entry.js';
import { FolderHandles } from './folder-handles.js';
import { ItemHandles } from './item-handles.js';
import { directoryBufferSize, maxPathBytes } from './limits.js';
import { atFlags } from './linux.js';
import type { NativeLibrary, NativeMemory } from './native.js';
import { spaceAt } from './space.js';
import { kindOfMode, statxMask } from './statx-record.js';
import { hostTraits } from './traits.js';
import { XattrCalls } from './xattr-calls.js';

const rootId: ItemId = 1;
const NO_LINKS: readonly Place[] = [];

export class FolderReader implements Volume {
  readonly name: string;
  readonly uuid = '';
  readonly traits: VolumeTraits;
  readonly snapshots = null;
  protected readonly native: NativeLibrary;
  protected readonly folders: FolderHandles;
  protected readonly items: ItemHandles;
  protected readonly attributes: XattrCalls;
  protected readonly rootFolder: Folder;
  protected readonly rootId = rootId;
  readonly #entries = new Map<ItemId, Entry>();
  readonly #reader: DirectoryReader;
  readonly #target: NativeMemory;
  #nextId = rootId + 1;

  constructor(native: NativeLibrary, path: string) {
    this.native = native;
    this.name = basename(path);
    this.folders = new FolderHandles(native);
    this.items = new ItemHandles(native, this.folders);
    this.attributes = new XattrCalls(native);
    this.rootFolder = this.folders.openRoot(path);
    this.traits = hostTraits(this.facts(), process.getuid?.() === 0);
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
    return this.stat(rootId);
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
        items.push(this.#unknown(folder, name, kindOfMode(type << 12), this.native.error('stat', `${path}/${name}`)));
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
    return this.shown(this.remember(folder, name).item);
  }

  /** What the last stat shows, under the id that it had already if it is still the same. */
  protected remember(folder: Folder, name: string): { readonly entry: Entry; readonly item: Item } {
    const { stat } = this.folders;
    const known = folder.children.get(name);
    const isSame = known !== undefined && known.inode === stat.inode && known.device === stat.device;
    const item = stat.item(isSame ? known.id : this.#nextId++, name, this.traits.xattrs);
    const mayHaveHoles = item.allocated < item.size;
    if (isSame && known.kind === item.kind) {
      known.mayHaveHoles = mayHaveHoles;
      known.failure = null;
      return { entry: known, item };
    }
    const { id, kind, device, inode } = item;
    const place = { folder, name };
    const entry: Entry = { id, place, links: NO_LINKS, kind, device, inode, mayHaveHoles, failure: null, folder: null };
    this.#add(entry);
    return { entry, item };
  }

  /** An item whose attributes the host does not tell: it is listed, and every use of it fails with the reason. */
  #unknown(folder: Folder, name: string, kind: Item['kind'], failure: StoreError): Item {
    const id = this.#nextId++;
    const entry: Entry = {
      id,
      place: { folder, name },
      links: NO_LINKS,
      kind,
      device: -1,
      inode: -1,
      mayHaveHoles: false,
      failure,
      folder: null,
    };
    this.#add(entry);
    const zeros = { mode: 0, uid: 0, gid: 0, flags: 0, mtime: 0, mtimeNanos: 0, ctime: 0, ctimeNanos: 0 };
    const rest = { btime: 0, btimeNanos: 0, size: 0, allocated: 0, rdevMajor: 0, rdevMinor: 0, nlink: 1 };
    return { ...zeros, ...rest, id, name, kind, inode: -id, device: -1, hasXattrs: true };
  }

  #add(entry: Entry): void {
    const { folder, name } = entry.place;
    const former = folder.children.get(name);
    if (former) {
      this.release(former.id);
      this.forget(former);
    }
    folder.children.set(name, entry);
    this.#entries.set(entry.id, entry);
  }

  /** Attributes as the caller set them, where the host's own are still on the way. */
  protected shown(item: Item): Item {
    return item;
  }

  stat(id: ItemId): Item {
    if (id === rootId) {
      this.folders.statHandle(this.rootFolder.handle, this.rootFolder.rootPath);
      return this.shown(this.folders.stat.item(rootId, '', this.traits.xattrs));
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

  /** Runs `use` with the item held in the cheapest way that leads to nothing else. */
  protected withXattrs<T>(id: ItemId, use: (target: HeldItem) => T): T {
    if (id === rootId || this.entry(id).kind === 'directory') return use(this.heldFolder(this.folder(id)));
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
  release(id: ItemId): void {
    const entry = this.#entries.get(id);
    if (entry && entry.kind !== 'directory') this.releaseItem(entry);
    const folder = id === rootId ? this.rootFolder : entry?.folder;
    if (!folder) return;
    const below = [folder];
    for (let at = 0; at < below.length; at++) {
      for (const child of (below[at] as Folder).children.values()) if (child.folder) below.push(child.folder);
    }
    // From the bottom up: what a folder still has to do to itself may need its parents' handles.
    for (const next of below.reverse()) {
      for (const child of next.children.values()) if (!this.#staysElsewhere(child, next)) this.forget(child);
      next.children.clear();
      if (next !== this.rootFolder) this.releaseFolder(next);
    }
  }

  /** True if a name in another folder is known: then the entry lives on under that one. */
  #staysElsewhere(entry: Entry, released: Folder): boolean {
    // With two names in the folder it is asked twice: the second time its place is elsewhere already.
    if (entry.links.length === 0 && entry.place.folder === released) return false;
    const others = [entry.place, ...entry.links].filter(
      ({ folder, name }) => folder !== released && folder.children.get(name) === entry,
    );
    const [place, ...links] = others;
    if (!place) return false;
    this.releaseItem(entry);
    entry.place = place;
    entry.links = links;
    return true;
  }

  protected releaseItem(entry: Entry): void {
    this.items.close(entry);
  }

  protected releaseFolder(folder: Folder): void {
    this.folders.close(folder);
  }

  protected forget(entry: Entry): void {
    this.releaseItem(entry);
    this.#entries.delete(entry.id);
  }

  /** Gives up all handles. */
  end(): void {
    this.release(rootId);
    this.items.close();
    this.folders.close(this.rootFolder);
  }

  protected entry(id: ItemId): Entry {
    const entry = this.#entries.get(id);
    assert(entry !== undefined, `the id ${id} names an item`);
    if (entry.failure) throw entry.failure;
    return entry;
  }

  private file(id: ItemId): Entry {
    const entry = this.entry(id);
    assert(entry.kind === 'file', 'only a file has data');
    return entry;
  }

  protected folder(id: ItemId): Folder {
    if (id === rootId) return this.rootFolder;
    const entry = this.entry(id);
    assert(entry.kind === 'directory', 'only a folder has items');
    const { device, inode } = entry;
    const state = { handle: -1, pending: null, passesLists: null };
    entry.folder ??= { entry, children: new Map(), ...state, rootPath: '', device, inode };
    return entry.folder;
  }
}
