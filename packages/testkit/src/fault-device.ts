// A disk on which one call fails, for drivers: the n-th of those that can.

import { type BlockDevice, type DeviceExtent, StoreError } from '@tintype/core';

/** The calls to a device that can be made to fail. */
export type DeviceFaultKind = 'read' | 'write' | 'zero' | 'discard' | 'flush';

/** Which call to a device fails, and with which code. */
export interface DeviceFault {
  /** Which call fails, counted from 1; among those of `kinds` only, if given. */
  readonly call: number;
  readonly kinds?: readonly DeviceFaultKind[];
  readonly code: string;
  /** `half`: of a write its first half was done. */
  readonly effect?: 'none' | 'half';
}

/** A device whose n-th call fails. */
export class FaultDevice implements BlockDevice {
  readonly #below: BlockDevice;
  readonly #fault: DeviceFault;
  #calls = 0;

  constructor(below: BlockDevice, fault: DeviceFault) {
    this.#below = below;
    this.#fault = fault;
  }
  /** True once the call has failed. */
  get fired(): boolean {
    return this.#calls >= this.#fault.call;
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
    if (this.#isTurn('read')) this.#fail('read');
    this.#below.read(position, target);
  }
  write(position: number, source: Uint8Array): void {
    if (this.#isTurn('write')) {
      if (this.#fault.effect === 'half') this.#below.write(position, source.subarray(0, source.length >>> 1));
      this.#fail('write');
    }
    this.#below.write(position, source);
  }
  zero(position: number, length: number): void {
    if (this.#isTurn('zero')) this.#fail('zero');
    this.#below.zero(position, length);
  }
  discard(position: number, length: number): void {
    if (this.#isTurn('discard')) this.#fail('discard');
    this.#below.discard(position, length);
  }
  extent(position: number): DeviceExtent {
    return this.#below.extent(position);
  }
  stored(position: number, length: number): number {
    return this.#below.stored(position, length);
  }
  flush(): void {
    if (this.#isTurn('flush')) this.#fail('flush');
    this.#below.flush();
  }
  close(): void {
    this.#below.close();
  }

  #isTurn(kind: DeviceFaultKind): boolean {
    if (this.#fault.kinds && !this.#fault.kinds.includes(kind)) return false;
    this.#calls += 1;
    return this.#calls === this.#fault.call;
  }
  #fail(kind: DeviceFaultKind): never {
    throw new StoreError(this.#fault.code, kind, 'device');
  }
}
