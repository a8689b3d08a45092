// The thread that checks one partition. It opens the image for reading, answers once, and ends.

import { workerData } from 'node:worker_threads';
import { CancelledError, Progress, TintypeError, WindowDevice } from '@tintype/core';
import { hostHolder, nodeFileStore } from '@tintype/host';
import { type CheckAnswer, type CheckTask, type CheckWork, checkState } from './check-task.js';
import { imageToRead } from './opened-image.js';
import { driverOf } from './partition-driver.js';

const { task, words, port } = workerData as CheckWork;
const state = new Int32Array(words);

function check({ image, start, size, passphrase, ...options }: CheckTask): CheckAnswer {
  const progress = new Progress(options.progress);
  const choice = { ...options, passphrase, ignoreChecksums: true };
  const opened = imageToRead(image, choice, { store: nodeFileStore(), holder: hostHolder() });
  try {
    const window = new WindowDevice(opened.device, start, size);
    const driver = driverOf(window);
    if (!driver) return { findings: [] };
    const findings = driver.check(window, {
      passphrase,
      progress: (done, total) => {
        progress.set('items', done);
        progress.set('totalItems', total);
        if (progress.cancelled) throw new CancelledError();
      },
    });
    return { findings: [...findings] };
  } finally {
    opened.close();
  }
}

function answer(): CheckAnswer {
  try {
    return check(task);
  } catch (error) {
    if (!(error instanceof TintypeError)) throw error;
    return { error: error.toJSON() };
  } finally {
    // Memory that is shared is the operation's to wipe.
    const { passphrase } = task;
    if (passphrase && !(passphrase.buffer instanceof SharedArrayBuffer)) passphrase.fill(0);
  }
}

function end(last: number): void {
  Atomics.store(state, 0, last);
  Atomics.notify(state, 0);
}

if (Atomics.compareExchange(state, 0, checkState.starting, checkState.running) === checkState.starting)
  try {
    port.postMessage(answer());
    end(checkState.done);
  } catch (error) {
    end(checkState.failed);
    throw error;
  }
port.close();
