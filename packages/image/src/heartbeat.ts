// The thread that counts a lease up. It writes only to a lease that is still its own.

import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { hostPath } from '@tintype/core';

interface Task {
  readonly path: string;
  readonly content: Readonly<Record<string, string | number>>;
  readonly heartbeat: number;
  readonly size: number;
}

const { path, content, heartbeat, size } = workerData as Task;
let counter = 0;

setInterval(() => {
  try {
    const handle = openSync(hostPath(path), constants.O_RDWR | (constants.O_NOFOLLOW ?? 0));
    try {
      const bytes = Buffer.alloc(size);
      readSync(handle, bytes, 0, size, 0);
      if (!bytes.includes(`"nonce":"${content.nonce}"`)) return;
      counter += 1;
      bytes.fill(0x20);
      bytes.write(`${JSON.stringify({ ...content, counter })}\n`);
      bytes[size - 1] = 0x0a;
      writeSync(handle, bytes, 0, size, 0);
    } finally {
      closeSync(handle);
    }
  } catch {
    // A beat that could not be written is what the holder's own next look at the lease is for.
  }
}, heartbeat);
