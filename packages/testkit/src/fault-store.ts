// A host on which one call fails: the n-th, of all or of one kind. A test runs its body with n = 1, 2, 3 … until no call
// failed any more, and so has seen every failure there can be.

import {
  type EntryKind,
  type FileStore,
  type LockKind,
  type OpenMode,
  type StoreEntry,
  StoreError,
  type StoreFacts,
  type StoreFile,
} from '@tintype/core';

/** The calls to a store and its files that can be made to fail. */
export type FaultKind =
  | 'open'
  | 'kind'
  | 'list'
  | 'rename'
  | 'remove'
  | 'makeFolder'
  | 'link'
  | 'syncFolder'
  | 'facts'
  | 'size'
  | 'allocated'
  | 'read'
  | 'write'
  | 'allocate'
  | 'truncate'
  | 'punch'
  | 'lock'
  | 'sync'
  | 'close';

/** Which call to a store fails, and how. */
export interface Fault {
  /** Which call fails, counted from 1; among those of `kinds` only, if given. */
  readonly call: number;
  readonly kinds?: readonly FaultKind[];
  /** Only calls about these paths are counted and fail. */
  readonly about?: (path: string) => boolean;
  /** `EIO`, `ENOSPC`, … */
  readonly code: string;
  /** `half`: of a write, allocation or punch its first half was done; every other call was done, and then failed. */
  readonly effect?: 'none' | 'half';
  /** How many calls (of the kinds) in a row fail, as while a link is lost; Infinity: for good. Default 1. */
  readonly lasts?: number;
}

/** What the call does: nothing special, or fail before or after a part of it took effect. */
type Verdict = 'sound' | 'none' | 'half';

/** A store whose n-th call fails. */
export class FaultStore implements FileStore {
  readonly #below: FileStore;
  readonly #fault: Fault;
  #calls = 0;

  constructor(below: FileStore, fault: Fault) {
    this.#below = below;
    this.#fault = fault;
  }
  /** True once the call has failed. */
  get fired(): boolean {
    return this.#calls >= this.#fault.call;
  }
  /** Calls so far (of the kinds). */
  get calls(): number {
    return this.#calls;
  }

  open(path: string, mode: OpenMode): StoreFile {
    return this.run('open', path, () => new FaultFile(this, this.#below.open(path, mode)), null);
  }
  kind(path: string): EntryKind | null {
    return this.run('kind', path, () => this.#below.kind(path), null);
  }
  list(path: string): StoreEntry[] {
    return this.run('list', path, () => this.#below.list(path), null);
  }
  rename(from: string, to: string): void {
    this.run('rename', from, () => this.#below.rename(from, to));
  }
  remove(path: string): void {
    this.run('remove', path, () => this.#below.remove(path));
  }
  link(from: string, to: string): boolean {
    return this.run('link', from, () => this.#below.link(from, to), null);
  }
  makeFolder(path: string): void {
    this.run('makeFolder', path, () => this.#below.makeFolder(path));
  }
  syncFolder(path: string): void {
    this.run('syncFolder', path, () => this.#below.syncFolder(path));
  }
  facts(path: string): StoreFacts {
    return this.run('facts', path, () => this.#below.facts(path), null);
  }

  /** For the open files: counts the call, does it or its half, and throws if it is its turn. */
  run<T>(kind: FaultKind, path: string, whole: () => T, half: (() => void) | null = whole): T {
    const verdict = this.#verdict(kind, path);
    if (verdict === 'sound') return whole();
    if (verdict === 'half') half?.();
    throw new StoreError(this.#fault.code, kind, path);
  }

  #verdict(kind: FaultKind, path: string): Verdict {
    const { call, kinds, about, effect = 'none', lasts = 1 } = this.#fault;
    if ((kinds && !kinds.includes(kind)) || about?.(path) === false) return 'sound';
    this.#calls += 1;
    return this.#calls >= call && this.#calls < call + lasts ? effect : 'sound';
  }
}

class FaultFile implements StoreFile {
  readonly #store: FaultStore;
  readonly #below: StoreFile;

  constructor(store: FaultStore, below: StoreFile) {
    this.#store = store;
    this.#below = below;
  }
  get path(): string {
    return this.#below.path;
  }
  size(): number {
    return this.#store.run('size', this.path, () => this.#below.size());
  }
  allocated(position: number, length: number): number {
    return this.#store.run('allocated', this.path, () => this.#below.allocated(position, length));
  }
  read(position: number, target: Uint8Array): number {
    return this.#store.run('read', this.path, () => this.#below.read(position, target));
  }
  write(position: number, source: Uint8Array): void {
    const half = source.subarray(0, source.length >>> 1);
    this.#run(
      'write',
      () => this.#below.write(position, source),
      () => this.#below.write(position, half),
    );
  }
  allocate(position: number, length: number): void {
    const half = Math.floor(length / 2);
    this.#run(
      'allocate',
      () => this.#below.allocate(position, length),
      () => this.#below.allocate(position, half),
    );
  }
  truncate(length: number): void {
    this.#store.run('truncate', this.path, () => this.#below.truncate(length));
  }
  punch(position: number, length: number): boolean {
    const half = Math.floor(length / 2);
    return this.#run(
      'punch',
      () => this.#below.punch(position, length),
      () => void this.#below.punch(position, half),
    );
  }
  lock(kind: LockKind): boolean {
    return this.#store.run('lock', this.path, () => this.#below.lock(kind), null);
  }
  sync(): void {
    this.#store.run('sync', this.path, () => this.#below.sync());
  }
  /** A close that fails has closed the file nevertheless, as on every system. */
  close(): void {
    let closed = false;
    const close = (): void => {
      if (!closed) this.#below.close();
      closed = true;
    };
    try {
      this.#store.run('close', this.path, close);
    } finally {
      close();
    }
  }

  #run<T>(kind: FaultKind, whole: () => T, half: () => void): T {
    return this.#store.run(kind, this.path, whole, half);
  }
}
