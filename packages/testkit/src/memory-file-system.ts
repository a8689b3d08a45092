// The file system around a model volume: a commit does nothing, there is always room.

import { type FileSystem, type Range, type SizeLimits, UnsupportedError } from '@tintype/core';
import { MemoryVolume } from './memory-volume.js';

const CAPACITY = 2 ** 45;

/** A file system of one `MemoryVolume`. */
export class MemoryFileSystem implements FileSystem {
  readonly kind = 'memory';
  readonly blockSize = 4096;
  readonly writable = true;
  readonly capacity = CAPACITY;
  readonly free = CAPACITY;
  readonly commitDue = false;
  readonly volumes: readonly [MemoryVolume];
  /** How often `commit` was called, and whether it is closed: for tests of the caller. */
  commits = 0;
  closed = false;

  constructor(readonly volume: MemoryVolume = new MemoryVolume()) {
    this.volumes = [volume];
  }
  get uuid(): string {
    return this.volume.uuid;
  }
  commit(): void {
    this.commits += 1;
  }
  freeRanges(): Iterable<Range> | null {
    return null;
  }
  createSnapshot(): never {
    throw new UnsupportedError('the model has no snapshots');
  }
  renameSnapshot(): never {
    throw new UnsupportedError('the model has no snapshots');
  }
  deleteSnapshot(): never {
    throw new UnsupportedError('the model has no snapshots');
  }
  revertToSnapshot(): never {
    throw new UnsupportedError('the model has no snapshots');
  }
  sizeLimits(): SizeLimits | null {
    return null;
  }
  resize(_size: number): void {}
  close(): void {
    this.commits += 1;
    this.closed = true;
  }
  abandon(): void {
    this.closed = true;
  }
}
