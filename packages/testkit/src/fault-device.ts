// A disk on which one call fails, for drivers: the n-th of those that can.

import { type BlockDevice, PassingDevice, StoreError } from '@tintype/core';

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
export class FaultDevice extends PassingDevice {
  readonly #fault: DeviceFault;
  #calls = 0;

  constructor(below: BlockDevice, fault: DeviceFault) {
    super(below);
    this.#fault = fault;
  }
  /** True once the call has failed. */
  get fired(): boolean {
    return this.#calls >= this.#fault.call;
  }
  override read(position: number, target: Uint8Array): void {
    if (this.#isTurn('read')) this.#fail('read');
    super.read(position, target);
  }
  override write(position: number, source: Uint8Array): void {
    if (this.#isTurn('write')) {
      if (this.#fault.effect === 'half') super.write(position, source.subarray(0, source.length >>> 1));
      this.#fail('write');
    }
    super.write(position, source);
  }
  override zero(position: number, length: number): void {
    if (this.#isTurn('zero')) this.#fail('zero');
    super.zero(position, length);
  }
  override discard(position: number, length: number): void {
    if (this.#isTurn('discard')) this.#fail('discard');
    super.discard(position, length);
  }
  override flush(): void {
    if (this.#isTurn('flush')) this.#fail('flush');
    super.flush();
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
