// Counts what passes: for summaries and benchmarks.

import type { BlockDevice, DeviceExtent } from '../block-device.js';

/** Counts the calls and bytes that pass through it. */
export class CountingDevice implements BlockDevice {
  readonly #device: BlockDevice;
  /** Bytes handed to `read` and to `write`, and calls of `flush`. */
  bytesRead = 0;
  bytesWritten = 0;
  flushes = 0;

  constructor(device: BlockDevice) {
    this.#device = device;
  }
  get size(): number {
    return this.#device.size;
  }
  get writable(): boolean {
    return this.#device.writable;
  }
  get blockSize(): number {
    return this.#device.blockSize;
  }
  get draft(): boolean {
    return this.#device.draft;
  }
  read(position: number, target: Uint8Array): void {
    this.bytesRead += target.length;
    this.#device.read(position, target);
  }
  write(position: number, source: Uint8Array): void {
    this.bytesWritten += source.length;
    this.#device.write(position, source);
  }
  zero(position: number, length: number): void {
    this.#device.zero(position, length);
  }
  discard(position: number, length: number): void {
    this.#device.discard(position, length);
  }
  extent(position: number): DeviceExtent {
    return this.#device.extent(position);
  }
  stored(position: number, length: number): number {
    return this.#device.stored(position, length);
  }
  flush(): void {
    this.flushes += 1;
    this.#device.flush();
  }
  close(): void {
    this.#device.close();
  }
}
