// Threads that compress and decompress chunks.

import { Worker } from 'node:worker_threads';
import { LANE_HEAP, type Lanes, SerialLanes, type SlotSizes, ThreadLanes } from '@tintype/core';
import { performChunk } from './chunk-task.js';

/** A chunk of 1 MiB, or what it is compressed to, which may be a little more in images of others. */
const LONGEST = (1 << 20) + (64 << 10);

/** In the caller's own thread: the reference. */
export const serialChunkLanes = (): Lanes => new SerialLanes(performChunk);

/** `after`: bytes from which on the threads are started. */
export function chunkLanes(count: number, after?: number): Lanes {
  const sizes: SlotSizes = { slots: 2 * count + 2, input: LONGEST, output: LONGEST };
  return new ThreadLanes({
    sizes,
    perform: performChunk,
    count,
    ...(after === undefined ? {} : { after }),
    start: ({ memory }) => {
      const worker = new Worker(new URL('./chunk-worker.js', import.meta.url), {
        workerData: { memory, sizes },
        resourceLimits: LANE_HEAP,
      });
      worker.on('error', () => {
        // Without it, its tasks are the caller's.
      });
      worker.unref();
      return { end: () => void worker.terminate() };
    },
  });
}
