// The edge: results on standard output, everything else on standard error.

import { writeSync } from 'node:fs';
import { sleep } from './sleep.js';

/** What the user asked for, as far as it is known. */
export interface Call {
  readonly command: string | null;
  /** The image that the command is about. */
  readonly image: string | null;
}

export interface Io {
  /** For messages. */
  readonly call: Call;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** Redraws may be shown. */
  readonly isTerminal: boolean;
}

const OUT = 1;
const ERR = 2;
const RETRY_MS = 5;
/** Text gathered before it is written. */
const GATHERED = 65_536;

/** Writes all bytes to standard output. When its reader has gone, there is nothing left to do: the process ends. */
export function writeOut(bytes: string | Uint8Array): void {
  if (!writeAll(OUT, bytes)) process.exit(0);
}

export function line(text: string): void {
  writeOut(`${text}\n`);
}

/** A line of a command that goes on without a reader, because it has more to do than to print. */
export function lineIfRead(text: string): void {
  writeAll(OUT, `${text}\n`);
}

export function note(text: string): void {
  writeAll(ERR, `${text}\n`);
}

/** False if nobody reads any more. A reader that is slow is waited for. */
function writeAll(fd: number, bytes: string | Uint8Array): boolean {
  const data = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
  for (let done = 0; done < data.length; ) {
    try {
      done += writeSync(fd, data, done);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EPIPE') return false;
      if (code !== 'EAGAIN') throw error;
      sleep(RETRY_MS);
    }
  }
  return true;
}

/** Lines gathered into larger writes. */
export class LineWriter {
  #text = '';

  line(text: string): void {
    this.add(`${text}\n`);
  }
  add(text: string): void {
    this.#text += text;
    if (this.#text.length > GATHERED) this.flush();
  }
  flush(): void {
    if (this.#text !== '') writeOut(this.#text);
    this.#text = '';
  }
}
