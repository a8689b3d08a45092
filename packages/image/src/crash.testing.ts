// Random changes of a container on a host that loses power, and what each sector may hold afterwards.
//
// A sector holds what the last completed flush made durable, or something written to it since; never anything else.

import type { BlockDevice } from '@tintype/core';
import type { Random } from '@tintype/testkit';
import { expect } from 'vitest';

const SECTOR = 512;

/** One value of a sector: `since` counts the store's calls when it began to be possible. Null: nobody knows. */
interface Value {
  readonly since: number;
  readonly mark: number | null;
}

/** Every sector is written full of one number; zero is zeros. */
export class SectorModel {
  readonly #values = new Map<number, Value[]>();
  /** Calls at the ends of completed flushes, ascending. */
  readonly #flushes: number[] = [];
  readonly #sizes: Value[] = [];
  #mark = 0;

  constructor(readonly calls: () => number) {}

  /** Makes `changes` random changes in the first `span` bytes, or near the device's end. */
  run(device: BlockDevice, random: Random, changes: number, span: number): void {
    for (let i = 0; i < changes; i += 1) {
      const base = random.oneIn(5) ? Math.max(0, device.size - span / 4) : 0;
      const position = base + random.below(Math.floor(Math.min(span, device.size - base) / SECTOR)) * SECTOR;
      const wish = SECTOR * (1 + random.below(random.pick([2, 16, 200])));
      this.#change(device, random, position, Math.min(wish, device.size - position));
    }
  }

  #change(device: BlockDevice, random: Random, position: number, length: number): void {
    switch (random.below(8)) {
      case 0:
        this.#note(position, length, 0);
        device.zero(position, length);
        break;
      case 1:
        this.#note(position, length, null);
        device.discard(position, length);
        break;
      case 2:
        this.flush(device);
        break;
      default: {
        this.#mark += 1;
        this.#note(position, length, this.#mark);
        device.write(position, marked(length, this.#mark));
      }
    }
  }
  /** Makes all of the disk zeros, and looks at all sectors that `run` may touch from here on. */
  clear(device: BlockDevice, span: number): void {
    this.#note(0, Math.min(span, device.size), 0);
    const tail = Math.max(0, device.size - span);
    this.#note(tail, device.size - tail, 0);
    device.zero(0, device.size);
  }
  /** Zeros a share of whole bands. */
  zeroBands(
    device: BlockDevice,
    random: Random,
    { bandSize, bands, share }: { readonly bandSize: number; readonly bands: number; readonly share: number },
  ): void {
    for (let band = 0; band < bands; band += 1) {
      if (random.fraction() >= share) continue;
      this.#note(band * bandSize, bandSize, 0);
      device.zero(band * bandSize, bandSize);
    }
  }
  flush(device: BlockDevice): void {
    device.flush();
    this.#flushes.push(this.calls());
  }
  /** Gives the disk another size by `resize`: what was beyond the new end reads as zeros when it grows again. */
  resize(device: BlockDevice, size: number, resize: (size: number) => void): void {
    const before = device.size;
    this.#sizes.push({ since: this.calls(), mark: before });
    this.#sizes.push({ since: this.calls(), mark: size });
    for (const sector of this.#values.keys())
      if (sector * SECTOR >= Math.min(size, before)) this.#note(sector * SECTOR, SECTOR, 0);
    resize(size);
    this.#flushes.push(this.calls());
  }

  /** After a closing without a flush: what is there now counts as written now. */
  observe(device: BlockDevice): void {
    const bytes = new Uint8Array(SECTOR);
    for (const sector of this.#values.keys()) {
      if (sector * SECTOR >= device.size || this.#values.get(sector)?.at(-1)?.mark === null) continue;
      device.read(sector * SECTOR, bytes);
      this.#note(sector * SECTOR, SECTOR, markOf(bytes));
    }
  }

  /** Every sector that was ever touched holds something that a cut after `calls` may leave. */
  expectPossible(device: BlockDevice, calls: number, description: string): void {
    const durable = this.#flushes.findLast((end) => end <= calls) ?? -1;
    const bytes = new Uint8Array(SECTOR);
    const sizes = this.#sizes.filter(({ since }) => since <= calls).slice(-2);
    if (sizes.length > 0)
      expect(
        sizes.map(({ mark }) => mark),
        description,
      ).toContain(device.size);
    for (const [sector, values] of this.#values) {
      const position = sector * SECTOR;
      if (position >= device.size) continue;
      const first = values.findLastIndex(({ since }) => since < durable);
      const possible = first < 0 ? [{ since: -1, mark: 0 }, ...values] : values.slice(first);
      if (possible.some(({ mark }) => mark === null)) continue;
      device.read(position, bytes);
      // A failing write may end in the middle of a sector.
      const halves = [markOf(bytes.subarray(0, SECTOR / 2)), markOf(bytes.subarray(SECTOR / 2))];
      if (!halves.every((half) => possible.some(({ mark }) => mark === half)))
        expect(halves, `${description}: sector ${sector}`).toBe(possible.map(({ mark }) => mark));
    }
  }

  #note(position: number, length: number, mark: number | null): void {
    const since = this.calls();
    for (let sector = position / SECTOR; sector < (position + length) / SECTOR; sector += 1) {
      const values = this.#values.get(sector) ?? [];
      values.push({ since, mark });
      this.#values.set(sector, values);
    }
  }
}

function marked(length: number, mark: number): Uint8Array {
  return new Uint8Array(new Uint32Array(length / 4).fill(mark).buffer);
}

/** The number that all of the bytes are full of; −1 if they are a mixture. */
function markOf(bytes: Uint8Array): number {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const first = words[0] as number;
  return words.every((word) => word === first) ? first : -1;
}
