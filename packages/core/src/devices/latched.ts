// The first failed change latches: every later call says so until the image is opened again at its last commit.
// After a failed write or sync nobody knows what the host kept, so going on would be guessing.

import { PassingDevice } from './passing.js';

/** After the first change that failed, every later call says so: what the device then holds is unknown. */
export class LatchedDevice extends PassingDevice {
  #failure: unknown = null;

  /** The error that latched, or null. */
  get failure(): unknown {
    return this.#failure;
  }
  override read(position: number, target: Uint8Array): void {
    this.#requireSound();
    super.read(position, target);
  }
  override write(position: number, source: Uint8Array): void {
    this.change(() => super.write(position, source));
  }
  override zero(position: number, length: number): void {
    this.change(() => super.zero(position, length));
  }
  override discard(position: number, length: number): void {
    this.change(() => super.discard(position, length));
  }
  override flush(): void {
    this.change(() => super.flush());
  }
  /** Any other change of what lies below, such as of its size: latches as a write does. */
  change(act: () => void): void {
    this.#requireSound();
    try {
      act();
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  #requireSound(): void {
    if (this.#failure) throw this.#failure;
  }
}
