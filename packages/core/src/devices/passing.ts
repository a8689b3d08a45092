// What devices over devices have in common: each call goes to the device below, unless a class says otherwise.

import type { BlockDevice, DeviceExtent } from '../block-device.js';

/** Passes every call on to the device below. For devices that add something to a few of the calls. */
export class PassingDevice implements BlockDevice {
  protected readonly below: BlockDevice;

  constructor(below: BlockDevice) {
    this.below = below;
  }
  get size(): number {
    return this.below.size;
  }
  get writable(): boolean {
    return this.below.writable;
  }
  get blockSize(): number {
    return this.below.blockSize;
  }
  get draft(): boolean {
    return this.below.draft;
  }
  read(position: number, target: Uint8Array): void {
    this.below.read(position, target);
  }
  write(position: number, source: Uint8Array): void {
    this.below.write(position, source);
  }
  zero(position: number, length: number): void {
    this.below.zero(position, length);
  }
  discard(position: number, length: number): void {
    this.below.discard(position, length);
  }
  extent(position: number): DeviceExtent {
    return this.below.extent(position);
  }
  stored(position: number, length: number): number {
    return this.below.stored(position, length);
  }
  flush(): void {
    this.below.flush();
  }
  close(): void {
    this.below.close();
  }
}
