// A damaged device as a salvage reads it: what cannot be read is told instead of thrown, and nothing outside is asked for.

import { type BlockDevice, TintypeError } from '@tintype/core';

const PIECE = 1 << 20;

export class SalvageSource {
  readonly #device: BlockDevice;
  readonly #map: BlockDevice;

  /** `device` is read; `map` knows what is stored (a replayed journal over it does not). */
  constructor(device: BlockDevice, map: BlockDevice = device) {
    this.#device = device;
    this.#map = map;
  }
  get size(): number {
    return this.#device.size;
  }
  /** False if some of it cannot be read; then `target` holds nothing of use. */
  read(position: number, target: Uint8Array): boolean {
    if (position < 0 || position + target.length > this.size) return false;
    try {
      this.#device.read(position, target);
      return true;
    } catch (error) {
      if (error instanceof TintypeError) return false;
      throw error;
    }
  }
  /** The same, but fails with the device's error. @throws TintypeError */
  require(position: number, target: Uint8Array): void {
    this.#device.read(position, target);
  }
  /** Null if they cannot be read. */
  bytes(position: number, length: number): Uint8Array | null {
    const target = new Uint8Array(length);
    return this.read(position, target) ? target : null;
  }

  /** Stretches of the range that are stored nowhere. */
  *notStored(start: number, length: number): Generator<{ readonly start: number; readonly length: number }> {
    const end = Math.min(start + length, this.size);
    for (let at = start; at < end; ) {
      const { length: step, kind } = this.#map.extent(at);
      if (step <= 0) return;
      const part = Math.min(step, end - at);
      if (kind === 'zero') yield { start: at, length: part };
      at += part;
    }
  }

  /** All that is stored and can be read, in pieces that overlap by `overlap` bytes. `visit` gets a piece and its place. */
  scan(overlap: number, visit: (bytes: Uint8Array, position: number) => void, progress: (done: number) => void): void {
    const buffer = new Uint8Array(PIECE + overlap);
    for (let at = 0; at < this.size; ) {
      const { length, kind } = this.#map.extent(at);
      if (length <= 0) return;
      if (kind === 'zero') {
        at += length;
        continue;
      }
      const step = Math.min(length, PIECE);
      const part = buffer.subarray(0, Math.min(step + overlap, this.size - at));
      if (this.read(at, part)) visit(part, at);
      else this.#small(at, step, overlap, visit);
      at += step;
      progress(at);
    }
  }

  /** Around what cannot be read. */
  #small(start: number, length: number, overlap: number, visit: (bytes: Uint8Array, position: number) => void): void {
    const step = Math.max(overlap, 512);
    for (let at = start; at < start + length; at += step) {
      const part = this.bytes(at, Math.min(2 * step, this.size - at));
      if (part) visit(part, at);
    }
  }
}
