// The journal's data area: what reaches its end goes on behind the header. Places are bytes from the journal's start.

import { assert, type BlockDevice } from '@tintype/core';

export class Ring {
  readonly #device: BlockDevice;
  readonly #offset: number;
  readonly #first: number;
  readonly #size: number;

  /** `offset`: the journal's byte of the device; its data lies in [`first`, `size`). */
  constructor(device: BlockDevice, { offset, first, size }: { offset: number; first: number; size: number }) {
    this.#device = device;
    this.#offset = offset;
    this.#first = first;
    this.#size = size;
  }
  get room(): number {
    return this.#size - this.#first;
  }
  /** The place `length` bytes behind another. */
  after(place: number, length: number): number {
    return this.#first + ((place - this.#first + length) % this.room);
  }
  /** Bytes from one place forwards to another. */
  distance(from: number, to: number): number {
    return (to - from + this.room) % this.room;
  }
  read(place: number, target: Uint8Array): void {
    this.#each(place, target.length, (position, from, to) => this.#device.read(position, target.subarray(from, to)));
  }
  /** Answers the place behind. */
  write(place: number, source: Uint8Array): number {
    this.#each(place, source.length, (position, from, to) => this.#device.write(position, source.subarray(from, to)));
    return this.after(place, source.length);
  }

  #each(place: number, length: number, visit: (position: number, from: number, to: number) => void): void {
    assert(place >= this.#first && place < this.#size && length <= this.room, 'the bytes lie in the ring');
    const first = Math.min(length, this.#size - place);
    if (first > 0) visit(this.#offset + place, 0, first);
    if (length > first) visit(this.#offset + this.#first, first, length);
  }
}
