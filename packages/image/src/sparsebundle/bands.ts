// The band files of a sparse bundle: a bounded number of them open, absent ones remembered.
//
// Invariants: a band is looked for by its own name, and the folder is listed only where all of the disk is gone through; a
// band written since the last flush is synced by it, whether it is open still or not.

import { CorruptError, type FileStore, isMissing, StoreError, type StoreFile } from '@tintype/core';
import { discardRange } from '../encryption/file.js';
import { OPEN_BANDS } from '../limits.js';
import { closeEach } from '../lock.js';

interface Band {
  readonly file: StoreFile;
  /** Bytes of the file. */
  length: number;
}

/** What a store says of a folder, a link, a pipe where a band should be. */
const NO_FILE = ['EISDIR', 'ELOOP', 'EMLINK', 'EINVAL', 'ENXIO'];

export class Bands {
  readonly #store: FileStore;
  readonly #folder: string;
  readonly #bandSize: number;
  readonly #writable: boolean;
  readonly #wrap: (file: StoreFile) => StoreFile;
  /** Open files, least recently used first. */
  readonly #open = new Map<number, Band>();
  /** The last one of them, if it is open still: most calls are about the band of the call before. */
  #newest = -1;
  readonly #absent = new Set<number>();
  /** All that were there when the folder was listed, or were made since. */
  #listed: Set<number> | null = null;
  /** Written since the last flush. */
  readonly #dirty = new Set<number>();
  #namesChanged = false;
  /** True until the first flush if someone before us may have left bands that are not durable. */
  #distrusts = false;

  readonly #longBands: 'refused' | 'cut';

  /** `wrap` makes of a band's file one of clear bytes. `longBands`: what is made of one that is longer than a band. */
  constructor(
    store: FileStore,
    folder: string,
    bandSize: number,
    writable: boolean,
    wrap: (file: StoreFile) => StoreFile = (file) => file,
    longBands: 'refused' | 'cut' = 'refused',
  ) {
    this.#longBands = longBands;
    this.#store = store;
    this.#folder = folder;
    this.#bandSize = bandSize;
    this.#writable = writable;
    this.#wrap = wrap;
  }

  /**
   * The last writer did not close: what we read of its bands, and go on from, may be in the host's memory only. The next
   * flush makes it durable too.
   */
  distrust(): void {
    this.#distrusts = true;
    this.#namesChanged = true;
    for (const index of this.#open.keys()) this.#dirty.add(index);
  }

  /** Lists the folder once, where so many bands are asked for that looking for each by its name would cost more. */
  list(): void {
    if (this.#listed) return;
    this.#listed = new Set();
    for (const { name } of this.#store.list(this.#folder)) {
      const index = indexOf(name);
      if (index !== null) this.#listed.add(index);
    }
  }

  /** Lower-case hexadecimal, as macOS names them. */
  path(index: number): string {
    return `${this.#folder}/${index.toString(16)}`;
  }

  /** Bytes that the band's file has; 0 if there is none. */
  length(index: number): number {
    return this.#band(index)?.length ?? 0;
  }

  /** Host bytes behind the range of a band. */
  allocated(index: number, offset: number, length: number): number {
    const band = this.#band(index);
    if (!band || offset >= band.length) return 0;
    return band.file.allocated(offset, Math.min(length, band.length - offset));
  }

  /** Fills `target` from a band; what the file does not have is zero. */
  read(index: number, offset: number, target: Uint8Array): void {
    const band = this.#band(index);
    const length = band ? Math.max(0, Math.min(target.length, band.length - offset)) : 0;
    const stored = length === target.length ? target : target.subarray(0, length);
    const got = band && length > 0 ? band.file.read(offset, stored) : 0;
    if (got < target.length) target.fill(0, got);
  }

  write(index: number, offset: number, source: Uint8Array): void {
    const band = this.#band(index) ?? this.#create(index);
    band.file.write(offset, source);
    band.length = Math.max(band.length, offset + source.length);
    this.#dirty.add(index);
  }

  /** The range reads as zeros afterwards. */
  zero(index: number, offset: number, length: number): void {
    const band = this.#band(index);
    if (!band || offset >= band.length) return;
    if (offset === 0 && length >= band.length) {
      this.remove(index);
      return;
    }
    if (offset + length >= band.length) cut(band, offset);
    else if (!band.file.punch(offset, length)) writeZeros(band.file, offset, length);
    this.#dirty.add(index);
  }

  /** The range's content does not matter: space goes back where it can. */
  discard(index: number, offset: number, length: number): void {
    const band = this.#band(index);
    if (!band || offset >= band.length) return;
    if (offset === 0 && length >= band.length) this.remove(index);
    // Not made durable: after a cut the old length is as good.
    else if (offset + length >= band.length) cut(band, offset);
    else discardRange(band.file, offset, length);
  }

  remove(index: number): void {
    const open = this.#open.get(index);
    this.#open.delete(index);
    open?.file.close();
    this.#store.remove(this.path(index));
    this.#absent.add(index);
    this.#dirty.delete(index);
    this.#namesChanged = true;
  }

  /** Nothing lies behind the disk's end: bands there are removed, the last one is cut. Here the folder is listed. */
  cutBehind(size: number): void {
    const count = Math.ceil(size / this.#bandSize);
    for (const { name, kind } of this.#store.list(this.#folder)) {
      const index = indexOf(name);
      if (kind === 'file' && index !== null && index >= count) this.remove(index);
    }
    const last = count - 1;
    const band = this.#band(last);
    const length = size - last * this.#bandSize;
    if (!band || band.length <= length) return;
    cut(band, length);
    this.#dirty.add(last);
  }

  /** Contents, lengths and names of bands are durable afterwards. */
  flush(): void {
    for (const index of [...this.#dirty].sort((a, b) => a - b)) this.#band(index)?.file.sync();
    this.#dirty.clear();
    if (this.#namesChanged) this.#store.syncFolder(this.#folder);
    this.#namesChanged = false;
    this.#distrusts = false;
  }

  close(): void {
    const files = [...this.#open.values()].map(({ file }) => file);
    this.#open.clear();
    closeEach(files);
  }

  #band(index: number): Band | null {
    const open = this.#open.get(index);
    if (open) {
      if (index === this.#newest) return open;
      this.#open.delete(index);
      this.#open.set(index, open);
      this.#newest = index;
      return open;
    }
    if (this.#absent.has(index) || this.#listed?.has(index) === false) return null;
    this.#makeRoom();
    let file: StoreFile;
    try {
      file = this.#store.open(this.path(index), this.#writable ? 'write' : 'read');
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (NO_FILE.includes(error.code))
        throw new CorruptError(`band ${index.toString(16)}`, 'kind', 0, `is no file (${error.code})`);
      if (!isMissing(error) || this.#isFolderMissing()) throw error;
      this.#absent.add(index);
      return null;
    }
    return this.#keep(index, file);
  }

  /** Such as on a share that has gone: then nothing tells what is absent. The store of a writer asks by itself. */
  #isFolderMissing(): boolean {
    return !this.#writable && this.#store.kind(this.#folder) !== 'directory';
  }

  #create(index: number): Band {
    this.#makeRoom();
    const file = this.#store.open(this.path(index), 'create');
    this.#absent.delete(index);
    this.#listed?.add(index);
    this.#namesChanged = true;
    return this.#keep(index, file);
  }

  #makeRoom(): void {
    for (const [oldest, band] of this.#open) {
      if (this.#open.size < OPEN_BANDS) return;
      this.#open.delete(oldest);
      band.file.close();
    }
  }

  #keep(index: number, file: StoreFile): Band {
    const size = file.size();
    const length = this.#longBands === 'cut' ? Math.min(size, this.#bandSize) : size;
    if (length > this.#bandSize) {
      file.close();
      throw new CorruptError(
        `band ${index.toString(16)}`,
        'length',
        length,
        `is ${length - this.#bandSize} bytes longer than the band size (${this.#bandSize})`,
      );
    }
    const band = { file: this.#wrap(file), length };
    this.#open.set(index, band);
    this.#newest = index;
    if (this.#distrusts) this.#dirty.add(index);
    return band;
  }
}

/** Null if no band has this name. */
function indexOf(name: string): number | null {
  return /^(0|[1-9a-f][0-9a-f]*)$/.test(name) ? Number.parseInt(name, 16) : null;
}

function cut(band: Band, length: number): void {
  band.file.truncate(length);
  band.length = length;
}

function writeZeros(file: StoreFile, offset: number, length: number): void {
  const zeros = new Uint8Array(Math.min(length, 1 << 20));
  for (let at = 0; at < length; at += zeros.length)
    file.write(offset + at, zeros.subarray(0, Math.min(zeros.length, length - at)));
}
