// Short reads answered from runs of 64 KiB: a tree's nodes are small and lie near each other, and a call of the host takes longer
// than to copy them.
//
// Invariant: a run in memory holds what the device below holds, so every change goes through here.

import { CorruptError, StoreError } from '../errors.js';
import { PassingDevice } from './passing.js';

/** Bytes of the longest read that is answered from a run. */
const SHORT = 4096;
const RUN = 64 << 10;
/** Runs kept; each has one place, by its number. 32 MiB, if so much is read: trees that changed often are read to and fro. */
const PLACES = 512;

interface Place {
  /** Which run is here, or -1. */
  run: number;
  bytes: Uint8Array | null;
  /** Bytes that were read: fewer at the end of the device; 0 if a part cannot be read, so that each read is made by itself. */
  length: number;
}

/** A device whose short reads bring what lies around them. */
export class ReadAheadDevice extends PassingDevice {
  readonly #places: readonly Place[] = Array.from({ length: PLACES }, () => ({ run: -1, bytes: null, length: 0 }));

  override read(position: number, target: Uint8Array): void {
    const run = Math.floor(position / RUN);
    const from = position - run * RUN;
    if (target.length > SHORT || from + target.length > RUN) {
      super.read(position, target);
      return;
    }
    const { bytes, length } = this.#placeOf(run);
    if (bytes && from + target.length <= length) target.set(bytes.subarray(from, from + target.length));
    else super.read(position, target);
  }
  override write(position: number, source: Uint8Array): void {
    this.#forget(position, source.length);
    super.write(position, source);
  }
  override zero(position: number, length: number): void {
    this.#forget(position, length);
    super.zero(position, length);
  }
  override discard(position: number, length: number): void {
    this.#forget(position, length);
    super.discard(position, length);
  }

  #placeOf(run: number): Place {
    const place = this.#places[run % PLACES] as Place;
    if (place.run === run) return place;
    place.run = -1;
    place.bytes ??= new Uint8Array(RUN);
    place.length = this.#readRun(run, place.bytes);
    place.run = run;
    return place;
  }

  #readRun(run: number, bytes: Uint8Array): number {
    const length = Math.max(0, Math.min(RUN, this.size - run * RUN));
    try {
      if (length > 0) super.read(run * RUN, bytes.subarray(0, length));
      return length;
    } catch (error) {
      // Whoever asks for the part that cannot be read is told; what lies around it can be read still.
      if (!(error instanceof CorruptError || error instanceof StoreError)) throw error;
      return 0;
    }
  }

  #forget(position: number, length: number): void {
    if (length === 0) return;
    const first = Math.floor(position / RUN);
    const last = Math.floor((position + length - 1) / RUN);
    for (let run = first; run <= Math.min(last, first + PLACES - 1); run += 1) {
      const place = this.#places[run % PLACES] as Place;
      if (place.run >= first && place.run <= last) place.run = -1;
    }
  }
}
