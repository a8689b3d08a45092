// Joins small writes that follow each other on the device: files made one after another lie one after another.

import type { BlockDevice } from '../block-device.js';

const BUFFER_SIZE = 1 << 20;
/** Longer writes pass through without copying. */
const LARGE = 256 << 10;

/** Joins writes that follow each other on a device into long ones; `flush` hands on what waits. */
export class DataWriter {
  readonly #device: BlockDevice;
  readonly #buffer = new Uint8Array(BUFFER_SIZE);
  #start = 0;
  #length = 0;

  constructor(device: BlockDevice) {
    this.#device = device;
  }

  write(position: number, source: Uint8Array): void {
    if (position !== this.#start + this.#length || this.#length + source.length > BUFFER_SIZE) this.flush();
    if (source.length >= LARGE) {
      this.#device.write(position, source);
      return;
    }
    if (this.#length === 0) this.#start = position;
    this.#buffer.set(source, this.#length);
    this.#length += source.length;
  }

  /** Zeros behind the end of a file, up to the end of its last block. */
  pad(position: number, length: number): void {
    if (length === 0) return;
    if (position === this.#start + this.#length && this.#length > 0 && this.#length + length <= BUFFER_SIZE) {
      this.#buffer.fill(0, this.#length, this.#length + length);
      this.#length += length;
    } else {
      this.flush();
      this.#device.write(position, new Uint8Array(length));
    }
  }

  /** Call before anything reads, zeroes or flushes. */
  flush(): void {
    if (this.#length === 0) return;
    const length = this.#length;
    this.#length = 0;
    this.#device.write(this.#start, this.#buffer.subarray(0, length));
  }
}
