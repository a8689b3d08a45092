// A host folder as a `FileSystem` of one volume.

import { assert, type FileSystem, type StoreFacts, UnsupportedError, type WritableVolume } from '@tintype/core';
import { PathWriter } from './by-path/path-writer.js';
import { FolderWriter } from './folder-writer.js';
import { nativeLibrary } from './native.js';

/** How a folder is opened. */
export interface HostFolderOptions {
  readonly writable: boolean;
}

/**
 * Opens a folder of the host; its path may lead through links, what lies below is never followed. Where this host's
 * system calls are not written here (`missingCalls`) it is walked by path.
 * @throws StoreError `ENOENT`, `ENOTDIR`, `EACCES`, …
 */
export function openHostFolder(path: string, options: HostFolderOptions): FileSystem {
  const native = nativeLibrary();
  const volume = native ? new FolderWriter(native, path, options) : new PathWriter(path, options);
  return new HostFolder(volume, path, options.writable);
}

/** What a folder's volume does beside what every volume does. */
interface FolderVolume extends WritableVolume {
  facts(): StoreFacts;
  /** All files finished, all folders' own times put back. */
  settle(): void;
  /** Makes durable what was settled. */
  sync(): void;
  /** Leaves everything as it is at this moment. */
  abandon(): void;
  /** Gives up all handles. */
  end(): void;
}

class HostFolder implements FileSystem {
  readonly kind = 'host';
  readonly uuid = '';
  readonly blockSize = 4096;
  readonly writable: boolean;
  readonly volumes: readonly WritableVolume[];
  readonly commitDue = false;
  readonly #volume: FolderVolume;
  readonly #path: string;
  #isOpen = true;

  constructor(volume: FolderVolume, path: string, writable: boolean) {
    this.#path = path;
    this.writable = writable;
    this.#volume = volume;
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
    this.#volume.sync();
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
