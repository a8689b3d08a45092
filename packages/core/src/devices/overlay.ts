// Writes kept in memory over a device that is only read: how a dirty volume is read without changing it.

import type { BlockDevice, DeviceExtent } from '../block-device.js';
import { assert } from '../errors.js';

const SECTOR = 512;
/** Sectors of a page: whether one of its sectors was written is known without looking at each. */
const PAGE = 2048;

/** Bytes of an overlay that differ from the device below. */
export interface Change {
  readonly position: number;
  readonly bytes: Uint8Array;
}

/**
 * Meant for small amounts (a replayed journal, a repair): every sector written stays in memory until the device is
 * dropped.
 */
export class OverlayDevice implements BlockDevice {
  readonly writable = true;
  readonly draft = false;
  readonly #below: BlockDevice;
  readonly #sectors = new Map<number, Uint8Array>();
  readonly #pages = new Set<number>();

  constructor(below: BlockDevice) {
    this.#below = below;
  }
  get size(): number {
    return this.#below.size;
  }
  get blockSize(): number {
    return this.#below.blockSize;
  }
  read(position: number, target: Uint8Array): void {
    this.#below.read(position, target);
    if (this.#sectors.size === 0) return;
    this.#each(position, target.length, (sector, offset, at, length) => {
      const bytes = this.#sectors.get(sector);
      if (bytes) target.set(bytes.subarray(offset, offset + length), at);
    });
  }
  write(position: number, source: Uint8Array): void {
    this.#each(position, source.length, (sector, offset, at, length) => {
      this.#own(sector).set(source.subarray(at, at + length), offset);
    });
  }
  zero(position: number, length: number): void {
    this.#each(position, length, (sector, offset, _at, part) => {
      this.#own(sector).fill(0, offset, offset + part);
    });
  }
  discard(_position: number, _length: number): void {}
  extent(position: number): DeviceExtent {
    const below = this.#below.extent(position);
    if (this.#sectors.size === 0 || below.kind === 'data') return below;
    const bytes = PAGE * SECTOR;
    const end = position + below.length;
    let page = Math.floor(position / bytes);
    if (this.#pages.has(page)) return { length: Math.min(end, (page + 1) * bytes) - position, kind: 'data' };
    while (page * bytes < end && !this.#pages.has(page)) page += 1;
    return { length: Math.min(end, page * bytes) - position, kind: 'zero' };
  }
  stored(position: number, length: number): number {
    return this.#below.stored(position, length);
  }
  flush(): void {}
  close(): void {
    this.#below.close();
  }

  /** What differs from the device below now, in whole sectors, ascending, neighbours joined up to 1 MiB. */
  *changes(): Generator<Change> {
    let run: Uint8Array[] = [];
    let first = 0;
    const below = new Uint8Array(SECTOR);
    for (const sector of [...this.#sectors.keys()].sort((a, b) => a - b)) {
      const length = Math.min(SECTOR, this.size - sector * SECTOR);
      const bytes = (this.#sectors.get(sector) as Uint8Array).subarray(0, length);
      this.#below.read(sector * SECTOR, below.subarray(0, length));
      if (bytes.every((byte, i) => byte === below[i])) continue;
      if (run.length > 0 && (first + run.length !== sector || run.length === PAGE)) {
        yield joined(first, run);
        run = [];
      }
      if (run.length === 0) first = sector;
      run.push(bytes);
    }
    if (run.length > 0) yield joined(first, run);
  }

  #own(sector: number): Uint8Array {
    let bytes = this.#sectors.get(sector);
    if (!bytes) {
      bytes = new Uint8Array(SECTOR);
      const start = sector * SECTOR;
      const length = Math.min(SECTOR, this.size - start);
      this.#below.read(start, bytes.subarray(0, length));
      this.#sectors.set(sector, bytes);
      this.#pages.add(Math.floor(sector / PAGE));
    }
    return bytes;
  }
  #each(
    position: number,
    length: number,
    visit: (sector: number, offset: number, at: number, length: number) => void,
  ): void {
    assert(position >= 0 && length >= 0 && position + length <= this.size, 'range lies inside the device');
    for (let at = 0; at < length; ) {
      const offset = (position + at) % SECTOR;
      const part = Math.min(SECTOR - offset, length - at);
      visit(Math.floor((position + at) / SECTOR), offset, at, part);
      at += part;
    }
  }
}

function joined(sector: number, run: readonly Uint8Array[]): Change {
  const bytes = new Uint8Array(run.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of run) {
    bytes.set(part, at);
    at += part.length;
  }
  return { position: sector * SECTOR, bytes };
}
