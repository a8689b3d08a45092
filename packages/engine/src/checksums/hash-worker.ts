// The thread that hashes. It only reads its ring and never decides anything.

import { createHash, type Hash, hash as hashOf } from 'node:crypto';
import { workerData } from 'node:worker_threads';
import { HashRing, mark, state, word } from './hash-ring.js';
import { DIGEST_SIZE, hashZeros } from './hasher.js';

const ring = new HashRing(workerData as SharedArrayBuffer);
const { words } = ring;
/** A piece that is all of its file. */
const WHOLE = mark.first | mark.last;
let hash: Hash = createHash('sha256');

function hashSlot(index: number): void {
  const table = ring.table(index);
  const data = ring.data(index);
  const digests = ring.digests(index);
  let at = 0;
  let told = 0;
  for (let piece = 0; piece < (table[0] as number); piece += 1) {
    const length = table[2 + 2 * piece] as number;
    const marks = table[3 + 2 * piece] as number;
    if (marks === WHOLE) {
      // 0.78 × the time of a hash that takes pieces, for a file of 12 KB.
      digests.set(hashOf('sha256', data.subarray(at, at + length), 'buffer'), DIGEST_SIZE * told++);
      at += length;
      continue;
    }
    if (marks & mark.first) hash = createHash('sha256');
    if (marks & mark.zeros) hashZeros(hash, length);
    else {
      if (length > 0) hash.update(data.subarray(at, at + length));
      at += length;
    }
    if (marks & mark.last) digests.set(hash.digest(), DIGEST_SIZE * told++);
  }
}

function setState(value: number): void {
  Atomics.store(words, word.state, value);
  Atomics.notify(words, word.state);
  Atomics.notify(words, word.completed);
}

setState(state.running);
try {
  for (let index = 0; ; index += 1) {
    while (Atomics.load(words, word.submitted) === index) Atomics.wait(words, word.submitted, index);
    hashSlot(index);
    Atomics.store(words, word.completed, index + 1);
    Atomics.notify(words, word.completed);
  }
} catch (error) {
  setState(state.failed);
  throw error;
}
