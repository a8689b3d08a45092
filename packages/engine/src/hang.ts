// A call to the destination's host that does not return: a share whose link is cut may hold it for as long as the cut
// lasts. The thread inside the call can tell nobody, so the one that watches the run does.

import { type Progress, TintypeError } from '@tintype/core';
import type { EngineEvent } from './events.js';
import { waitingText, waitText } from './wait.js';

/** Milliseconds: a call that takes longer is shown as waiting, and one of a slow disk may take as long as the second. */
const SHOWN_AFTER = 5000;
const LEAST_LIMIT = 20_000;

export interface HangWatchOptions {
  readonly progress: Progress;
  readonly destination: string;
  /** Milliseconds that a destination is waited for. */
  readonly wait: number;
}

export class HangWatch {
  readonly #options: HangWatchOptions;
  readonly #limit: number;
  #calls = 0;
  #since = 0;
  #isShown = false;

  constructor(options: HangWatchOptions) {
    this.#options = options;
    this.#limit = Math.max(options.wait, LEAST_LIMIT);
  }

  /** To be called now and then; `now` in milliseconds. Answers what is to be told: `error` means that the run is over. */
  look(now: number): EngineEvent | null {
    const { progress } = this.#options;
    const { calls } = progress;
    if (calls % 2 === 0 || calls !== this.#calls) {
      this.#calls = calls;
      this.#since = now;
      if (this.#isShown) progress.waiting = false;
      this.#isShown = false;
      return null;
    }
    const hung = now - this.#since;
    if (hung >= this.#limit) return { type: 'error', error: this.#error().toJSON() };
    if (hung < SHOWN_AFTER || progress.waiting) return null;
    this.#isShown = true;
    progress.waiting = true;
    const { destination } = this.#options;
    const message = `${destination} does not answer: ${waitingText(this.#limit)}`;
    return { type: 'warning', code: 'waiting', message };
  }

  #error(): TintypeError {
    const { destination: path } = this.#options;
    const message = `${path} has not answered for ${waitText(this.#limit)}; it is as its last commit left it, and the next run goes on from there`;
    return new TintypeError('link-lost', message, { path, cause: null });
  }
}
