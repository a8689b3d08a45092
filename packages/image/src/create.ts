// New images that read as zeros. Nothing may be at the path; after a failure the caller removes what was made.

import { assert, type FileStore } from '@tintype/core';
import { writeNewAsif } from './asif/create.js';
import type { CreateImageOptions, DiskImage } from './disk-image.js';
import { BANDS_LIMIT, DEFAULT_BAND_SIZE } from './limits.js';
import { takeLocks } from './lock.js';
import { fileContainer, holdImage, type Opened, openBundle } from './open.js';
import { formatInfoPlist } from './sparsebundle/info-plist.js';
import { sparseHeader } from './sparseimage/structs.js';

const SPARSE_IMAGE_BAND = 1 << 20;

/** The smallest power of two, 8 MiB or more, with which the bundle stays at or below 65,536 bands (B14). */
export function bandSizeFor(size: number): number {
  let bandSize = DEFAULT_BAND_SIZE;
  while (size > bandSize * BANDS_LIMIT) bandSize *= 2;
  return bandSize;
}

export function createImage(store: FileStore, path: string, options: CreateImageOptions): DiskImage {
  const opened =
    options.format === 'sparsebundle' ? createBundle(store, path, options) : createFile(store, path, options);
  return holdImage(store, path, opened, { ...options, writable: true });
}

function createBundle(store: FileStore, path: string, { size, bandSize, waitLock }: CreateImageOptions): Opened {
  store.makeFolder(path);
  store.makeFolder(`${path}/bands`);
  const plist = Buffer.from(formatInfoPlist({ bandSize: bandSize ?? bandSizeFor(size), size }));
  for (const [name, content] of [
    ['Info.bckup', plist],
    ['Info.plist', plist],
    ['token', Buffer.alloc(0)],
  ] as const) {
    const file = store.open(`${path}/${name}`, 'create');
    try {
      file.write(0, content);
      file.sync();
    } finally {
      file.close();
    }
  }
  store.syncFolder(path);
  store.syncFolder(parentOf(path));
  return openBundle(store, path, true, waitLock);
}

function createFile(
  store: FileStore,
  path: string,
  { format, size, bandSize, preallocate, waitLock, holder }: CreateImageOptions,
): Opened {
  assert(format !== 'sparsebundle', 'a bundle is no file');
  const file = store.open(path, 'create');
  try {
    takeLocks([file], 'exclusive', waitLock, path);
    if (format === 'sparseimage') file.write(0, sparseHeader(size, bandSize ?? SPARSE_IMAGE_BAND));
    else if (format === 'asif') writeNewAsif(file, { size, random: holder.random });
    else if (preallocate) file.allocate(0, size);
    else file.truncate(size);
    file.sync();
    store.syncFolder(parentOf(path));
    return {
      ...fileContainer(file, format === 'udrw' ? 'raw' : format, true),
      lock: { release: () => {} },
    };
  } catch (error) {
    file.close();
    throw error;
  }
}

function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '.' : path.slice(0, slash) || '/';
}
