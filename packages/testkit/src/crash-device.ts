// A disk that loses power, for drivers without a container: `flush` makes everything durable; of what was written since,
// a cut keeps any part, torn at 512 bytes, in any order.

import type { BlockDevice, DeviceExtent } from '@tintype/core';
import { Random } from './seeds.js';
import { discardAsGarbage, SparseDevice } from './sparse-device.js';
import { randomCut, UnsyncedContent } from './unsynced.js';

type Step =
  | { readonly kind: 'write'; readonly position: number; readonly bytes: Uint8Array }
  | { readonly kind: 'zero' | 'discard'; readonly position: number; readonly length: number }
  | { readonly kind: 'flush' };

/** A disk after a cut, free to be changed. */
export interface CrashedDevice {
  readonly device: SparseDevice;
  /** How many changes and flushes had been made. */
  readonly calls: number;
  readonly description: string;
}

/** A bare disk that loses power: as `CrashStore`, for devices. */
export class CrashDevice implements BlockDevice {
  readonly draft = false;
  readonly writable = true;
  readonly #start: SparseDevice;
  readonly #live: SparseDevice;
  readonly #steps: Step[] = [];

  /** What is on `start` is durable; it is not changed. */
  constructor(start: number | SparseDevice) {
    this.#start = typeof start === 'number' ? new SparseDevice(start) : start.clone();
    this.#live = this.#start.clone();
  }
  /** Changes and flushes so far. */
  get calls(): number {
    return this.#steps.length;
  }
  get size(): number {
    return this.#live.size;
  }
  get blockSize(): number {
    return this.#live.blockSize;
  }
  read(position: number, target: Uint8Array): void {
    this.#live.read(position, target);
  }
  write(position: number, source: Uint8Array): void {
    this.#live.write(position, source);
    this.#steps.push({ kind: 'write', position, bytes: source.slice() });
  }
  zero(position: number, length: number): void {
    this.#live.zero(position, length);
    this.#steps.push({ kind: 'zero', position, length });
  }
  discard(position: number, length: number): void {
    this.#live.discard(position, length);
    this.#steps.push({ kind: 'discard', position, length });
  }
  extent(position: number): DeviceExtent {
    return this.#live.extent(position);
  }
  stored(position: number, length: number): number {
    return this.#live.stored(position, length);
  }
  flush(): void {
    this.#steps.push({ kind: 'flush' });
  }
  close(): void {}

  /** The disk after each prefix of the changes, everything applied. With `from`: not the earlier ones. */
  *prefixes(options: { from?: number } = {}): Generator<CrashedDevice> {
    const disk = this.#start.clone();
    for (let calls = 0; calls <= this.#steps.length; calls += 1) {
      if (calls > 0) applyStep(disk, this.#steps[calls - 1] as Step, null);
      if (calls >= (options.from ?? 0)) yield { device: disk.clone(), calls, description: this.#describe(calls) };
    }
  }
  /** `count` disks after cuts at random places, in the order of their places. */
  *randomStates({ seed, count, from = 0 }: { seed: number; count: number; from?: number }): Generator<CrashedDevice> {
    const random = new Random(seed);
    const cuts = Array.from({ length: count }, () => ({
      calls: random.between(from, this.#steps.length),
      seed: random.next(),
    })).sort((a, b) => a.calls - b.calls);
    const disk = this.#start.clone();
    const content = new UnsyncedContent(disk.bytes);
    let done = 0;
    for (const cut of cuts) {
      for (; done < cut.calls; done += 1) applyStep(disk, this.#steps[done] as Step, content);
      const chance = new Random(cut.seed);
      const device = new SparseDevice(content.cut(chance, randomCut(chance)), { blockSize: this.blockSize });
      yield { device, calls: cut.calls, description: `${this.#describe(cut.calls)}, seed ${cut.seed}` };
    }
  }

  #describe(calls: number): string {
    const step = this.#steps[calls - 1];
    const place = step && 'position' in step ? ` at ${step.position}` : '';
    return `after ${calls} of ${this.#steps.length} changes${step ? `, the last: ${step.kind}${place}` : ''}`;
  }
}

function applyStep(disk: SparseDevice, step: Step, content: UnsyncedContent | null): void {
  switch (step.kind) {
    case 'write':
      disk.bytes.adopt(step.position, step.bytes);
      content?.wrote(disk.bytes, step.position, step.bytes);
      break;
    case 'zero':
      disk.zero(step.position, step.length);
      content?.zeroed(disk.bytes, step.position, step.length);
      break;
    case 'discard': {
      const garbage = discardAsGarbage(disk.bytes, step.position, step.length);
      if (garbage) content?.wrote(disk.bytes, step.position, garbage);
      else content?.zeroed(disk.bytes, step.position, step.length);
      break;
    }
    case 'flush':
      content?.synced(disk.bytes);
  }
}
