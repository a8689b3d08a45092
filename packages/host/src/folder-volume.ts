// A host folder as a `FileSystem` of one volume.

import { assert, type FileSystem, UnsupportedError, type WritableVolume } from '@tintype/core';
import { FolderWriter } from './folder-writer.js';
import type { NativeLibrary } from './native.js';
import { missingCalls, nativeLibrary } from './native.js';

/** How a folder is opened. */
export interface HostFolderOptions {
  readonly writable: boolean;
}

/**
 * Opens a folder of the host; its path may lead through links, what lies below is never followed.
 * @throws StoreError `ENOENT`, `ENOTDIR`, `EACCES`, …
 */
export function openHostFolder(path: string, options: HostFolderOptions): FileSystem {
  const native = nativeLibrary();
  if (!native) throw new UnsupportedError(`folders of this host: it lacks ${missingCalls().join(', ')}`, { path });
  return new HostFolder(native, path, options.writable);
}

class HostFolder implements FileSystem {
  readonly kind = 'host';
  readonly uuid = '';
  readonly blockSize = 4096;
  readonly writable: boolean;
  readonly volumes: readonly WritableVolume[];
  readonly commitDue = false;
  readonly #native: NativeLibrary;
  readonly #volume: FolderWriter;
  readonly #path: string;
  #isOpen = true;

  constructor(native: NativeLibrary, path: string, writable: boolean) {
    this.#native = native;
    this.#path = path;
    this.writable = writable;
    this.#volume = new FolderWriter(native, path, { writable });
    this.volumes = [this.#volume];
  }

  get capacity(): number {
    return this.#volume.facts().capacity;
  }

  get free(): number {
    return this.#volume.facts().free;
  }

  /** A host folder has no moment at which all of it appears: what is there is made durable. */
  commit(): void {
    if (!this.writable) return;
    this.#volume.settle();
    this.#native.check(this.#native.calls.syncfs(this.#volume.rootHandle), 'sync', this.#path);
  }

  freeRanges(): null {
    return null;
  }

  createSnapshot(): never {
    throw new UnsupportedError('a host folder has no snapshots', { path: this.#path });
  }
  renameSnapshot(): never {
    throw new UnsupportedError('a host folder has no snapshots', { path: this.#path });
  }
  deleteSnapshot(): never {
    throw new UnsupportedError('a host folder has no snapshots', { path: this.#path });
  }
  revertToSnapshot(): never {
    throw new UnsupportedError('a host folder has no snapshots', { path: this.#path });
  }

  sizeLimits(): null {
    return null;
  }

  resize(): void {
    throw new UnsupportedError('a host folder has no size', { path: this.#path });
  }

  close(): void {
    assert(this.#isOpen, 'a file system is closed once');
    try {
      this.commit();
    } finally {
      this.abandon();
    }
  }

  abandon(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#volume.abandon();
    this.#volume.end();
  }
}
