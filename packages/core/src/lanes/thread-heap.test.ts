import { type resourceLimits, Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { LANE_HEAP, OPERATION_HEAP } from './thread-heap.js';

test.each([LANE_HEAP, OPERATION_HEAP])(
  'a thread takes the limit, and keeps that of what lives long',
  async (limits) => {
    const source = `
    const { parentPort, resourceLimits } = require('node:worker_threads');
    // Much garbage, and as much that stays as would not fit into the young generation.
    const kept = [];
    for (let i = 0; i < 3_000_000; i += 1) if (i % 2) kept.push({ i });
    parentPort.postMessage({ ...resourceLimits, kept: kept.length });
  `;
    const worker = new Worker(source, { eval: true, resourceLimits: limits });
    const seen = await new Promise<typeof resourceLimits & { kept: number }>((resolve, reject) => {
      worker.on('message', resolve);
      worker.on('error', reject);
    });
    expect(seen).toMatchObject({ ...limits, kept: 1_500_000 });
    expect(seen.maxOldGenerationSizeMb).toBeGreaterThan(1000);
    await worker.terminate();
  },
);
