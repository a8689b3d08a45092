// The edge: results on standard output, everything else on standard error.

import { writeSync } from 'node:fs';
import { sleep } from './sleep.js';

export interface Io {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** Redraws may be shown. */
  readonly isTerminal: boolean;
}

/** Writes all bytes; a reader that has gone ends the process quietly. */
export function writeOut(bytes: string | Uint8Array): void {
  const data = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
  for (let done = 0; done < data.length; ) {
    try {
      done += writeSync(1, data, done);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EPIPE') process.exit(0);
      if (code !== 'EAGAIN') throw error;
      sleep(5);
    }
  }
}

export function line(text: string): void {
  writeOut(`${text}\n`);
}

export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Lines gathered into larger writes. */
export class LineWriter {
  #text = '';

  line(text: string): void {
    this.#text += `${text}\n`;
    if (this.#text.length > 65_536) this.flush();
  }
  add(text: string): void {
    this.#text += text;
    if (this.#text.length > 65_536) this.flush();
  }
  flush(): void {
    if (this.#text !== '') writeOut(this.#text);
    this.#text = '';
  }
}
