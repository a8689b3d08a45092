// A special file (tree, bitmap) as bytes: its extents, tested before, and a small cache of windows in file order.

import { assert, type BlockDevice } from '@tintype/core';

const WINDOW = 65_536;
const SLOTS = 64;

/** Where bytes lie that `load` brought in. They stay good until the next `load`. */
export interface Loaded {
  view: DataView;
  bytes: Uint8Array;
  at: number;
}

export class ForkFile {
  /** Bytes of all extents. */
  readonly size: number;
  readonly #starts: number[] = [];
  readonly #fileStarts: number[] = [];
  readonly #slots: { index: number; bytes: Uint8Array; view: DataView }[] = [];
  readonly #loaded: Loaded = { view: new DataView(new ArrayBuffer(0)), bytes: new Uint8Array(0), at: 0 };
  #last = 0;

  /** `extents`: start block and block count by turns; each must lie inside the device. */
  constructor(
    readonly device: BlockDevice,
    readonly blockSize: number,
    readonly extents: readonly number[],
  ) {
    let size = 0;
    for (let i = 0; i + 1 < extents.length; i += 2) {
      const start = (extents[i] ?? 0) * blockSize;
      const length = (extents[i + 1] ?? 0) * blockSize;
      assert(start + length <= device.size, 'an extent lies inside the device');
      this.#starts.push(start);
      this.#fileStarts.push(size);
      size += length;
    }
    this.size = size;
  }

  read(position: number, target: Uint8Array): void {
    assert(position >= 0 && position + target.length <= this.size, 'a read lies inside the fork');
    for (let done = 0; done < target.length; ) {
      const i = this.#extentAt(position + done);
      const fileStart = this.#fileStarts[i] ?? 0;
      const fileEnd = this.#fileStarts[i + 1] ?? this.size;
      const part = Math.min(target.length - done, fileEnd - position - done);
      this.device.read((this.#starts[i] ?? 0) + position + done - fileStart, target.subarray(done, done + part));
      done += part;
    }
  }

  /** Bytes from here on that the device knows to be zeros without reading; at most `length`. */
  knownZeros(position: number, length: number): number {
    let zeros = 0;
    while (zeros < length) {
      const i = this.#extentAt(position + zeros);
      const left = (this.#fileStarts[i + 1] ?? this.size) - position - zeros;
      const stretch = this.device.extent((this.#starts[i] ?? 0) + position + zeros - (this.#fileStarts[i] ?? 0));
      if (stretch.kind !== 'zero' || stretch.length <= 0) break;
      zeros += Math.min(left, stretch.length, length - zeros);
    }
    return zeros;
  }

  /** A node: `length` divides the window, `position` is a multiple of it. */
  load(position: number, length: number): Loaded {
    assert(WINDOW % length === 0 && position % length === 0, 'a node lies in one window');
    const index = Math.floor(position / WINDOW);
    const slot = this.#slot(index);
    if (slot.index !== index) {
      const start = index * WINDOW;
      slot.index = -1;
      this.read(start, slot.bytes.subarray(0, Math.min(WINDOW, this.size - start)));
      slot.index = index;
    }
    this.#loaded.view = slot.view;
    this.#loaded.bytes = slot.bytes;
    this.#loaded.at = position - index * WINDOW;
    return this.#loaded;
  }

  #slot(index: number) {
    const number = index % SLOTS;
    let slot = this.#slots[number];
    if (!slot) {
      const bytes = new Uint8Array(WINDOW);
      slot = { index: -1, bytes, view: new DataView(bytes.buffer) };
      this.#slots[number] = slot;
    }
    return slot;
  }

  /** The extent that holds this byte of the file. The last one is tried first: reads are mostly in order. */
  #extentAt(position: number): number {
    const last = this.#last;
    if (position >= (this.#fileStarts[last] ?? 0) && position < (this.#fileStarts[last + 1] ?? this.size)) return last;
    let low = 0;
    let high = this.#fileStarts.length;
    while (low + 1 < high) {
      const middle = (low + high) >>> 1;
      if ((this.#fileStarts[middle] ?? 0) <= position) low = middle;
      else high = middle;
    }
    this.#last = low;
    return low;
  }
}
