// The files of a container: what is mended of them before anything inside can be looked at.
//
// A sparse bundle has its property list twice. A band that is too long holds bytes that no reader of it asks for: they are
// kept beside the image before they go. Other formats have nothing twice; what is wrong with them is only told.

import { CorruptError, type FileStore, StoreError, TintypeError, WindowDevice } from '@tintype/core';
import { claimImage } from './claim.js';
import { detect } from './detect.js';
import type { OpenImageOptions } from './disk-image.js';
import { beginsWithVolume } from './partitions/gpt.js';
import { partitionMap } from './partitions/map.js';
import { Bands } from './sparsebundle/bands.js';
import { BundleDevice } from './sparsebundle/device.js';
import { parseInfoPlist, readBundleInfo, readSmallFile } from './sparsebundle/info-plist.js';
import { undoPath } from './undo-file.js';
import { isZero } from './zeros.js';

/** Made beside a property list and renamed over it. */
const NEW_LIST = 'tintype.Info';
const LISTS = ['Info.plist', 'Info.bckup'] as const;
const PIECE = 1 << 20;

/** How a container is mended. */
export interface ContainerRepair extends Pick<OpenImageOptions, 'holder' | 'waitLock' | 'breakLock'> {
  /** True: nothing is written, and the answer is what would be done. */
  readonly isDryRun: boolean;
}

/** Answers what was done, a sentence each. @throws LockedError, StoreError */
export function repairContainer(store: FileStore, path: string, options: ContainerRepair): string[] {
  if (store.kind(path) !== 'directory' || detect(store, path) === null) return [];
  const planned = new BundleRepair(store, path, true).run();
  if (planned.length === 0 || options.isDryRun) return planned;
  const claim = claimImage(store, path, options);
  try {
    return new BundleRepair(claim.store, path, false).run();
  } finally {
    claim.handOn();
  }
}

class BundleRepair {
  readonly #store: FileStore;
  readonly #path: string;
  readonly #isDryRun: boolean;

  constructor(store: FileStore, path: string, isDryRun: boolean) {
    this.#store = store;
    this.#path = path;
    this.#isDryRun = isDryRun;
  }

  run(): string[] {
    return [...this.#lists(), ...this.#token(), ...this.#bands()];
  }

  /** Only where the disk can be read without one: an encrypted bundle that lost its token has lost its keys. */
  #token(): string[] {
    const place = `${this.#path}/token`;
    if (this.#store.kind(place) !== null || !this.#isClear()) return [];
    if (!this.#isDryRun) {
      writeFile(this.#store, place, new Uint8Array());
      this.#store.syncFolder(this.#path);
    }
    return ['made the token of a bundle that is not encrypted'];
  }

  #isClear(): boolean {
    try {
      const info = readBundleInfo(this.#store, this.#path);
      const bands = new Bands(this.#store, `${this.#path}/bands`, info.bandSize, false);
      const device = new BundleDevice(bands, info, false);
      try {
        const { scheme, partitions } = partitionMap(device);
        return (
          scheme !== 'none' || partitions.some(({ start }) => beginsWithVolume(new WindowDevice(device, start, 4096)))
        );
      } finally {
        device.close();
      }
    } catch (error) {
      if (error instanceof TintypeError) return false;
      throw error;
    }
  }

  /** Each from the other, if just one of them can be understood. A copy that is missing is made only for a bad original. */
  #lists(): string[] {
    const [list, copy] = LISTS.map((name) => this.#sound(name));
    if (list && !copy && this.#store.kind(`${this.#path}/Info.bckup`) === 'file')
      return this.#put('Info.bckup', list, 'restored Info.bckup from Info.plist');
    return copy && !list ? this.#put('Info.plist', copy, 'restored Info.plist from Info.bckup') : [];
  }

  #sound(name: string): Uint8Array | null {
    try {
      const bytes = readSmallFile(this.#store, `${this.#path}/${name}`);
      parseInfoPlist(bytes);
      return bytes;
    } catch (error) {
      if (error instanceof CorruptError || error instanceof StoreError) return null;
      throw error;
    }
  }

  /** The old one is kept beside the image, the new one is renamed over it: there is one at every moment. */
  #put(name: string, bytes: Uint8Array, act: string): string[] {
    if (this.#isDryRun) return [act];
    const store = this.#store;
    const place = `${this.#path}/${name}`;
    if (store.kind(place) === 'file') this.#keep(name, place, 0);
    const draft = `${this.#path}/${NEW_LIST}`;
    if (store.kind(draft) !== null) store.remove(draft);
    writeFile(store, draft, bytes);
    store.rename(draft, place);
    store.syncFolder(this.#path);
    return [act];
  }

  #bands(): string[] {
    let info: { readonly bandSize: number };
    try {
      info = readBundleInfo(this.#store, this.#path);
    } catch (error) {
      if (error instanceof CorruptError || error instanceof StoreError) return [];
      throw error;
    }
    const acts: string[] = [];
    for (const { name, kind } of this.#store.list(`${this.#path}/bands`)) {
      const place = `${this.#path}/bands/${name}`;
      if (kind !== 'file' || !/^(0|[1-9a-f][0-9a-f]*)$/.test(name)) continue;
      const longer = lengthOf(this.#store, place) - info.bandSize;
      if (longer <= 0) continue;
      acts.push(`cut band ${name} to the band size (${info.bandSize}): ${longer} bytes behind it belong to nothing`);
      if (!this.#isDryRun) this.#cut(name, place, info.bandSize);
    }
    return acts;
  }

  #cut(name: string, place: string, bandSize: number): void {
    this.#keep(`band-${name}`, place, bandSize);
    const file = this.#store.open(place, 'write');
    try {
      file.truncate(bandSize);
      file.sync();
    } finally {
      file.close();
    }
  }

  /** Bytes of a file from `start` on, as `IMAGE.repair-undo.NAME`, durable; zeros are not kept. */
  #keep(name: string, from: string, start: number): void {
    const store = this.#store;
    const kept = `${undoPath(this.#path)}.${name}`;
    const file = store.open(from, 'read');
    try {
      if (isAllZero(file, start)) return;
      if (store.kind(kept) !== null) store.remove(kept);
      const copy = store.open(kept, 'create');
      try {
        const piece = new Uint8Array(PIECE);
        for (let at = start; at < file.size(); at += PIECE) {
          const length = file.read(at, piece);
          copy.write(at - start, piece.subarray(0, length));
        }
        copy.sync();
      } finally {
        copy.close();
      }
    } finally {
      file.close();
    }
    store.syncFolder(folderOf(kept));
  }
}

function isAllZero(
  file: { size(): number; read(position: number, target: Uint8Array): number },
  start: number,
): boolean {
  const piece = new Uint8Array(PIECE);
  for (let at = start; at < file.size(); at += PIECE) {
    const length = file.read(at, piece);
    if (!isZero(piece.subarray(0, length))) return false;
  }
  return true;
}

function lengthOf(store: FileStore, path: string): number {
  const file = store.open(path, 'read');
  try {
    return file.size();
  } finally {
    file.close();
  }
}

function writeFile(store: FileStore, path: string, bytes: Uint8Array): void {
  const file = store.open(path, 'create');
  try {
    file.write(0, bytes);
    file.sync();
  } finally {
    file.close();
  }
}

function folderOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '.' : path.slice(0, slash) || '/';
}
