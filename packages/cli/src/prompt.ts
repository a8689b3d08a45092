// Asks on the terminal for something that is not shown, and takes it as bytes: a string could not be wiped.

import { CancelledError } from '@tintype/core';
import { note } from './terminal.js';

const KEY = {
  interrupt: 0x03,
  end: 0x04,
  backspace: 0x08,
  newline: 0x0a,
  enter: 0x0d,
  clear: 0x15,
  rubOut: 0x7f,
} as const;
const LIMIT = 4096;

/** A terminal's keys, one after another; what `process.stdin` is. */
export interface Keyboard {
  readonly isTTY?: boolean;
  setRawMode(raw: boolean): unknown;
  resume(): unknown;
  pause(): unknown;
  on(event: 'data', listener: (bytes: Buffer) => void): unknown;
  off(event: 'data', listener: (bytes: Buffer) => void): unknown;
}

/** Where the question is seen; what `process.stderr` is. */
export interface Screen {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** Null if there is nobody to ask, or the question was refused (Ctrl-D). @throws CancelledError on Ctrl-C */
export async function askHidden(
  question: string,
  keyboard: Keyboard = process.stdin,
  screen: Screen = process.stderr,
): Promise<Buffer | null> {
  if (keyboard.isTTY !== true || screen.isTTY !== true) return null;
  // First: who answers as soon as the question is there would see the answer.
  keyboard.setRawMode(true);
  screen.write(question);
  keyboard.resume();
  try {
    return await typedLine(keyboard);
  } finally {
    keyboard.setRawMode(false);
    keyboard.pause();
    note('');
  }
}

/** Resolves at Enter, rejects at Ctrl-C. Exported for its test. */
export function typedLine(keyboard: Keyboard): Promise<Buffer | null> {
  const typed = Buffer.alloc(LIMIT);
  let length = 0;
  return new Promise((resolve, reject) => {
    const stop = () => {
      keyboard.off('data', listen);
      typed.fill(0);
    };
    const finish = (answer: Buffer | null) => {
      stop();
      resolve(answer);
    };
    const fail = (error: CancelledError) => {
      stop();
      reject(error);
    };
    const listen = (bytes: Buffer) => {
      for (const byte of bytes) {
        if (byte === KEY.enter || byte === KEY.newline) return finish(Buffer.from(typed.subarray(0, length)));
        if (byte === KEY.interrupt) return fail(new CancelledError());
        if (byte === KEY.end) return finish(null);
        if (byte === KEY.clear) length = 0;
        else if (byte === KEY.backspace || byte === KEY.rubOut) length = withoutLast(typed, length);
        else if (length < LIMIT) {
          typed[length] = byte;
          length += 1;
        }
      }
      bytes.fill(0);
    };
    keyboard.on('data', listen);
  });
}

/** Less one character, which in UTF-8 may be several bytes. */
function withoutLast(typed: Buffer, length: number): number {
  let end = length;
  while (end > 0 && ((typed[end - 1] as number) & 0xc0) === 0x80) end -= 1;
  return Math.max(0, end - 1);
}
