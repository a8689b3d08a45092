// A host folder as a `WritableVolume` made of node:fs alone: the target of a restore where folders cannot be held by
// handle. Before each call that changes something, every folder above is looked at, and must be the real folder that was
// listed; what was made is looked at again, and the folders above once more, before anything is put into it.
//
// What is left: someone who may write in the target and swaps a folder for a link between the look and the call, and
// back before the next look, can make one call go astray: an empty file or folder, or a link, made elsewhere under a
// name that is free there, or one removal, rename or change of attributes. No content goes astray, since it is
// written by handle. Walking by handle (`FolderWriter`) leaves none of this.

import * as fs from 'node:fs';
import {
  type AttributeChange,
  assert,
  type FileExtent,
  hostPath,
  type Item,
  type ItemId,
  type NewItem,
  StoreError,
  UnsupportedError,
  type WritableVolume,
} from '@tintype/core';
import { keptChange } from '../attribute-change.js';
import { type Entry, type Folder, pathOf, pathOfFolder } from '../entry.js';
import { attempt, hasCode } from '../errno.js';
import { applyByPath } from './attributes.js';
import { PathReader } from './path-reader.js';
import { WrittenPaths } from './written-files.js';

const { O_CREAT, O_EXCL, O_RDONLY, O_RDWR } = fs.constants;
// Both absent on Windows.
const createFlags = O_RDWR | O_CREAT | O_EXCL | (fs.constants.O_NOFOLLOW ?? 0);
const folderFlags = O_RDONLY | (fs.constants.O_DIRECTORY ?? 0);

/** What says that an item cannot be opened, though its attributes can be changed by path; Windows opens no folders. */
const UNOPENED = ['EACCES', 'EPERM', 'EISDIR', 'EBUSY'];

export class PathWriter extends PathReader implements WritableVolume {
  readonly #isWritable: boolean;
  readonly #written: WrittenPaths;
  /** Folders with `pending` attributes. */
  readonly #moved = new Set<Folder>();

  constructor(path: string, options: { readonly writable: boolean }) {
    super(path);
    this.#isWritable = options.writable;
    this.#written = new WrittenPaths((handle, at) => this.sightOf(handle, at));
  }

  create(id: ItemId, items: readonly NewItem[]): ItemId[] {
    const folder = this.folder(id);
    for (const item of items) this.#refuseName(folder, item.name);
    this.#touch(folder);
    return items.map((item) => this.#make(folder, item));
  }

  #make(folder: Folder, item: NewItem): ItemId {
    this.requireFolder(folder);
    const place = { folder, name: item.name };
    const path = pathOf(place);
    let handle =
      item.kind === 'file' ? attempt('create', path, () => fs.openSync(hostPath(path), createFlags, 0o600)) : null;
    try {
      if (handle === null) makeOther(item, path);
      const sight = this.look(place);
      if (!sight || sight.kind !== item.kind) throw new StoreError('changed', 'create', path);
      if (handle !== null && !this.sightOf(handle, path).isSame(sight)) throw new StoreError('changed', 'create', path);
      this.requireFolder(folder);
      const { entry } = this.remember(folder, item.name, sight);
      const kept = this.#kept(item);
      if (handle === null) this.#apply(entry, kept);
      else this.#written.add(entry, handle, kept);
      handle = null;
      return entry.id;
    } finally {
      if (handle !== null) fs.closeSync(handle);
    }
  }

  link(id: ItemId, name: string, sourceId: ItemId): void {
    const folder = this.folder(id);
    const entry = this.entry(sourceId);
    assert(entry.kind !== 'directory', 'a folder has one name');
    this.#refuseName(folder, name);
    this.#touch(folder);
    this.requireFolder(entry.place.folder);
    this.requireFolder(folder);
    const place = { folder, name };
    const path = pathOf(place);
    attempt('link', path, () => fs.linkSync(hostPath(pathOf(entry.place)), hostPath(path)));
    if (!this.look(place)?.isSame(entry)) {
      attempt('remove', path, () => fs.unlinkSync(hostPath(path)));
      throw new StoreError('changed', 'link', path);
    }
    this.linked(entry, place);
  }

  remove(id: ItemId, name: string): void {
    const folder = this.folder(id);
    this.#refuseName(folder, name);
    const place = { folder, name };
    const path = pathOf(place);
    this.#touch(folder);
    const sight = this.look(place);
    if (!sight) throw new StoreError('ENOENT', 'remove', path);
    const { entry, item } = this.remember(folder, name, sight);
    this.closeRead(entry);
    // Windows removes no file that is open.
    if (item.nlink <= 1) this.#written.drop(entry);
    else this.#written.finish(entry);
    this.requireFolder(folder);
    attempt('remove', path, () =>
      item.kind === 'directory' ? fs.rmdirSync(hostPath(path)) : fs.unlinkSync(hostPath(path)),
    );
    folder.children.delete(name);
    if (this.dropPlace(entry, place)) return;
    if (entry.folder) {
      this.#moved.delete(entry.folder);
      entry.folder.pending = null;
    }
    this.release(entry.id);
    this.forget(entry);
  }

  rename(id: ItemId, name: string, toId: ItemId, toName: string): void {
    const folder = this.folder(id);
    const toFolder = this.folder(toId);
    this.#refuseName(folder, name);
    this.#refuseName(toFolder, toName);
    const from = { folder, name };
    const to = { folder: toFolder, name: toName };
    this.requireFolder(folder);
    const sight = this.look(from);
    if (!sight) throw new StoreError('ENOENT', 'rename', pathOf(from));
    if (folder === toFolder && name === toName) return;
    const { entry } = this.remember(folder, name, sight);
    this.#touch(folder);
    this.#touch(toFolder);
    this.closeRead(entry);
    this.#written.finish(entry);
    this.requireFolder(folder);
    this.requireFolder(toFolder);
    // node:fs has no rename that refuses by itself. A change of case finds its own name.
    const present = this.look(to);
    const isOwn = folder === toFolder && this.nameKey(name) === this.nameKey(toName);
    if (present && !(isOwn && present.isSame(sight))) throw new StoreError('EEXIST', 'rename', pathOf(to));
    attempt('rename', pathOf(from), () => fs.renameSync(hostPath(pathOf(from)), hostPath(pathOf(to))));
    this.moved(entry, from, to);
  }

  setAttributes(id: ItemId, change: AttributeChange): void {
    this.#mayWrite();
    const kept = this.#kept(this.#withOwner(id, change));
    if (id !== this.rootId && this.entry(id).kind !== 'directory') {
      const entry = this.entry(id);
      if (!this.#written.change(entry, kept)) this.#apply(entry, kept);
      return;
    }
    const folder = this.folder(id);
    this.#applyToFolder(folder, kept);
    if (folder.pending) folder.pending = { ...folder.pending, ...kept };
  }

  #kept(change: AttributeChange): AttributeChange {
    return keptChange(change, { keepsOwners: this.traits.owners });
  }

  /** Whether setuid may stay is judged by the owner, given or present. */
  #withOwner(id: ItemId, change: AttributeChange): AttributeChange {
    if (change.mode === undefined || this.traits.owners) return change;
    if (change.uid !== undefined && change.gid !== undefined) return change;
    const { uid, gid } = super.stat(id);
    return { uid, gid, ...change };
  }

  #apply(entry: Entry, change: AttributeChange): void {
    if (entry.kind === 'directory') {
      this.#applyToFolder(this.folder(entry.id), change);
      return;
    }
    this.requireFolder(entry.place.folder);
    const isLink = entry.kind === 'symlink';
    const held = { path: pathOf(entry.place), isLink, now: () => this.seen(entry).item(entry.id, '', false) };
    const handle = isLink ? null : ifAllowed(() => this.open(entry, O_RDONLY).handle);
    try {
      this.seen(entry);
      applyByPath({ ...held, handle }, change);
    } finally {
      if (handle !== null) fs.closeSync(handle);
    }
  }

  /** Synced with it, so that its names last. */
  #applyToFolder(folder: Folder, change: AttributeChange): void {
    this.requireFolder(folder);
    const path = pathOfFolder(folder);
    const handle = ifAllowed(() => this.openFolder(folder, folderFlags).handle);
    const now = (): Item => this.seenFolder(folder).item(0, '', false);
    try {
      applyByPath({ path, handle, isLink: false, now }, change);
      if (handle !== null) syncFolder(handle, path);
    } finally {
      if (handle !== null) fs.closeSync(handle);
    }
  }

  override read(id: ItemId, position: number, target: Uint8Array): number {
    this.#written.finish(this.entry(id));
    return super.read(id, position, target);
  }

  override extents(id: ItemId): FileExtent[] {
    this.#written.finish(this.entry(id));
    return super.extents(id);
  }

  write(id: ItemId, position: number, source: Uint8Array): void {
    this.#written.write(this.#forWriting(id), position, source);
  }

  truncate(id: ItemId, size: number): void {
    this.#written.truncate(this.#forWriting(id), size);
  }

  #forWriting(id: ItemId): Entry {
    this.#mayWrite();
    const entry = this.file(id);
    if (this.#written.isOpen(entry)) return entry;
    this.closeRead(entry);
    this.requireFolder(entry.place.folder);
    const { mode, mtime, mtimeNanos } = this.seen(entry).item(id, '', false);
    let handle = ifAllowed(() => this.open(entry, O_RDWR).handle);
    if (handle === null) {
      // An owner without permission gives it to himself until the file is finished.
      this.#apply(entry, { mode: mode | 0o600 });
      handle = this.open(entry, O_RDWR).handle;
    }
    this.#written.add(entry, handle, { mode, mtime, mtimeNanos });
    return entry;
  }

  /** @throws StoreError `ENOTSUP` unless it removes what is not there */
  setXattr(id: ItemId, name: string, value: Uint8Array | null): void {
    this.#mayWrite();
    const place = id === this.rootId ? null : this.entry(id).place;
    if (value !== null) throw new StoreError('ENOTSUP', 'setxattr', place ? pathOf(place) : this.rootFolder.rootPath);
    assert(name !== '', 'an attribute has a name');
  }

  clone(): ItemId {
    throw new UnsupportedError('a host folder makes no clones');
  }

  /** All files finished and synced, all folders' own times put back. */
  settle(): void {
    this.#written.finishAll();
    for (const folder of [...this.#moved]) this.#settleFolder(folder);
  }

  /** All is durable after `settle`: each file and folder was synced when it was done. */
  sync(): void {
    assert(this.#written.isIdle && this.#moved.size === 0, 'a folder is settled before it is synced');
  }

  /** Leaves everything as it is at this moment. */
  abandon(): void {
    this.#written.dropAll();
    for (const folder of this.#moved) folder.pending = null;
    this.#moved.clear();
  }

  #settleFolder(folder: Folder): void {
    if (!this.#moved.delete(folder) || !folder.pending) return;
    const change = folder.pending;
    folder.pending = null;
    this.#applyToFolder(folder, change);
  }

  #mayWrite(): void {
    assert(this.#isWritable, 'the folder was opened for writing');
  }

  /** Before a folder's names change: notes its times, and lets its owner write where the mode forbids it. */
  #touch(folder: Folder): void {
    this.#mayWrite();
    this.requireFolder(folder);
    if (folder.pending) return;
    const now = this.seenFolder(folder).item(0, '', false);
    const { mode, mtime, mtimeNanos } = now;
    const isShut = (mode & 0o300) !== 0o300 && !this.traits.owners && now.uid === process.getuid?.();
    if (isShut) this.#applyToFolder(folder, { mode: mode | 0o700 });
    folder.pending = { ...(isShut ? { mode } : {}), mtime, mtimeNanos };
    this.#moved.add(folder);
  }

  protected override shown(item: Item): Item {
    if (this.#moved.size === 0 && this.#written.isIdle) return item;
    const entry = item.id === this.rootId ? null : this.entry(item.id);
    const folder = entry ? entry.folder : this.rootFolder;
    const pending = folder ? folder.pending : entry && this.#written.pending(entry);
    return pending ? { ...item, ...pending } : item;
  }

  protected override releaseItem(entry: Entry): void {
    super.releaseItem(entry);
    this.#written.finish(entry);
  }

  protected override releaseFolder(folder: Folder): void {
    this.#settleFolder(folder);
    super.releaseFolder(folder);
  }

  /** @throws StoreError `EINVAL` for a name that this host cannot hold as it is */
  #refuseName(folder: Folder, name: string): void {
    if (this.nameAsStored(name) === null) throw new StoreError('EINVAL', 'name', pathOfFolder(folder));
  }
}

function makeOther(item: NewItem, path: string): void {
  if (item.kind === 'directory') {
    attempt('mkdir', path, () => fs.mkdirSync(hostPath(path), 0o700));
  } else {
    assert(item.kind === 'symlink', 'only kinds of the traits are created');
    attempt('symlink', path, () => fs.symlinkSync(hostPath(item.target), hostPath(path)));
  }
}

/** Null where this host opens no such item, or not for us. */
function ifAllowed(open: () => number): number | null {
  try {
    return open();
  } catch (error) {
    if (hasCode(error, ...UNOPENED)) return null;
    throw error;
  }
}

function syncFolder(handle: number, path: string): void {
  try {
    attempt('sync', path, () => fs.fsyncSync(handle));
  } catch (error) {
    // SMB and some FUSE file systems do not know the call for folders; there is nothing more that they would do.
    if (!hasCode(error, 'EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EBADF')) throw error;
  }
}
