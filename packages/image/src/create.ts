// New images that read as zeros. Nothing may be at the path; after a failure the caller removes what was made.

import { assert, type FileStore, type StoreFile, showSize, UnsupportedError } from '@tintype/core';
import { writeNewAsif } from './asif/create.js';
import { type Leased, lockImage } from './claim.js';
import type { CreateImageOptions, DiskImage } from './disk-image.js';
import { NEW_CHUNK, NEW_DATA_OFFSET, newEncryption } from './encryption/create.js';
import { openEncryptedFile } from './encryption/open.js';
import type { ImageKeys } from './encryption/unlock.js';
import { BANDS_LIMIT, DEFAULT_BAND_SIZE } from './limits.js';
import { type HeldLock, takeLocks } from './lock.js';
import { bundleOpened, fileContainer, holdImage, limitedBy, type Opened } from './open.js';
import { formatInfoPlist } from './sparsebundle/info-plist.js';
import { sparseHeader } from './sparseimage/structs.js';

const SPARSE_IMAGE_BAND = 1 << 20;

/** The smallest power of two, 8 MiB or more, with which the bundle stays at or below 65,536 bands (B14). */
export function bandSizeFor(size: number): number {
  let bandSize = DEFAULT_BAND_SIZE;
  while (size > bandSize * BANDS_LIMIT) bandSize *= 2;
  return bandSize;
}

/**
 * A new image that reads as zeros, open for writing. @throws StoreError `EEXIST` and others, LockedError,
 * UnsupportedError
 */
export function createImage(store: FileStore, path: string, options: CreateImageOptions): DiskImage {
  const make = options.format === 'sparsebundle' ? createBundle : createFile;
  const { lock, use } = make(store, path, options);
  return holdImage(store, path, lock, { ...options, writable: true }, use);
}

/** Files that were made and are locked, and what is made of them under a lease. */
interface Made {
  readonly lock: HeldLock;
  use(leased: Leased): Opened;
}

function createBundle(store: FileStore, path: string, options: CreateImageOptions): Made {
  const encryption = encryptionFor(options, 0);
  const keys = encryption?.keys;
  try {
    makeBundleFiles(store, path, options, encryption?.header ?? Buffer.alloc(0));
    const lock = lockImage(store, path, { writable: true, waitLock: options.waitLock });
    const release = (): void => {
      keys?.wipe();
      lock.release();
    };
    return { lock: { release }, use: (leased) => bundleOpened(leased.store, path, lock, { writable: true, keys }) };
  } catch (error) {
    keys?.wipe();
    throw error;
  }
}

function makeBundleFiles(
  store: FileStore,
  path: string,
  { size, bandSize }: CreateImageOptions,
  token: Uint8Array,
): void {
  store.makeFolder(path);
  store.makeFolder(`${path}/bands`);
  const plist = Buffer.from(formatInfoPlist({ bandSize: bandSize ?? bandSizeFor(size), size }));
  for (const [name, content] of [
    ['Info.bckup', plist],
    ['Info.plist', plist],
    ['token', token],
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
}

/** Null if the image is to be clear. */
function encryptionFor(
  {
    encryption,
    passphrase,
    kdfRounds,
    holder,
  }: Pick<CreateImageOptions, 'encryption' | 'passphrase' | 'kdfRounds' | 'holder'>,
  clearSize: number,
) {
  if (encryption === undefined) return null;
  assert(passphrase !== undefined, 'an encrypted image has a passphrase');
  const keyBits = encryption === 'aes-128' ? 128 : 256;
  return newEncryption({ keyBits, passphrase, rounds: kdfRounds, random: holder.random }, clearSize);
}

function createFile(store: FileStore, path: string, options: CreateImageOptions): Made {
  const { format, encryption, waitLock } = options;
  assert(format !== 'asif' || encryption === undefined, 'no encrypted ASIF has been seen');
  const file = store.open(path, 'create');
  try {
    takeLocks([file], 'exclusive', waitLock, path);
  } catch (error) {
    file.close();
    throw error;
  }
  return {
    lock: { release: () => file.close() },
    use: (leased) => fillFile(leased.store, path, leased.fenced(file), options),
  };
}

function fillFile(store: FileStore, path: string, file: StoreFile, options: CreateImageOptions): Opened {
  const { format, size, bandSize, holder, encryption } = options;
  assert(format !== 'sparsebundle', 'a bundle is no file');
  const clear = encryption === undefined ? plainFile(file) : encryptedFile(store, path, file, options);
  const { maxSize = Number.MAX_SAFE_INTEGER } = clear;
  if (size > maxSize) throw new UnsupportedError(`the encrypted disk in ${path} can have ${showSize(maxSize)} at most`);
  if (format === 'sparseimage') clear.file.write(0, sparseHeader(size, bandSize ?? SPARSE_IMAGE_BAND));
  else if (format === 'asif') writeNewAsif(file, { size, random: holder.random });
  else extend(file, clear.file === file ? 0 : NEW_DATA_OFFSET, options);
  clear.file.sync();
  store.syncFolder(parentOf(path));
  const opened = fileContainer(clear.file, format === 'udrw' ? 'raw' : format, true);
  const length = format === 'udrw' ? {} : { fileLength: () => file.size() };
  return { ...opened, ...length, ...limitedBy(clear.maxSize), lock: { release: clear.wipe } };
}

/** A file of clear bytes, what wipes its keys, and how many bytes a disk in it can have. */
interface ClearFile {
  readonly file: StoreFile;
  readonly wipe: () => void;
  readonly maxSize?: number;
}

interface SealedFile extends ClearFile {
  /** Wiped by `wipe`. */
  readonly keys: ImageKeys;
}

const plainFile = (file: StoreFile): ClearFile => ({ file, wipe: () => {} });

/** Room for the disk of a raw image, behind its header. */
function extend(file: StoreFile, start: number, { size, preallocate }: CreateImageOptions): void {
  const end = start + Math.ceil(size / NEW_CHUNK) * NEW_CHUNK;
  if (preallocate) file.allocate(0, end);
  else file.truncate(end);
}

/** Writes the header; a sparse image's clear size grows with its bands. */
export function encryptedFile(
  store: FileStore,
  path: string,
  file: StoreFile,
  options: Pick<CreateImageOptions, 'encryption' | 'passphrase' | 'kdfRounds' | 'holder' | 'format' | 'size'>,
): SealedFile {
  const { format, passphrase, size } = options;
  const made = encryptionFor(options, format === 'sparseimage' ? 0 : size);
  assert(made !== null, 'what is sealed has an encryption');
  const { keys, header } = made;
  try {
    file.write(0, header);
    file.sync();
    const clear = openEncryptedFile(file, { store, path, writable: true, passphrase, keys });
    return { file: clear.file, keys, wipe: () => clear.cipher.wipe(), maxSize: clear.largestDisk };
  } catch (error) {
    keys.wipe();
    throw error;
  }
}

export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '.' : path.slice(0, slash) || '/';
}
