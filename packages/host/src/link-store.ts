// A store whose far end may go away: a share, a disk on a cable. What the host then says becomes one class of error, for
// the files of one image only, so that a source on the same store is never taken for it.
//
// Nothing is repeated here: after a link was cut an open handle stays dead, and writes that were acknowledged may be lost.

import {
  type EntryKind,
  type FileStore,
  LinkLostError,
  type LockKind,
  type OpenMode,
  type Progress,
  type StoreEntry,
  StoreError,
  type StoreFacts,
  type StoreFile,
} from '@tintype/core';

/** What hosts say when a disk, a share or the link to it is gone; EINTR: a call that was broken off. */
const LOST = new Set(
  (
    'EIO ESTALE ETIMEDOUT ENOTCONN EHOSTDOWN EHOSTUNREACH ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ' +
    'ECONNREFUSED EPIPE ESHUTDOWN ENODEV ENOMEDIUM EREMOTEIO ENOLINK EINTR'
  ).split(' '),
);

/** True for what a host says that went away, if it is not about a name that is missing. */
export function isLossCode(code: string): boolean {
  return LOST.has(code);
}

/** Whose files are watched, and who is told when they can no longer be reached. */
export interface LinkOptions {
  /** Of the image. Its own files, those beside it as `.NAME.…` and the folder around it are watched, no others. */
  readonly path: string;
  /** And files of other names that belong to it. */
  readonly more?: readonly string[];
  /** Told of each call, so that another thread can see one that hangs. */
  readonly progress?: Progress;
}

/** A store whose losses of a disk or a share are told apart from other failures, as `LinkLostError`. */
export class LinkStore implements FileStore {
  readonly #below: FileStore;
  readonly #path: string;
  readonly #parent: string;
  /** Of a bundle: nothing that is done to an image removes it. */
  readonly #bands: string;
  /** What the paths of files beside the image begin with: leases, drafts, copies of headers. */
  readonly #beside: string;
  readonly #more: readonly string[];
  readonly #progress: Progress | null;
  #isKnown = false;
  #depth = 0;

  constructor(below: FileStore, { path, more = [], progress }: LinkOptions) {
    this.#below = below;
    this.#path = plain(path);
    this.#parent = parentOf(this.#path);
    this.#bands = `${this.#path}/bands`;
    const at = this.#path.lastIndexOf('/') + 1;
    this.#beside = `${this.#path.slice(0, at)}.${this.#path.slice(at)}.`;
    this.#more = more.map(plain);
    this.#progress = progress ?? null;
  }

  /** The image is there: from now on a missing one is one that went away. */
  know(): void {
    this.#isKnown = true;
  }

  open(path: string, mode: OpenMode): StoreFile {
    if (!this.#isOurs(path)) return this.#below.open(path, mode);
    return this.watch('open', path, () => new LinkFile(this, this.#below.open(path, mode)));
  }
  /** @throws LinkLostError if the image was there before, or its folder of bands, and is not */
  kind(path: string): EntryKind | null {
    const kind = this.#about('stat', path, () => this.#below.kind(path));
    if (kind === null && this.#isKnown && [this.#path, this.#bands].includes(plain(path)))
      throw new LinkLostError('ENOENT', 'stat', path);
    return kind;
  }
  list(path: string): StoreEntry[] {
    return this.#about('list', path, () => this.#below.list(path));
  }
  rename(from: string, to: string): void {
    this.#about('rename', from, () => this.#below.rename(from, to));
  }
  remove(path: string): void {
    this.#about('remove', path, () => this.#below.remove(path));
  }
  link(from: string, to: string): boolean {
    return this.#about('link', from, () => this.#below.link(from, to));
  }
  makeFolder(path: string): void {
    this.#about('mkdir', path, () => this.#below.makeFolder(path));
  }
  syncFolder(path: string): void {
    this.#about('sync', path, () => this.#below.syncFolder(path));
  }
  facts(path: string): StoreFacts {
    return this.#about('facts', path, () => this.#below.facts(path));
  }

  #about<T>(operation: string, path: string, call: () => T): T {
    return this.#isOurs(path) ? this.watch(operation, path, call) : call();
  }

  /** Makes a call that is about the image's files. @throws LinkLostError, and whatever else the call throws */
  watch<T>(operation: string, path: string, call: () => T): T {
    if (this.#depth === 0) this.#progress?.enterCall();
    this.#depth += 1;
    try {
      return call();
    } catch (error) {
      throw this.#judged(error, operation, path);
    } finally {
      this.#depth -= 1;
      if (this.#depth === 0) this.#progress?.leaveCall();
    }
  }

  /** True for the image, what lies in it, and its files beside it. */
  isOwn(given: string): boolean {
    const path = plain(given);
    return (
      path === this.#path ||
      path.startsWith(this.#beside) ||
      this.#more.some((own) => path === own || path.startsWith(`${own}.`)) ||
      (path.startsWith(this.#path) && path[this.#path.length] === '/')
    );
  }

  #isOurs(path: string): boolean {
    return this.isOwn(path) || plain(path) === this.#parent;
  }

  #judged(error: unknown, operation: string, path: string): unknown {
    if (!(error instanceof StoreError) || error instanceof LinkLostError) return error;
    if (LOST.has(error.code) || (error.code === 'ENOENT' && this.#isGone(path)))
      return new LinkLostError(error.code, operation, path, { cause: error });
    return error;
  }

  /** A file that is missing is nothing strange; the image, its bands, or the folder that the file belongs to, are. */
  #isGone(given: string): boolean {
    if (!this.#isKnown) return false;
    const path = plain(given);
    try {
      return path === this.#bands || [this.#path, parentOf(path)].some((place) => this.#below.kind(place) === null);
    } catch (error) {
      if (error instanceof StoreError) return true;
      throw error;
    }
  }
}

class LinkFile implements StoreFile {
  readonly #store: LinkStore;
  readonly #below: StoreFile;

  constructor(store: LinkStore, below: StoreFile) {
    this.#store = store;
    this.#below = below;
  }
  get path(): string {
    return this.#below.path;
  }
  size(): number {
    return this.#store.watch('size', this.path, () => this.#below.size());
  }
  allocated(position: number, length: number): number {
    return this.#store.watch('size', this.path, () => this.#below.allocated(position, length));
  }
  read(position: number, target: Uint8Array): number {
    return this.#store.watch('read', this.path, () => this.#below.read(position, target));
  }
  write(position: number, source: Uint8Array): void {
    this.#store.watch('write', this.path, () => this.#below.write(position, source));
  }
  allocate(position: number, length: number): void {
    this.#store.watch('allocate', this.path, () => this.#below.allocate(position, length));
  }
  truncate(length: number): void {
    this.#store.watch('truncate', this.path, () => this.#below.truncate(length));
  }
  punch(position: number, length: number): boolean {
    return this.#store.watch('punch', this.path, () => this.#below.punch(position, length));
  }
  lock(kind: LockKind): boolean {
    return this.#store.watch('lock', this.path, () => this.#below.lock(kind));
  }
  sync(): void {
    this.#store.watch('sync', this.path, () => this.#below.sync());
  }
  close(): void {
    this.#store.watch('close', this.path, () => this.#below.close());
  }
}

/** Without `./` at the start, slashes at the end and double ones, so that equal places are equal strings. */
function plain(given: string): string {
  const path = given.includes('//') ? given.replace(/\/{2,}/g, '/') : given;
  let start = 0;
  let end = path.length;
  while (path.startsWith('./', start)) start += 2;
  while (end > start + 1 && path[end - 1] === '/') end -= 1;
  return path.slice(start, end);
}

function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '.' : path.slice(0, slash) || '/';
}
