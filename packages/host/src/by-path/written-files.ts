// Files whose content is being written, by node:fs. What writing moves is put back when a file is finished: when too many
// are open, at a commit, and when its id is released. Then it is synced, because node:fs has no call that syncs all.

import * as fs from 'node:fs';
import type { AttributeChange } from '@tintype/core';
import { type Entry, pathOf } from '../entry.js';
import { attempt } from '../errno.js';
import { maxOpenFiles } from '../limits.js';
import { applyByPath } from './attributes.js';
import type { PathSight } from './sight.js';

interface WrittenFile {
  /** By which it was opened; another hard link of the file finds it as well. */
  readonly entry: Entry;
  readonly handle: number;
  pending: AttributeChange;
}

export class WrittenPaths {
  readonly #sightOf: (handle: number, path: string) => PathSight;
  /** By device and inode: what is done through one hard link is seen through all. Oldest first. */
  readonly #open = new Map<string, WrittenFile>();

  constructor(sightOf: (handle: number, path: string) => PathSight) {
    this.#sightOf = sightOf;
  }

  get isIdle(): boolean {
    return this.#open.size === 0;
  }

  #find(entry: Entry): WrittenFile | undefined {
    return this.#open.size === 0 ? undefined : this.#open.get(keyOf(entry));
  }

  pending(entry: Entry): AttributeChange | null {
    return this.#find(entry)?.pending ?? null;
  }

  isOpen(entry: Entry): boolean {
    return this.#find(entry) !== undefined;
  }

  /** Takes over the handle of a file that was opened for writing. */
  add(entry: Entry, handle: number, pending: AttributeChange): void {
    for (const oldest of [...this.#open.values()]) {
      if (this.#open.size < maxOpenFiles) break;
      this.finish(oldest.entry);
    }
    this.#open.set(keyOf(entry), { entry, handle, pending });
  }

  /** Of a file that was added. */
  write(entry: Entry, position: number, source: Uint8Array): void {
    const handle = this.#handleOf(entry);
    attempt('write', pathOf(entry.place), () => {
      for (let at = 0; at < source.length; ) at += fs.writeSync(handle, source, at, source.length - at, position + at);
    });
  }

  /** Of a file that was added. */
  truncate(entry: Entry, size: number): void {
    const handle = this.#handleOf(entry);
    attempt('truncate', pathOf(entry.place), () => fs.ftruncateSync(handle, size));
  }

  #handleOf(entry: Entry): number {
    return this.#find(entry)?.handle ?? -1;
  }

  /** Keeps the change until the file is finished; false if it is not being written. */
  change(entry: Entry, change: AttributeChange): boolean {
    const file = this.#find(entry);
    if (file) file.pending = { ...file.pending, ...change };
    return file !== undefined;
  }

  /** Puts the attributes on, syncs and closes. */
  finish(entry: Entry): void {
    const file = this.#find(entry);
    if (!file) return;
    const { handle } = file;
    const path = pathOf(file.entry.place);
    this.#open.delete(keyOf(entry));
    try {
      const now = () => this.#sightOf(handle, path).item(entry.id, '', false);
      applyByPath({ path, handle, isLink: false, now }, file.pending);
      attempt('sync', path, () => fs.fsyncSync(handle));
    } finally {
      fs.closeSync(handle);
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
    fs.closeSync(file.handle);
  }

  dropAll(): void {
    for (const { entry } of [...this.#open.values()]) this.drop(entry);
  }
}

function keyOf(entry: Entry): string {
  return `${entry.device}:${entry.inode}`;
}
