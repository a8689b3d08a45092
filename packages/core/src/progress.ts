// Shared counters that a worker adds to and another thread samples, and the flags by which it is told to stop.

const FLOATS = ['bytes', 'items', 'totalBytes', 'totalItems'] as const;
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
  /** Asks the worker to stop at its next sound moment. */
  cancel(): void {
    Atomics.store(this.#flags, 0, 1);
  }
  get cancelled(): boolean {
    return Atomics.load(this.#flags, 0) === 1;
  }
}
