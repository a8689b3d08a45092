// Shared counters that a worker adds to and another thread samples, and the flags by which it is told to stop.

import { CancelledError } from './errors.js';

const FLOATS = ['bytes', 'items', 'totalBytes', 'totalItems'] as const;
/** Places in the flags. */
const CANCELLED = 0;
const WAITING = 1;
const CALLS = 2;
/** Names of the shared counters of `Progress`. */
export type CounterName = (typeof FLOATS)[number];

/** Memory shared between the thread that works and the one that watches. */
export class Progress {
  readonly #counts: Float64Array;
  readonly #flags: Int32Array;

  constructor(readonly memory: SharedArrayBuffer = new SharedArrayBuffer(128)) {
    this.#counts = new Float64Array(memory, 0, FLOATS.length);
    this.#flags = new Int32Array(memory, 64, 4);
  }
  add(name: CounterName, amount: number): void {
    const index = FLOATS.indexOf(name);
    this.#counts[index] = (this.#counts[index] ?? 0) + amount;
  }
  set(name: CounterName, amount: number): void {
    this.#counts[FLOATS.indexOf(name)] = amount;
  }
  get(name: CounterName): number {
    return this.#counts[FLOATS.indexOf(name)] ?? 0;
  }
  /** Set while the worker waits for a destination that went away. */
  set waiting(isWaiting: boolean) {
    Atomics.store(this.#flags, WAITING, isWaiting ? 1 : 0);
  }
  get waiting(): boolean {
    return Atomics.load(this.#flags, WAITING) === 1;
  }
  /** A call to the destination's host begins, which may not return for as long as the link to it is cut. */
  enterCall(): void {
    this.#flags[CALLS] = ((this.#flags[CALLS] ?? 0) + 1) | 0;
  }
  leaveCall(): void {
    this.enterCall();
  }
  /** Changes with every call that begins or ends; odd while one is under way. Who sees it stand still, odd, sees one that hangs. */
  get calls(): number {
    return Atomics.load(this.#flags, CALLS);
  }
  /** Asks the worker to stop at its next sound moment. */
  cancel(): void {
    Atomics.store(this.#flags, CANCELLED, 1);
  }
  /** @throws CancelledError if the worker was asked to stop */
  check(): void {
    if (this.cancelled) throw new CancelledError();
  }
  get cancelled(): boolean {
    return Atomics.load(this.#flags, CANCELLED) === 1;
  }
}
