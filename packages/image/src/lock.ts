// Locks as macOS takes them: whole-file locks on `lock` and `token` of a bundle, on the file itself otherwise.

import { type FileStore, LockedError, type LockKind, StoreError, type StoreFile } from '@tintype/core';

/** Between two attempts of those who wait. */
export const RETRY_MS = 200;

export interface HeldLock {
  release(): void;
}

/** Waits up to `wait` milliseconds. @throws LockedError */
export function takeLocks(files: readonly StoreFile[], kind: LockKind, wait: number, path: string): void {
  const started = process.hrtime.bigint();
  for (const file of files)
    while (!file.lock(kind)) {
      if (Number(process.hrtime.bigint() - started) / 1e6 >= wait) throw new LockedError(path, 'another process');
      sleep(RETRY_MS);
    }
}

/** Blocks this thread. */
export function sleep(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

/** Closes all of them, whatever becomes of one. @throws the first failure */
export function closeEach(files: readonly StoreFile[]): void {
  let failure: unknown = null;
  for (const file of files)
    try {
      file.close();
    } catch (error) {
      failure ??= error;
    }
  if (failure !== null) throw failure;
}

/** Locks `lock` (made if missing) and `token` of a bundle. A bundle that cannot be locked for reading is read all the same. */
export function lockBundle(store: FileStore, bundle: string, writable: boolean, wait: number): HeldLock {
  const files: StoreFile[] = [];
  const release = () => closeEach(files);
  try {
    for (const name of ['lock', 'token']) {
      const path = `${bundle}/${name}`;
      const kind = store.kind(path);
      if (kind === null && !(writable && name === 'lock')) continue;
      files.push(store.open(path, kind === null ? 'create' : writable ? 'write' : 'read'));
    }
    takeLocks(files, writable ? 'exclusive' : 'shared', wait, bundle);
    return { release };
  } catch (error) {
    release();
    if (!writable && error instanceof StoreError) return { release: () => {} };
    throw error;
  }
}
