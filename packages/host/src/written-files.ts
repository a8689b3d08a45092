// Files whose content is being written. Writing moves a file's times and may clear its setuid bits and capabilities, so
// these are put back when the file is finished: when too many are open, at a commit, and when its id is released.

import { ftruncateSync, writeSync } from 'node:fs';
import type { AttributeChange, Attributes } from '@tintype/core';
import type { AttributeCalls } from './attribute-calls.js';
import { type Entry, HeldItem, pathOf } from './entry.js';
import { hasCode, storeError } from './errno.js';
import type { FolderHandles } from './folder-handles.js';
import type { ItemHandles } from './item-handles.js';
import { maxOpenFiles } from './limits.js';
import { openFlags } from './linux.js';
import type { NativeLibrary } from './native.js';
import type { XattrCalls } from './xattr-calls.js';

/** Cleared by the kernel at every write and change of owner. */
export const capabilityName = 'security.capability';

type Owner = Pick<Attributes, 'uid' | 'gid'>;

interface WrittenFile {
  /** By which it was opened; another hard link of the file finds it as well. */
  readonly entry: Entry;
  readonly handle: number;
  /** The owner that the file has now. */
  readonly uid: number;
  readonly gid: number;
  pending: AttributeChange;
  /** To be set when the file is finished; null removes, undefined leaves. */
  capability: Uint8Array | null | undefined;
}

export class WrittenFiles {
  readonly #native: NativeLibrary;
  readonly #folders: FolderHandles;
  readonly #items: ItemHandles;
  readonly #calls: AttributeCalls;
  readonly #xattrs: XattrCalls;
  /** By device and inode: what is done through one hard link is seen through all. Oldest first. */
  readonly #open = new Map<string, WrittenFile>();

  constructor(parts: {
    native: NativeLibrary;
    folders: FolderHandles;
    items: ItemHandles;
    calls: AttributeCalls;
    xattrs: XattrCalls;
  }) {
    this.#native = parts.native;
    this.#folders = parts.folders;
    this.#items = parts.items;
    this.#calls = parts.calls;
    this.#xattrs = parts.xattrs;
  }

  get isIdle(): boolean {
    return this.#open.size === 0;
  }

  /** Nearly always nothing is open, as in every walk of a source. */
  #find(entry: Entry): WrittenFile | undefined {
    return this.#open.size === 0 ? undefined : this.#open.get(keyOf(entry));
  }

  /** The file as it is held for writing, or null. */
  held(entry: Entry): HeldItem | null {
    const file = this.#find(entry);
    return file ? new HeldItem(entry, file.handle) : null;
  }

  pending(entry: Entry): AttributeChange | null {
    return this.#find(entry)?.pending ?? null;
  }

  capability(entry: Entry): Uint8Array | null | undefined {
    return this.#find(entry)?.capability;
  }

  /** Takes over the handle of a file that was just made. */
  add(entry: Entry, handle: number, pending: AttributeChange, { uid, gid }: Owner): void {
    this.#makeRoom();
    this.#open.set(keyOf(entry), { entry, handle, uid, gid, pending, capability: undefined });
  }

  #makeRoom(): void {
    if (this.#open.size < maxOpenFiles) return;
    for (const { entry } of [...this.#open.values()]) {
      if (this.#open.size < maxOpenFiles) return;
      this.finish(entry);
    }
  }

  #forWriting(entry: Entry): WrittenFile {
    const known = this.#find(entry);
    if (known) return known;
    this.#items.close(entry);
    this.#makeRoom();
    const handle = this.#openToWrite(entry);
    const held = new HeldItem(entry, handle);
    const { uid, gid, mode, mtime, mtimeNanos } = this.#folders.stat.item(entry.id, '', false);
    const capability = this.#xattrs.value(held, capabilityName) ?? undefined;
    const file: WrittenFile = { entry, handle, uid, gid, pending: { mode, mtime, mtimeNanos }, capability };
    this.#open.set(keyOf(entry), file);
    return file;
  }

  /** Leaves the file's attributes of before in `stat`. An owner without permission gives it to himself for a moment. */
  #openToWrite(entry: Entry): number {
    try {
      return this.#items.open(entry, openFlags.readWrite);
    } catch (error) {
      if (!hasCode(error, 'EACCES')) throw error;
    }
    return this.#items.withPath(entry, (named) => {
      const held = new HeldItem(entry, named, true);
      const before = this.#folders.stat.item(entry.id, '', false);
      this.#calls.apply(held, { mode: before.mode | 0o600 }, () => before);
      try {
        return this.#items.open(entry, openFlags.readWrite);
      } finally {
        this.#calls.apply(held, { mode: before.mode }, () => before);
        this.#folders.statHandle(named, held.path);
      }
    });
  }

  write(entry: Entry, position: number, source: Uint8Array): void {
    const { handle } = this.#forWriting(entry);
    try {
      for (let at = 0; at < source.length; ) at += writeSync(handle, source, at, source.length - at, position + at);
    } catch (cause) {
      throw storeError(cause, 'write', pathOf(entry.place));
    }
  }

  truncate(entry: Entry, size: number): void {
    const { handle } = this.#forWriting(entry);
    try {
      ftruncateSync(handle, size);
    } catch (cause) {
      throw storeError(cause, 'truncate', pathOf(entry.place));
    }
  }

  /** Keeps the change until the file is finished; false if it is not being written. */
  change(entry: Entry, change: AttributeChange): boolean {
    const file = this.#find(entry);
    if (!file) return false;
    const { uid, gid, ...rest } = change;
    // Nearly always the owner was given when the file was made.
    const wasGiven = file.pending.uid === undefined && file.pending.gid === undefined;
    const isOwned = wasGiven && (uid ?? file.uid) === file.uid && (gid ?? file.gid) === file.gid;
    file.pending = { ...file.pending, ...(isOwned ? rest : change) };
    return true;
  }

  /** As `change`, for the attribute that every write clears. */
  setCapability(entry: Entry, value: Uint8Array | null): boolean {
    const file = this.#find(entry);
    if (file) file.capability = value === null ? null : Uint8Array.from(value);
    return file !== undefined;
  }

  /** Puts the attributes on and closes. */
  finish(entry: Entry): void {
    const file = this.#find(entry);
    if (!file) return;
    const held = new HeldItem(entry, file.handle);
    this.#open.delete(keyOf(entry));
    try {
      this.#calls.apply(held, file.pending, () => {
        this.#folders.statHandle(file.handle, held.path);
        return this.#folders.stat.item(entry.id, '', false);
      });
      if (file.capability !== undefined) this.#xattrs.set(held, capabilityName, file.capability);
    } finally {
      this.#native.calls.close(file.handle);
    }
  }

  finishAll(): void {
    for (const { entry } of [...this.#open.values()]) this.finish(entry);
  }

  /** Closes without touching the file any more. */
  drop(entry: Entry): void {
    const file = this.#find(entry);
    if (!file) return;
    this.#open.delete(keyOf(entry));
    this.#native.calls.close(file.handle);
  }

  dropAll(): void {
    for (const { entry } of [...this.#open.values()]) this.drop(entry);
  }
}

function keyOf(entry: Entry): string {
  return `${entry.device}:${entry.inode}`;
}
