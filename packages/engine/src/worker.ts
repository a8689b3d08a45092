// The thread in which operations run. It only ever talks through `parentPort`.

import { randomFillSync } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { chunkLanes } from '@tintype/codec';
import { Progress, TintypeError } from '@tintype/core';
import { hostHolder, nodeFileStore, probePath } from '@tintype/host';
import { LaneHasher } from './checksums/hash-lane.js';
import type { EngineEvent, SummaryEvent } from './events.js';
import { CheckThread } from './maintenance/check-thread.js';
import { compact } from './maintenance/compact.js';
import { convert } from './maintenance/convert.js';
import { create } from './maintenance/create.js';
import { passwd } from './maintenance/passwd.js';
import { raw } from './maintenance/raw.js';
import { repair } from './maintenance/repair.js';
import { rescue } from './maintenance/rescue.js';
import { resize } from './maintenance/resize.js';
import { verify } from './maintenance/verify.js';
import type { Operation, OperationName, Operations, RunContext } from './operation.js';
import { backup } from './operations/backup.js';
import { diff } from './operations/diff.js';
import { migrate } from './operations/migrate.js';
import { prune } from './operations/prune.js';
import { restore } from './operations/restore.js';
import { snapshot } from './operations/snapshot.js';
import { undo } from './operations/undo.js';
import { epochOf } from './reproducible.js';

const operations: { readonly [N in OperationName]: Operation<N> } = {
  create,
  backup,
  restore,
  rescue,
  undo,
  snapshot,
  prune,
  diff,
  verify,
  repair,
  raw,
  passwd,
  convert,
  migrate,
  compact,
  resize,
};

export interface WorkerTask<N extends OperationName = OperationName> {
  readonly name: N;
  readonly options: Operations[N];
  readonly progress: SharedArrayBuffer;
}

function perform<N extends OperationName>(task: WorkerTask<N>, context: RunContext): SummaryEvent {
  try {
    return operations[task.name](task.options, context);
  } finally {
    const { passphrase, newPassphrase }: Passphrases = task.options;
    passphrase?.fill(0);
    newPassphrase?.fill(0);
  }
}

/** 5 MB a lane. */
const MOST_LANES = 16;

interface Passphrases {
  readonly passphrase?: Uint8Array | undefined;
  readonly newPassphrase?: Uint8Array | undefined;
}

if (parentPort) {
  const port = parentPort;
  const task = workerData as WorkerTask;
  const leases = new Set<{ requireHeld(): void }>();
  const confirm = (): void => {
    for (const lease of leases) lease.requireHeld();
  };
  const store = nodeFileStore({ confirm });
  const context: RunContext = {
    progress: new Progress(task.progress),
    store,
    holder: { ...hostHolder(), leases, givenUp: new Set() },
    emit: (event: EngineEvent) => port.postMessage(event),
    told: new Set(),
    newHasher: () => new LaneHasher(),
    newCheck: (task) => new CheckThread(task),
    // The operation's own thread helps.
    newLanes: () => chunkLanes(Math.min(MOST_LANES, Math.max(1, availableParallelism() - 1))),
    probe: probePath,
    now: () => Date.now() / 1000,
    sourceDateEpoch: epochOf(process.env.SOURCE_DATE_EPOCH),
    random: (target) => {
      randomFillSync(target);
    },
  };
  try {
    context.emit(perform(task, context));
  } catch (error) {
    if (!(error instanceof TintypeError)) throw error;
    context.emit({ type: 'error', error: error.toJSON() });
  } finally {
    store.rest();
  }
}
