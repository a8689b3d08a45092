// The thread that writes for a store. It never decides anything: a piece that waited too long is asked about, and after
// a failure everything is dropped until the owner has heard of it.

import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { clockThroughSleep } from './holder.js';
import { requireNative } from './native.js';
import { beginWriteback, field, state, WriteBehindRing, word } from './write-behind-ring.js';

interface Task {
  readonly memory: SharedArrayBuffer;
  /** Seconds after which a piece is not written without asking. */
  readonly late: number;
}

const { memory, late } = workerData as Task;
const ring = new WriteBehindRing(memory);
const { words } = ring;
const native = requireNative();
const clock = clockThroughSleep();

function writePiece(piece: number): void {
  while (isState(state.running) && clock() - ring.number(piece, field.stamp) > late) ask();
  if (!isState(state.running)) return;
  const handle = ring.number(piece, field.handle);
  const position = ring.number(piece, field.position);
  const length = ring.number(piece, field.length);
  try {
    const data = ring.data(piece, length);
    for (let at = 0; at < length; ) at += writeSync(handle, data, at, length - at, position + at);
  } catch (error) {
    fail(piece, error);
  }
}

function ask(): void {
  Atomics.compareExchange(words, word.state, state.running, state.asking);
  Atomics.notify(words, word.completed);
  Atomics.wait(words, word.state, state.asking);
}

function fail(piece: number, error: unknown): void {
  ring.failureName = error instanceof Error && 'code' in error ? String(error.code) : 'EIO';
  words[word.failedPiece] = piece;
  Atomics.store(words, word.state, state.failed);
}

function isState(wanted: number): boolean {
  return Atomics.load(words, word.state) === wanted;
}

Atomics.store(words, word.state, state.running);
Atomics.notify(words, word.state);
for (let piece = 0; ; piece += 1) {
  while (Atomics.load(words, word.submitted) === piece) Atomics.wait(words, word.submitted, piece);
  writePiece(piece);
  Atomics.store(words, word.completed, piece + 1);
  Atomics.notify(words, word.completed);
  // With nothing else to do. Only a hint: what it does not begin, the sync of the next commit writes.
  while (Atomics.load(words, word.submitted) === piece + 1) {
    const written = ring.claim();
    if (written < 0) break;
    beginWriteback(native, ring, written);
  }
}
