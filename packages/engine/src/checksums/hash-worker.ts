// The thread that hashes. It only reads its ring and never decides anything.

import { workerData } from 'node:worker_threads';
import { HashRing, state, word } from './hash-ring.js';
import { SlotHasher } from './slot-hasher.js';

const ring = new HashRing(workerData as SharedArrayBuffer);
const { words } = ring;
const slots = new SlotHasher(ring);

function hashAll(): void {
  for (let index = 0; ; index += 1) {
    while (Atomics.load(words, word.submitted) === index) Atomics.wait(words, word.submitted, index);
    slots.hash(index);
    Atomics.store(words, word.completed, index + 1);
    Atomics.notify(words, word.completed);
  }
}

if (Atomics.compareExchange(words, word.state, state.starting, state.running) === state.starting)
  try {
    hashAll();
  } catch (error) {
    Atomics.store(words, word.state, state.failed);
    Atomics.notify(words, word.completed);
    throw error;
  }
