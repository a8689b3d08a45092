// The edge: results on standard output, everything else on standard error.

import { writeSync } from 'node:fs';
import { StoreError } from '@tintype/core';
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

/** Whether anything was written to standard output. */
let isWritten = false;

/** True if something was. */
export function hasWritten(): boolean {
  return isWritten;
}

/**
 * Writes all bytes to standard output. When its reader has gone, there is nothing left to do: the process ends.
 * @throws StoreError if it cannot be written to, such as a file on a full disk
 */
export function writeOut(bytes: string | Uint8Array): void {
  const code = writeAll(OUT, bytes);
  if (code === 'EPIPE') process.exit(0);
  if (code !== null) throw outputError(code);
}

const outputError = (code: string): StoreError => new StoreError(code, 'write', 'standard output');

export function line(text: string): void {
  writeOut(`${text}\n`);
}

/** Why lines could not be written, if not for want of a reader. */
let lost: string | null = null;

/** A line of a command that goes on without a reader, because it has more to do than to print. */
export function lineUnlessLost(text: string): void {
  if (lost !== null) return;
  const code = writeAll(OUT, `${text}\n`);
  if (code !== null && code !== 'EPIPE') lost = code;
}

/** Lines of `lineUnlessLost` that a reader waits for did not get there: the error, once all else is done. */
export function lostOutput(): StoreError | null {
  return lost === null ? null : outputError(lost);
}

/** Where messages cannot be written, there is no place to say so. */
export function note(text: string): void {
  writeAll(ERR, `${text}\n`);
}

/** Null, or why not all was written: the error's code. A reader that is slow is waited for. */
function writeAll(fd: number, bytes: string | Uint8Array): string | null {
  const data = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
  for (let done = 0; done < data.length; ) {
    try {
      done += writeSync(fd, data, done);
      isWritten ||= fd === OUT;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === undefined) throw error;
      if (code !== 'EAGAIN') return code;
      sleep(RETRY_MS);
    }
  }
  return null;
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
