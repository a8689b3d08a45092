// A device that writes down what is asked of it.

import { PassingDevice } from '@tintype/core';

/** A call to a device, as it was made. */
export interface DeviceCall {
  readonly kind: 'read' | 'write' | 'zero' | 'discard' | 'flush' | 'close';
  /** Bytes; 0 and 0 for `flush` and `close`. */
  readonly position: number;
  readonly length: number;
}

/** Writes down every call to the device below. */
export class RecordingDevice extends PassingDevice {
  readonly calls: DeviceCall[] = [];

  override read(position: number, target: Uint8Array): void {
    this.#record('read', position, target.length);
    super.read(position, target);
  }
  override write(position: number, source: Uint8Array): void {
    this.#record('write', position, source.length);
    super.write(position, source);
  }
  override zero(position: number, length: number): void {
    this.#record('zero', position, length);
    super.zero(position, length);
  }
  override discard(position: number, length: number): void {
    this.#record('discard', position, length);
    super.discard(position, length);
  }
  override flush(): void {
    this.#record('flush', 0, 0);
    super.flush();
  }
  override close(): void {
    this.#record('close', 0, 0);
    super.close();
  }

  #record(kind: DeviceCall['kind'], position: number, length: number): void {
    this.calls.push({ kind, position, length });
  }
}
