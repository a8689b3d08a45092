// One line on a terminal, redrawn four times a second: how much, how fast, how long still.

import type { Run } from '@tintype/engine/run';
import { showCount, showDuration, showSize } from '../quantities.js';

const INTERVAL_MS = 250;
const CLEAR = '\r\x1b[K';
/** Where the terminal does not tell its width. */
const USUAL_WIDTH = 80;

export interface ProgressState {
  readonly phase: string;
  readonly items: number;
  readonly totalItems: number;
  readonly bytes: number;
  /** 0 if unknown; so is `totalItems`. */
  readonly totalBytes: number;
  readonly seconds: number;
  /** The destination went away and is waited for. */
  readonly isWaiting: boolean;
}

/** Numbers that are not known yet are left out. */
export function progressText({
  phase,
  items,
  totalItems,
  bytes,
  totalBytes,
  seconds,
  isWaiting,
}: ProgressState): string {
  const parts: string[] = [];
  if (items > 0) parts.push(totalItems > 0 ? `${items} of ${showCount(totalItems, 'item')}` : showCount(items, 'item'));
  if (bytes > 0) parts.push(`${showSize(bytes)}${totalBytes > 0 ? ` of ${showSize(totalBytes)}` : ''}`);
  if (isWaiting) return ['waiting for the destination', ...parts].join(', ');
  const rate = seconds > 0 ? bytes / seconds : 0;
  if (rate > 0) parts.push(`${showSize(Math.round(rate))}/s`);
  const left =
    secondsLeft(totalBytes, bytes, seconds) ?? (totalBytes > 0 ? null : secondsLeft(totalItems, items, seconds));
  if (left !== null) parts.push(`${showDuration(left)} left`);
  const text = parts.join(', ') || 'working';
  return phase === '' ? text : `${phase}: ${text}`;
}

/** At the rate so far; null where it cannot be told. */
function secondsLeft(total: number, done: number, seconds: number): number | null {
  return total > done && done > 0 && seconds > 0 ? ((total - done) * seconds) / done : null;
}

export class ProgressLine {
  readonly #run: Run;
  readonly #started = Date.now();
  #phase = '';
  #isDrawn = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(run: Run) {
    this.#run = run;
  }
  start(): void {
    this.#timer ??= setInterval(() => this.#draw(), INTERVAL_MS);
  }
  phase(name: string): void {
    this.#phase = name;
  }
  /** Takes the line away, so that something else can be printed. */
  stop(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
    if (this.#isDrawn) process.stderr.write(CLEAR);
    this.#isDrawn = false;
  }

  #draw(): void {
    const { progress } = this.#run;
    const text = progressText({
      phase: this.#phase,
      items: progress.get('items'),
      totalItems: progress.get('totalItems'),
      bytes: progress.get('bytes'),
      totalBytes: progress.get('totalBytes'),
      seconds: (Date.now() - this.#started) / 1000,
      isWaiting: progress.waiting,
    });
    process.stderr.write(`${CLEAR}${text.slice(0, (process.stderr.columns || USUAL_WIDTH) - 1)}`);
    this.#isDrawn = true;
  }
}
