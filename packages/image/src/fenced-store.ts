// A store through which nothing is done to an image unless its lease is still ours. The fence stands at the host's calls:
// between two of them a process may be stopped for as long as it takes another to break the lease, and one change of the
// device is many calls (a discard removes a thousand bands).

import type { FileStore, LockKind, OpenMode, StoreEntry, StoreFacts, StoreFile } from '@tintype/core';

/** @throws LeaseLostError */
export interface Fence {
  /** Before a call: looks at the lease if that was last done more than a heartbeat ago. */
  requireFresh(): void;
}

export class FencedStore implements FileStore {
  readonly #store: FileStore;
  readonly #fence: Fence;

  constructor(store: FileStore, fence: Fence) {
    this.#store = store;
    this.#fence = fence;
  }
  open(path: string, mode: OpenMode): StoreFile {
    if (mode === 'create') this.#fence.requireFresh();
    return new FencedFile(this.#store.open(path, mode), this.#fence);
  }
  kind(path: string) {
    return this.#store.kind(path);
  }
  list(path: string): StoreEntry[] {
    return this.#store.list(path);
  }
  rename(from: string, to: string): void {
    this.#fence.requireFresh();
    this.#store.rename(from, to);
  }
  remove(path: string): void {
    this.#fence.requireFresh();
    this.#store.remove(path);
  }
  link(from: string, to: string): boolean {
    this.#fence.requireFresh();
    return this.#store.link(from, to);
  }
  makeFolder(path: string): void {
    this.#fence.requireFresh();
    this.#store.makeFolder(path);
  }
  syncFolder(path: string): void {
    this.#store.syncFolder(path);
  }
  facts(path: string): StoreFacts {
    return this.#store.facts(path);
  }
}

export class FencedFile implements StoreFile {
  readonly #file: StoreFile;
  readonly #fence: Fence;

  constructor(file: StoreFile, fence: Fence) {
    this.#file = file;
    this.#fence = fence;
  }
  get path(): string {
    return this.#file.path;
  }
  size(): number {
    return this.#file.size();
  }
  allocated(position: number, length: number): number {
    return this.#file.allocated(position, length);
  }
  /** What another one writes now makes no sense together with what was read before. */
  read(position: number, target: Uint8Array): number {
    this.#fence.requireFresh();
    return this.#file.read(position, target);
  }
  write(position: number, source: Uint8Array): void {
    this.#fence.requireFresh();
    this.#file.write(position, source);
  }
  allocate(position: number, length: number): void {
    this.#fence.requireFresh();
    this.#file.allocate(position, length);
  }
  truncate(length: number): void {
    this.#fence.requireFresh();
    this.#file.truncate(length);
  }
  punch(position: number, length: number): boolean {
    this.#fence.requireFresh();
    return this.#file.punch(position, length);
  }
  lock(kind: LockKind): boolean {
    return this.#file.lock(kind);
  }
  sync(): void {
    this.#file.sync();
  }
  close(): void {
    this.#file.close();
  }
}
