// A device whose barriers look at the lease. All other calls are fenced where they meet the host: see `fenced-store`.

import type { BlockDevice, DeviceExtent } from '@tintype/core';
import type { Lease } from './lease.js';

export class FencedDevice implements BlockDevice {
  readonly #device: BlockDevice;
  readonly #lease: Lease;

  constructor(device: BlockDevice, lease: Lease) {
    this.#device = device;
    this.#lease = lease;
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
    this.#device.read(position, target);
  }
  write(position: number, source: Uint8Array): void {
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
    this.#lease.requireHeld();
    this.#device.flush();
  }
  close(): void {
    this.#device.close();
  }
}
