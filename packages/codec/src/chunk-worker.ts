// The thread of a lane that compresses and decompresses chunks.

import { workerData } from 'node:worker_threads';
import { type SlotSizes, Slots, serveLane } from '@tintype/core';
import { performChunk } from './chunk-task.js';

const { memory, sizes } = workerData as { readonly memory: SharedArrayBuffer; readonly sizes: SlotSizes };
serveLane(new Slots(sizes, memory), performChunk);
