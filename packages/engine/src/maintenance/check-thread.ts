// Checks a file system's structure in a thread of its own, which opens the image once more for reading, while the caller reads
// contents. Neither writes, so they cannot disturb each other; and the findings are those of a check by the caller.

import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { assert, errorFromJson, type Finding } from '@tintype/core';
import { type CheckAnswer, type CheckTask, type CheckWork, checkState, type RunningCheck } from './check-task.js';

/** Milliseconds that a thread may take to come up (some 100 here) before the caller does its work. */
const PATIENCE = 5000;
const LOOK_MS = 100;

export class CheckThread implements RunningCheck {
  readonly #state = new Int32Array(new SharedArrayBuffer(4));
  readonly #port: MessagePort;
  readonly #worker: Worker;
  readonly #patience: number;

  constructor(task: CheckTask, patience = PATIENCE) {
    this.#patience = patience;
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const work: CheckWork = { task, words: this.#state.buffer as SharedArrayBuffer, port: port2 };
    this.#worker = new Worker(new URL('./check-worker.js', import.meta.url), {
      workerData: work,
      transferList: [port2],
    });
    this.#worker.on('error', () => {
      // Its state says so; before it is up, the caller checks.
    });
    this.#worker.unref();
  }

  get isDone(): boolean {
    const now = Atomics.load(this.#state, 0);
    return now !== checkState.starting && now !== checkState.running;
  }

  wait(look: () => void): readonly Finding[] | null {
    const start = performance.now();
    for (let now = Atomics.load(this.#state, 0); !this.isDone; now = Atomics.load(this.#state, 0)) {
      look();
      Atomics.wait(this.#state, 0, now, LOOK_MS);
      if (performance.now() - start > this.#patience)
        Atomics.compareExchange(this.#state, 0, checkState.starting, checkState.withdrawn);
    }
    const last = Atomics.load(this.#state, 0);
    assert(last !== checkState.failed, 'the thread that checks does not fail');
    if (last === checkState.withdrawn) return null;
    const answer = receiveMessageOnPort(this.#port)?.message as CheckAnswer | undefined;
    assert(answer !== undefined, 'a check that is done has an answer');
    if ('error' in answer) throw errorFromJson(answer.error);
    return answer.findings;
  }

  close(): void {
    this.#port.close();
    void this.#worker.terminate();
  }
}
