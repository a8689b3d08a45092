// Lock and lease of an image, taken before anything of it is read: until then a writer before us may still change it.

import { type FileStore, LockedError, type StoreFile } from '@tintype/core';
import type { OpenImageOptions } from './disk-image.js';
import { FencedFile, FencedStore } from './fenced-store.js';
import { HEARTBEAT_MS, Lease, leaseHolder } from './lease.js';
import { type LeasePlace, leaseGenerations, leasePath, NOBODY, readLease, removeIfThere } from './lease-file.js';
import { type HeldLock, lockBundle, takeLocks } from './lock.js';

export type ClaimOptions = Pick<OpenImageOptions, 'holder' | 'waitLock' | 'breakLock'>;

/** Folder and name of an image's files: where its lease lies. */
export function leasePlace(path: string, isBundle: boolean): LeasePlace {
  if (isBundle) return { folder: path, prefix: 'tintype.lease.' };
  const slash = path.lastIndexOf('/');
  return { folder: slash < 0 ? '.' : path.slice(0, slash) || '/', prefix: `.${path.slice(slash + 1)}.tintype.lease.` };
}

/** Who holds the image for writing, or null. */
export function lockHolder(store: FileStore, path: string): string | null {
  return leaseHolder(store, leasePlace(path, store.kind(path) === 'directory'));
}

/** Of an image in one file that was removed: the leases that were given up without a clean close. Those in a bundle go with it. */
export function removeGivenUpLeases(store: FileStore, path: string): void {
  const place = leasePlace(path, false);
  for (const generation of leaseGenerations(store, place)) {
    const lease = leasePath(place, generation);
    if (readLease(store, lease)?.content?.pid === NOBODY) removeIfThere(store, lease);
  }
}

export interface LockedFiles extends HeldLock {
  /** Of an image in one file: that file, on which the lock hangs. Whoever closes it does not call `release`. */
  readonly file: StoreFile | null;
}

/** Locks an image as macOS does. @throws LockedError that names the holder, StoreError */
export function lockImage(
  store: FileStore,
  path: string,
  { writable, waitLock }: Pick<OpenImageOptions, 'writable' | 'waitLock'>,
): LockedFiles {
  try {
    if (store.kind(path) === 'directory') return { ...lockBundle(store, path, writable, waitLock), file: null };
    const file = store.open(path, writable ? 'write' : 'read');
    try {
      takeLocks([file], writable ? 'exclusive' : 'shared', waitLock, path);
    } catch (error) {
      file.close();
      throw error;
    }
    return { file, release: () => file.close() };
  } catch (error) {
    const holder = error instanceof LockedError ? lockHolder(store, path) : null;
    throw holder === null ? error : new LockedError(path, holder);
  }
}

/** What a writer works with: its lease, and its image's files behind a fence. */
export interface Leased {
  /** Null for a device, which has no folder of its own. */
  readonly lease: Lease | null;
  readonly store: FileStore;
  fenced(file: StoreFile): StoreFile;
}

/** The image is locked. @throws LockedError, StoreError */
export function leaseImage(store: FileStore, path: string, options: ClaimOptions): Leased {
  const kind = store.kind(path);
  if (kind === 'device') return unleased(store);
  const { holder, waitLock, breakLock } = options;
  const lease = Lease.take({
    store,
    ...leasePlace(path, kind === 'directory'),
    holder,
    image: path,
    heartbeat: holder.heartbeat ?? HEARTBEAT_MS,
    wait: waitLock,
    breakLock,
  });
  return { lease, store: new FencedStore(store, lease), fenced: (file) => new FencedFile(file, lease) };
}

/** Of those who only read. */
export const unleased = (store: FileStore): Leased => ({ lease: null, store, fenced: (file) => file });

export interface Claim extends HeldLock {
  /** For the files of the image. */
  readonly store: FileStore;
  /** Gives the image up as it was found. */
  handOn(): void;
}

/** Takes lock and lease of an image without opening it: to replace or remove it, or to change its header. */
export function claimImage(store: FileStore, path: string, options: ClaimOptions): Claim {
  const left = waitingFrom(options.waitLock);
  const lock = lockImage(store, path, { writable: true, waitLock: options.waitLock });
  try {
    const leased = leaseImage(store, path, { ...options, waitLock: left() });
    const give = (back: () => void) => {
      try {
        back();
      } finally {
        lock.release();
      }
    };
    return {
      store: leased.store,
      release: () => give(() => leased.lease?.release()),
      handOn: () => give(() => leased.lease?.handOn()),
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** What is left of so many milliseconds, from now on. */
export function waitingFrom(milliseconds: number): () => number {
  const started = process.hrtime.bigint();
  return () => Math.max(0, milliseconds - Number(process.hrtime.bigint() - started) / 1e6);
}
