// How long a file can be where an image lies (B13). Measured by growing an empty file there, which writes nothing, and never
// taken from the name of the file system: a quota of the process or a server's own limit has no name.

import { dirname } from 'node:path';
import { FileSizeLimitError, LinkLostError, RefusedError, StoreError, type StoreFile, showSize } from '@tintype/core';
import type { DiskImage } from '@tintype/image';
import type { RunContext } from './operation.js';

/** What an image's file has beside the bytes of its disk, at the most: tables, headers, a last band that is not full. */
const OVERHEAD = { share: 1 / 1000, bytes: 8 << 20 } as const;
const MIB = 1 << 20;

/** The longest that a sparse image's file can become. */
function longestFile(diskSize: number): number {
  return Math.ceil(diskSize * (1 + OVERHEAD.share)) + OVERHEAD.bytes;
}

/** The largest disk whose image's file stays within a limit. */
export function diskWithin(limit: number, image: Pick<FileShape, 'format' | 'isEncrypted'>): number {
  const bytes = isPlain(image) ? limit : (limit - OVERHEAD.bytes) / (1 + OVERHEAD.share) - MIB;
  return Math.max(0, Math.floor(bytes / MIB) * MIB);
}

/** Bytes of the longest file in a folder if one of `wanted` bytes is too long for its host, else null. */
export function fileSizeLimit(
  folder: string,
  wanted: number,
  { store, random }: Pick<RunContext, 'store' | 'random'>,
): number | null {
  const name = new Uint8Array(6);
  random(name);
  const path = `${folder}/.tintype-limit-${Buffer.from(name).toString('hex')}`;
  const { fileSizeLimit: guess, canPunch } = store.facts(folder);
  try {
    const file = store.open(path, 'create');
    try {
      if (takes(file, wanted)) return null;
      // Where files have no holes, each length that is taken is written out: what is too long has to do.
      const isKnown = guess !== null && guess < wanted && !takes(file, guess + 1);
      if (isKnown && (!canPunch || takes(file, guess))) return guess;
      return limitBelow(file, isKnown ? guess : wanted);
    } finally {
      file.close();
      store.remove(path);
    }
  } catch (error) {
    // A host that does not let us measure will say so when it is written to.
    if (!(error instanceof StoreError) || error instanceof LinkLostError) throw error;
    return guess !== null && guess < wanted ? guess : null;
  }
}

/** Longer than any host's files. */
const ENDLESS = 2 ** 50;

/** Before a file of known length is made. @throws RefusedError `file-size-limit` */
export function requireFileSize(path: string, wanted: number, context: Pick<RunContext, 'store' | 'random'>): void {
  const limit = fileSizeLimit(dirname(path), wanted, context);
  if (limit === null) return;
  const message = `${path} would have ${showSize(wanted)}, and a file there can have ${showSize(limit)} at most`;
  throw new RefusedError('file-size-limit', message, { path, size: wanted, limit });
}

/**
 * Makes the file of `path`, whose length nobody knows before; nothing is left of it if that fails.
 * @throws RefusedError `file-size-limit` in the place of the host's EFBIG, and whatever else `make` throws
 */
export function withinFileSize<T>(path: string, context: Pick<RunContext, 'store' | 'random'>, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'EFBIG') throw error;
    const limit = fileSizeLimit(dirname(path), ENDLESS, context);
    if (limit === null) throw error;
    const message = `${path} becomes too long: a file there can have ${showSize(limit)} at most`;
    throw new RefusedError('file-size-limit', message, { path, limit }, { cause: error });
  }
}

/** What the length of an image's file depends on. */
export interface FileShape {
  readonly format: string;
  readonly isEncrypted: boolean;
  /** Of the disk. */
  readonly size: number;
  readonly bandSize?: number;
}

/** What a file of an image may need. A bundle's is a band. */
export function wantedFile(image: FileShape): number {
  const { format, size, bandSize } = image;
  if (format === 'sparsebundle') return bandSize ?? size;
  return isPlain(image) ? size : longestFile(size);
}

/** True if the file is the disk. */
const isPlain = ({ format, isEncrypted }: Pick<FileShape, 'format' | 'isEncrypted'>): boolean =>
  format === 'udrw' && !isEncrypted;

/** By halving. */
function limitBelow(file: StoreFile, tooLong: number): number {
  let [fits, over] = [0, tooLong];
  while (over - fits > 1) {
    const middle = fits + Math.floor((over - fits) / 2);
    if (takes(file, middle)) fits = middle;
    else over = middle;
  }
  file.truncate(0);
  return fits;
}

/** Only a refusal for its length counts. */
function takes(file: StoreFile, length: number): boolean {
  try {
    file.truncate(length);
    return true;
  } catch (error) {
    if (error instanceof StoreError && error.code === 'EFBIG') return false;
    throw error;
  }
}

/** Bytes that contents leave to what a commit writes: the most, and the share of the limit. */
const RESERVE = { most: 64 << 20, share: 1 / 4 } as const;
/** By what a file may grow for a single byte: a band. */
const LEAST = 1 << 20;
/** Bytes after which the file is looked at again, at the most. */
const STEP = 64 << 20;

export interface FileRoomOptions {
  readonly image: Pick<DiskImage, 'path' | 'fileLength'>;
  readonly limit: number;
}

/**
 * Stops contents before the image's file would become too long, so that there is room for the commit of what was done. That
 * free blocks may lie in the file already does not count: which ones the file system takes is its affair. Compacting makes
 * the file shorter.
 */
export class FileRoom {
  readonly #options: FileRoomOptions;
  readonly #reserve: number;
  /** Bytes that are known to fit. */
  #left = 0;

  constructor(options: FileRoomOptions) {
    this.#options = options;
    this.#reserve = Math.min(RESERVE.most, Math.floor(options.limit * RESERVE.share));
  }

  /** Before so many bytes are written, in one piece. @throws FileSizeLimitError */
  require(bytes: number): void {
    const most = Math.max(bytes, LEAST);
    if (this.#left < most) this.#look(most);
    this.#left -= most;
  }

  #look(needed: number): void {
    const { image, limit } = this.#options;
    const free = limit - (image.fileLength() ?? 0) - this.#reserve;
    if (free < needed) throw new FileSizeLimitError(image.path, { limit, needed, free: Math.max(0, free) });
    this.#left = Math.max(needed, Math.min(STEP, Math.floor(free / 4)));
  }
}
