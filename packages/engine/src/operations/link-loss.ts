// A destination that goes away in the middle of a backup (a share, a disk on a cable) is waited for. Nothing that failed is
// repeated: the whole stack is opened anew at its last commit, and the run begins again there; what was committed is
// found unchanged.

import { dirname } from 'node:path';
import { LinkLostError, StoreError, TintypeError } from '@tintype/core';
import { isLossCode, LinkStore } from '@tintype/host';
import { detect, undoPath } from '@tintype/image';
import type { SummaryEvent } from '../events.js';
import type { BackupOptions, RunContext, Timer } from '../operation.js';
import { DEFAULT_WAIT, waitingText, waitText } from '../wait.js';
import { Resumption } from './resumption.js';

/** Milliseconds between two attempts: doubled from the first to the longest. */
const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 60_000;
/** Milliseconds after which a cancel is seen. */
const SLICE = 100;
/** Failures at one and the same place, with a destination that can be opened, before it is called broken. */
const SAME_FAILURES = 8;
/**
 * Of a share: what was under way when the link was cut may reach it after it is back, by the old connection, which tries
 * again after as long a pause as the outage had (at most two minutes). Until then nothing is written.
 */
const SETTLING = 10_000;
const LONGEST_SETTLING = 120_000;

export type Attempt = (options: BackupOptions, context: RunContext, resumption: Resumption) => SummaryEvent;

/** Runs attempts until one ends by itself. @throws TintypeError `link-lost` if the destination does not come back */
export function resuming(options: BackupOptions, context: RunContext, attempt: Attempt): SummaryEvent {
  const { destination: path } = options;
  const { progress } = context;
  const link = new LinkStore(context.store, { path, more: [undoPath(path)], progress });
  const resumption = new Resumption(options, () => link.know());
  const outage = new Outage(options, { ...context, store: link }, resumption);
  const started = context.now();
  for (let isFirst = true; ; isFirst = false) {
    try {
      // Whoever took the image meanwhile has it.
      const given = isFirst ? options : { ...options, continues: started, breakLock: false };
      const summary = attempt(given, { ...context, store: link }, resumption);
      return outage.waited > 0 ? { ...summary, waited: Math.round(outage.waited / 1000) } : summary;
    } catch (error) {
      const loss = options.dryRun ? null : lossOf(error, link);
      if (!loss) throw error;
      if (!outage.waitFor(loss)) return resumption.interrupted(Math.round(context.now() - started));
    }
  }
}

/** The loss of the destination that an error tells of: of an image as its store says, else by code and path. */
function lossOf(error: unknown, link: LinkStore): StoreError | null {
  if (error instanceof LinkLostError) return error;
  if (!(error instanceof StoreError) || !isLossCode(error.code)) return null;
  return link.isOwn(String(error.values.path)) ? error : null;
}

class Outage {
  readonly #options: BackupOptions;
  readonly #context: RunContext;
  readonly #resumption: Resumption;
  readonly #timer: Timer;
  readonly #limit: number;
  /** When this outage began; null: none so far. */
  #since: number | null = null;
  #commits = 0;
  #openings = 0;
  #pause = FIRST_PAUSE;
  #same = 0;
  #place = '';
  /** Milliseconds of all outages. */
  waited = 0;

  constructor(options: BackupOptions, context: RunContext, resumption: Resumption) {
    this.#options = options;
    this.#context = context;
    this.#resumption = resumption;
    this.#timer = context.timer ?? HOST_TIMER;
    this.#limit = options.wait ?? DEFAULT_WAIT;
  }

  /** Returns when the destination answers; false if the run was cancelled meanwhile. @throws TintypeError `link-lost` */
  waitFor(loss: StoreError): boolean {
    const lost = this.#timer.now();
    this.#note(loss, lost);
    const { progress } = this.#context;
    progress.waiting = true;
    try {
      for (;;) {
        const left = this.#limit - (this.#timer.now() - (this.#since ?? lost));
        if (left <= 0 || this.#same >= SAME_FAILURES) throw this.#givenUp(loss);
        if (!this.#sleep(Math.min(this.#pause, left))) return false;
        this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE);
        if (this.#answers()) return this.#settle(lost);
      }
    } finally {
      progress.waiting = false;
      this.waited += this.#timer.now() - lost;
    }
  }

  /** An outage ends with a commit behind it: until then all losses are one. */
  #note(loss: StoreError, now: number): void {
    const { commits, openings } = this.#resumption;
    if (this.#since === null || commits > this.#commits) {
      this.#since = now;
      this.#pause = FIRST_PAUSE;
      this.#same = 0;
      this.#tell(loss);
    }
    const place = openings > this.#openings ? loss.message : '';
    this.#same = place !== '' && place === this.#place ? this.#same + 1 : 0;
    this.#place = place;
    this.#commits = commits;
    this.#openings = openings;
  }

  #tell(loss: StoreError): void {
    if (this.#limit <= 0) return;
    this.#context.emit({
      type: 'warning',
      code: 'waiting',
      message: `${this.#options.destination} does not answer (${loss.code}): ${waitingText(this.#limit)}`,
    });
  }

  #answers(): boolean {
    const { destination } = this.#options;
    const { store } = this.#context;
    try {
      if (store.kind(destination) === null) return store.kind(dirname(destination)) === 'directory';
      detect(store, destination);
      return true;
    } catch (error) {
      if (error instanceof StoreError) return false;
      // What is wrong with it, opening tells.
      if (error instanceof TintypeError) return true;
      throw error;
    }
  }

  #settle(lost: number): boolean {
    if (!this.#isNetwork(dirname(this.#options.destination))) return true;
    return this.#sleep(Math.min(SETTLING + this.#timer.now() - lost, LONGEST_SETTLING));
  }

  #isNetwork(folder: string): boolean {
    try {
      return this.#context.store.facts(folder).isNetwork;
    } catch (error) {
      if (error instanceof StoreError) return true;
      throw error;
    }
  }

  /** False if the run was cancelled. */
  #sleep(milliseconds: number): boolean {
    const { progress } = this.#context;
    const until = this.#timer.now() + milliseconds;
    for (let left = milliseconds; left > 0; left = until - this.#timer.now()) {
      if (progress.cancelled) return false;
      this.#timer.sleep(Math.min(left, SLICE));
    }
    return !progress.cancelled;
  }

  #givenUp(loss: StoreError): TintypeError {
    const { destination } = this.#options;
    const how =
      this.#same >= SAME_FAILURES
        ? 'fails at the same place again and again'
        : `did not come back within ${waitText(this.#limit)}`;
    const rest =
      this.#resumption.openings > 0 ? '; it is as its last commit left it, and the next run goes on from there' : '';
    return new TintypeError('link-lost', `${destination} ${how} (${loss.message})${rest}`, {
      path: destination,
      cause: loss.code,
    });
  }
}

const HOST_TIMER: Timer = {
  now: () => Number(process.hrtime.bigint()) / 1e6,
  sleep: (milliseconds) => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
  },
};
