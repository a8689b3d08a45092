// What a path given as a source or a target stands for: a folder of the host, or a volume in an image.

import { statSync } from 'node:fs';
import {
  type FileStore,
  type FileSystem,
  hostPath,
  type Item,
  type Lanes,
  RefusedError,
  type Volume,
  type WritableVolume,
} from '@tintype/core';
import { attempt, openHostFolder } from '@tintype/host';
import { detect } from '@tintype/image';
import { locking } from '../locking.js';
import { openingNotices } from '../opening-notices.js';
import type { ImageChoice, RunContext, SecondPassphrase } from '../operation.js';
import { openStack, type Stack } from '../stack.js';
import { findItem } from '../tree/find-item.js';

export interface Side {
  readonly path: string;
  readonly volume: WritableVolume;
  readonly fileSystem: FileSystem;
  /** Null for a folder. */
  readonly stack: Stack | null;
  close(): void;
  /** Closes without a commit. */
  abandon(): void;
}

/** Opens a folder or an image to read. @throws RefusedError if nothing is there */
export function openReadable(path: string, choice: ImageChoice, context: RunContext, lanes?: Lanes): Side {
  if (
    context.store.kind(path) === null &&
    attempt('stat', path, () => statSync(hostPath(path), { throwIfNoEntry: false })) === undefined
  )
    throw new RefusedError('no-source', `there is nothing at ${path}`, { path });
  return isImage(context.store, path) ? imageSide(path, false, choice, context, lanes) : folderSide(path, false);
}

/**
 * Opens a folder or an image to read all of it: where the container has checksums, they are compared first, so that nothing
 * comes of what is damaged. @throws RefusedError `checksum`, or if nothing is there; CancelledError
 */
export function openWhole(path: string, choice: ImageChoice, context: RunContext): Side {
  const lanes = isCompressed(context.store, path) ? context.newLanes?.() : undefined;
  let side: Side | null = null;
  try {
    side = openReadable(path, choice, context, lanes);
    if (!choice.ignoreChecksums) requireChecksums(side, context);
    const { close, abandon } = side;
    return { ...side, close: () => endingWith(lanes, close), abandon: () => endingWith(lanes, abandon) };
  } catch (error) {
    endingWith(lanes, () => side?.abandon());
    throw error;
  }
}

function requireChecksums({ stack }: Side, { emit, progress }: RunContext): void {
  const require = stack?.image.requireChecksums;
  if (!require) return;
  emit({ type: 'phase', name: 'verify' });
  require(() => progress.check());
}

/** True for what may be a UDIF. */
function isCompressed(store: FileStore, path: string): boolean {
  if (store.kind(path) !== 'file') return false;
  const kind = detect(store, path)?.kind;
  return kind === 'udif' || kind === 'encrypted';
}

function endingWith(lanes: Lanes | undefined, end: () => void): void {
  try {
    end();
  } finally {
    lanes?.close();
  }
}

export function imageSide(
  path: string,
  writable: boolean,
  choice: ImageChoice,
  context: RunContext,
  lanes?: Lanes,
): Side {
  const { volume, snapshot, allowTimeMachine, passphrase, ignoreChecksums } = choice;
  const { store, now, random } = context;
  const places = { store, now, random, ...locking(path, choice, context) };
  const chosen = { volume, snapshot, allowTimeMachine, passphrase, ignoreChecksums };
  const report = openingNotices(path, context);
  const stack = openStack(path, { ...places, ...chosen, writable, lanes, report });
  return {
    path,
    volume: stack.volume,
    fileSystem: stack.fileSystem,
    stack,
    close: stack.close,
    abandon: stack.abandon,
  };
}

export function folderSide(path: string, writable: boolean): Side {
  if (!isFolder(path)) throw new RefusedError('not-a-folder', `${path} is neither a folder nor a disk image`, { path });
  const fileSystem = openHostFolder(path, { writable });
  const volume = fileSystem.volumes[0] as WritableVolume;
  return {
    path,
    volume,
    fileSystem,
    stack: null,
    close: () => fileSystem.close(),
    abandon: () => fileSystem.abandon(),
  };
}

/** Through links. @throws StoreError */
function isFolder(path: string): boolean {
  const stats = attempt('stat', path, () => statSync(hostPath(path), { throwIfNoEntry: false }));
  return stats?.isDirectory() ?? false;
}

/** Something is to be copied out to this folder, or it is to be made; a bundle is a folder, too. @throws RefusedError */
export function requireFolder(store: FileStore, path: string): void {
  if (!isImage(store, path)) return;
  throw new RefusedError('not-a-folder', `${path} is a disk image, not a folder to copy out to`, { path });
}

/** True if the path holds a disk image, by content. */
export function isImage(store: FileStore, path: string): boolean {
  return store.kind(path) !== null && detect(store, path) !== null;
}

/** Which passphrase is the second image's: its own, else the only one given, unless that is the first image's. */
export function secondPassphrase(
  first: string,
  { passphrase, newPassphrase }: SecondPassphrase & Pick<ImageChoice, 'passphrase'>,
  { store }: RunContext,
): Uint8Array | undefined {
  const isFirstEncrypted = store.kind(first) !== null && detect(store, first)?.kind === 'encrypted';
  return isFirstEncrypted ? newPassphrase : (newPassphrase ?? passphrase);
}

/** True if a `--path` names nothing less than the volume. */
export function isWholeVolume(path: string | undefined): boolean {
  return (path ?? '/').split('/').every((name) => name === '');
}

/** The item at an absolute path inside a volume. @throws RefusedError if there is none */
export function itemAt(volume: Volume, path: string): Item {
  const item = findItem(volume, path);
  if (!item) throw new RefusedError('no-item', `there is no ${path} in the volume`, { path });
  return item;
}
