// One line on a terminal, redrawn four times a second: how much, how fast, how long still.

import type { Run } from '@tintype/engine/run';
import { showDuration, showSize } from '../quantities.js';

const INTERVAL_MS = 250;

export class ProgressLine {
  readonly #run: Run;
  readonly #started = Date.now();
  #phase = '';
  #timer: NodeJS.Timeout | null = null;

  constructor(run: Run) {
    this.#run = run;
  }
  start(): void {
    this.#timer = setInterval(() => this.#draw(), INTERVAL_MS);
  }
  phase(name: string): void {
    this.#phase = name;
  }
  stop(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
    process.stderr.write('\r\x1b[K');
  }

  #draw(): void {
    const { progress } = this.#run;
    const seconds = Math.max(0.001, (Date.now() - this.#started) / 1000);
    const bytes = progress.get('bytes');
    const total = progress.get('totalBytes');
    const rate = bytes / seconds;
    const left = total > bytes && rate > 0 ? `, ${showDuration((total - bytes) / rate)} left` : '';
    const items = progress.get('items');
    const text = `${this.#phase}: ${items > 0 ? `${items} items, ` : ''}${showSize(bytes)}, ${showSize(Math.round(rate))}/s${left}`;
    process.stderr.write(`\r\x1b[K${text.slice(0, (process.stderr.columns ?? 80) - 1)}`);
  }
}
