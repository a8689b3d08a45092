// Handles of the folders on a walk's path. A folder is opened relative to its parent's handle, never following a link,
// and must show the device and inode that the listing showed. Beyond `maxFolderHandles` the least recently used one is
// closed; when it is needed again it is opened anew along the chain of its parents, with the same checks.

import { assert, StoreError } from '@tintype/core';
import { type Folder, pathOfFolder } from './entry.js';
import { maxFolderHandles } from './limits.js';
import { atFlags, openFlags } from './linux.js';
import type { NativeLibrary, NativeMemory } from './native.js';
import { StatxRecord, statxMask, statxSize } from './statx-record.js';

const folderFlags =
  openFlags.read | openFlags.directory | openFlags.noFollow | openFlags.closeOnExec | openFlags.nonBlocking;

export class FolderHandles {
  /** The last answer of `statHandle` and `statAt`. */
  readonly stat: StatxRecord;
  /** Counts the answers: who kept the number knows whether `stat` is still its own. */
  answers = 0;
  /** Asked about a folder that may not be opened, `handle` names it; true if it may be now. */
  unlock: ((folder: Folder, handle: number) => boolean) | null = null;
  readonly #native: NativeLibrary;
  /** Folders with an open handle, least recently used first; without the root. */
  readonly #open = new Set<Folder>();
  #last: Folder | null = null;
  /** Stays open while another one is opened beside it. */
  #pinned: Folder | null = null;
  readonly #emptyName: NativeMemory;

  constructor(native: NativeLibrary) {
    this.#native = native;
    this.stat = new StatxRecord(native.memory(statxSize));
    this.#emptyName = native.memory(1);
  }

  /** The root may be reached through links: its path is the user's. @throws StoreError `ENOTDIR`, … */
  openRoot(path: string): Folder {
    const native = this.#native;
    const flags = openFlags.read | openFlags.directory | openFlags.closeOnExec;
    const handle = native.check(native.calls.openat(-100, native.name(path), flags, 0), 'open', path);
    this.statHandle(handle, path);
    const { device, inode } = this.stat;
    const state = { handle, pending: null, passesLists: null };
    return { entry: null, children: new Map(), ...state, rootPath: path, device, inode };
  }

  /** An open handle of the folder, good until the next call for another folder. @throws StoreError `changed`, … */
  of(folder: Folder): number {
    if (folder.handle >= 0) {
      if (folder !== this.#last) this.#use(folder);
      return folder.handle;
    }
    const closed: Folder[] = [];
    let base = folder;
    while (base.handle < 0) {
      closed.push(base);
      assert(base.entry !== null, 'the root stays open');
      base = base.entry.place.folder;
    }
    for (let at = closed.length - 1; at >= 0; at--) {
      const next = closed[at] as Folder;
      next.handle = this.#openIn(base.handle, next);
      this.#use(next);
      base = next;
    }
    return folder.handle;
  }

  /** Open handles of two folders, good until the next call for another folder. @throws StoreError */
  both(first: Folder, second: Folder): readonly [first: number, second: number] {
    const handle = this.of(first);
    this.#pinned = first;
    try {
      return [handle, this.of(second)];
    } finally {
      this.#pinned = null;
    }
  }

  #use(folder: Folder): void {
    this.#last = folder;
    if (folder.entry === null) return;
    this.#open.delete(folder);
    this.#open.add(folder);
    if (this.#open.size <= maxFolderHandles) return;
    for (const oldest of this.#open) {
      if (oldest === this.#pinned) continue;
      this.close(oldest);
      return;
    }
  }

  #openIn(parent: number, folder: Folder): number {
    const native = this.#native;
    const path = pathOfFolder(folder);
    const last = folder.entry?.place.name ?? '';
    const name = native.name(last);
    let handle = native.calls.openat(parent, name, folderFlags | openFlags.noAccessTime, 0);
    // Only the owner may ask that access times stay.
    if (handle < 0 && native.errno() === 'EPERM') handle = native.calls.openat(parent, name, folderFlags, 0);
    if (handle < 0) {
      const isOther = ['ENOTDIR', 'ELOOP'].includes(native.errno());
      const error = isOther ? new StoreError('changed', 'open', path) : native.error('open', path);
      if (native.errno() === 'EACCES' && this.#isUnlocked(parent, folder))
        handle = native.calls.openat(parent, native.name(last), folderFlags, 0);
      if (handle < 0) throw error;
    }
    this.statHandle(handle, path);
    if (this.stat.device === folder.device && this.stat.inode === folder.inode) return handle;
    native.calls.close(handle);
    throw new StoreError('changed', 'open', path);
  }

  /** Fills `stat` with what an open handle shows. */
  #isUnlocked(parent: number, folder: Folder): boolean {
    const { calls } = this.#native;
    const name = this.#native.name(folder.entry?.place.name ?? '');
    const handle = this.unlock ? calls.openat(parent, name, folderFlags | openFlags.path, 0) : -1;
    if (handle < 0) return false;
    try {
      this.statHandle(handle, pathOfFolder(folder));
      const isSame = this.stat.device === folder.device && this.stat.inode === folder.inode;
      return isSame && this.unlock?.(folder, handle) === true;
    } finally {
      calls.close(handle);
    }
  }

  statHandle(handle: number, path: string): void {
    const { calls } = this.#native;
    this.answers += 1;
    const answer = calls.statx(handle, this.#emptyName.address, atFlags.emptyPath, statxMask, this.stat.address);
    this.#native.check(answer, 'stat', path);
  }

  /** Fills `stat` with what a name in a folder shows, links not followed; false if there is no such name. */
  statAt(folder: Folder, name: string): boolean {
    const native = this.#native;
    const handle = this.of(folder);
    const flags = atFlags.noFollow | atFlags.noAutomount;
    this.answers += 1;
    if (native.calls.statx(handle, native.name(name), flags, statxMask, this.stat.address) === 0) return true;
    if (native.errno() === 'ENOENT') return false;
    throw native.error('stat', `${pathOfFolder(folder)}/${name}`);
  }

  close(folder: Folder): void {
    if (folder.handle < 0) return;
    this.#native.calls.close(folder.handle);
    folder.handle = -1;
    this.#open.delete(folder);
    if (this.#last === folder) this.#last = null;
  }
}
