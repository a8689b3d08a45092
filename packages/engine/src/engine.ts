// The asynchronous face of the engine: an operation runs in a worker thread, and its events come out here.

import { Worker } from 'node:worker_threads';
import { OPERATION_HEAP, Progress } from '@tintype/core';
import type { EngineEvent } from './events.js';
import { HangWatch } from './hang.js';
import type { OperationName, Operations } from './operation.js';
import { DEFAULT_WAIT } from './wait.js';
import type { WorkerTask } from './worker.js';

/** An operation under way. */
export interface Run {
  /**
   * Events in order; the last is a `summary`, or an `error` if the operation failed. Our own mistakes (assertions)
   * reject the iteration.
   */
  readonly events: AsyncIterable<EngineEvent>;
  /** Counters, to be sampled while it runs. */
  readonly progress: Progress;
  /** Asks the operation to commit and stop. */
  cancel(): void;
  /** True if the operation is inside a call that does not return: then the process can only be ended from outside. */
  readonly isStuck: boolean;
}

/** Milliseconds in which a loss is told once, whoever sees it. */
const TOLD_MS = 60_000;
/** Milliseconds between two looks at a backup's calls to its destination. */
const LOOK_MS = 500;

/** Starts an operation. Options must be plain values: they cross to another thread. */
export function run<N extends OperationName>(name: N, options: Operations[N]): Run {
  const progress = new Progress();
  const task: WorkerTask<N> = { name, options, progress: progress.memory };
  const worker = new Worker(new URL('./worker.js', import.meta.url), {
    workerData: task,
    resourceLimits: OPERATION_HEAP,
  });
  const events = new WorkerEvents(worker, watchOf(name, options, progress));
  return {
    events: events.all(),
    progress,
    cancel: () => progress.cancel(),
    get isStuck() {
      return events.isStuck;
    },
  };
}

function watchOf<N extends OperationName>(name: N, options: Operations[N], progress: Progress): HangWatch | null {
  if (name !== 'backup') return null;
  const { destination, wait = DEFAULT_WAIT } = options as Operations['backup'];
  return new HangWatch({ progress, destination, wait });
}

class WorkerEvents {
  readonly #queue: EngineEvent[] = [];
  readonly #watch: HangWatch | null;
  isStuck = false;
  #toldAt = Number.NEGATIVE_INFINITY;
  #isEnded = false;
  #failure: unknown = null;
  #wake: () => void = () => {};

  constructor(worker: Worker, watch: HangWatch | null) {
    this.#watch = watch;
    worker.on('message', (event: EngineEvent) => this.#add(event));
    worker.on('error', (error) => {
      this.#failure = error;
      this.#wake();
    });
    worker.on('exit', () => {
      this.#isEnded = true;
      this.#wake();
    });
  }

  async *all(): AsyncGenerator<EngineEvent> {
    const timer = this.#watch && setInterval(() => this.#look(), LOOK_MS);
    try {
      while (!this.#isEnded || this.#queue.length > 0) {
        const event = this.#queue.shift();
        if (event) yield event;
        else
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
      }
      if (this.#failure) throw this.#failure;
    } finally {
      if (timer) clearInterval(timer);
    }
  }

  #add(event: EngineEvent): void {
    if (this.isStuck || this.#isKnown(event)) return;
    this.#queue.push(event);
    this.#wake();
  }

  #isKnown(event: EngineEvent): boolean {
    if (event.type !== 'warning' || event.code !== 'waiting') return false;
    const before = this.#toldAt;
    this.#toldAt = milliseconds();
    return this.#toldAt - before < TOLD_MS;
  }

  #look(): void {
    const event = this.#watch?.look(milliseconds());
    if (!event) return;
    this.#add(event);
    if (event.type !== 'error') return;
    this.isStuck = true;
    this.#isEnded = true;
  }
}

const milliseconds = (): number => Number(process.hrtime.bigint()) / 1e6;
