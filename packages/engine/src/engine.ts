// The asynchronous face of the engine: an operation runs in a worker thread, and its events come out here.

import { Worker } from 'node:worker_threads';
import { Progress } from '@tintype/core';
import type { EngineEvent } from './events.js';
import type { OperationName, Operations } from './operation.js';
import type { WorkerTask } from './worker.js';

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
}

/** Starts an operation. Options must be plain values: they cross to another thread. */
export function run<N extends OperationName>(name: N, options: Operations[N]): Run {
  const progress = new Progress();
  const task: WorkerTask<N> = { name, options, progress: progress.memory };
  const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: task });
  return { events: eventsOf(worker), progress, cancel: () => progress.cancel() };
}

async function* eventsOf(worker: Worker): AsyncGenerator<EngineEvent> {
  const queue: EngineEvent[] = [];
  let ended = false;
  let failure: unknown = null;
  let wake: () => void = () => {};
  worker.on('message', (event: EngineEvent) => {
    queue.push(event);
    wake();
  });
  worker.on('error', (error) => {
    failure = error;
    wake();
  });
  worker.on('exit', () => {
    ended = true;
    wake();
  });
  while (!ended || queue.length > 0) {
    const event = queue.shift();
    if (event) yield event;
    else
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
  }
  if (failure) throw failure;
}
