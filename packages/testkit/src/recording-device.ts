// A device that writes down what is asked of it.

import type { BlockDevice, DeviceExtent } from '@tintype/core';

/** A call to a device, as it was made. */
export interface DeviceCall {
  readonly kind: 'read' | 'write' | 'zero' | 'discard' | 'flush' | 'close';
  /** Bytes; 0 and 0 for `flush` and `close`. */
  readonly position: number;
  readonly length: number;
}

/** Writes down every call to the device below. */
export class RecordingDevice implements BlockDevice {
  readonly calls: DeviceCall[] = [];
  readonly #below: BlockDevice;

  constructor(below: BlockDevice) {
    this.#below = below;
  }
  get size(): number {
    return this.#below.size;
  }
  get writable(): boolean {
    return this.#below.writable;
  }
  get blockSize(): number {
    return this.#below.blockSize;
  }
  get draft(): boolean {
    return this.#below.draft;
  }
  read(position: number, target: Uint8Array): void {
    this.#record('read', position, target.length);
    this.#below.read(position, target);
  }
  write(position: number, source: Uint8Array): void {
    this.#record('write', position, source.length);
    this.#below.write(position, source);
  }
  zero(position: number, length: number): void {
    this.#record('zero', position, length);
    this.#below.zero(position, length);
  }
  discard(position: number, length: number): void {
    this.#record('discard', position, length);
    this.#below.discard(position, length);
  }
  extent(position: number): DeviceExtent {
    return this.#below.extent(position);
  }
  stored(position: number, length: number): number {
    return this.#below.stored(position, length);
  }
  flush(): void {
    this.#record('flush', 0, 0);
    this.#below.flush();
  }
  close(): void {
    this.#record('close', 0, 0);
    this.#below.close();
  }

  #record(kind: DeviceCall['kind'], position: number, length: number): void {
    this.calls.push({ kind, position, length });
  }
}
