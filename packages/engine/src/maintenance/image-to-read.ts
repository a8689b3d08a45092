// What every command does that only reads one image, and may write another file.

import { realpathSync } from 'node:fs';
import { type FileStore, RefusedError } from '@tintype/core';
import { type DiskImage, openImage } from '@tintype/image';
import type { RunContext } from '../operation.js';

/** Opens an image to be looked at: no lock is waited for, and Time Machine's may be read. */
export function imageToRead(
  path: string,
  passphrase: Uint8Array | undefined,
  { store, holder }: Pick<RunContext, 'store' | 'holder'>,
): DiskImage {
  return openImage(store, path, { writable: false, waitLock: 0, holder, allowTimeMachine: true, passphrase });
}

export interface OutFile {
  readonly image: string;
  readonly out: string;
  readonly overwrite?: boolean | undefined;
}

/** @throws RefusedError if something is at `out` that may not be replaced */
export function requireFreeOut(store: FileStore, { image, out, overwrite }: OutFile): void {
  if (store.kind(out) === null) return;
  if (!overwrite) throw new RefusedError('exists', `${out} exists already`, { path: out });
  if (store.kind(image) !== null && realpathSync(out) === realpathSync(image))
    throw new RefusedError('same-file', `${out} is the image itself`, { path: out });
}
