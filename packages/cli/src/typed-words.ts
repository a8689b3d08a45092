// The words of the command line as they were typed. Node makes U+FFFD of every byte that is no UTF-8; Linux still has the
// bytes, and a file that has such a name can be named.

import { readFileSync } from 'node:fs';
import { nameFromBytes } from '@tintype/core';

/** The words, with bytes that are not UTF-8 as names have them. `read`: the process's arguments, each ended by NUL. */
export function typedWords(words: readonly string[], read: () => Uint8Array | null = commandLine): readonly string[] {
  if (!words.some((word) => word.includes('\ufffd'))) return words;
  const bytes = read();
  if (!bytes) return words;
  const typed = split(bytes).slice(-words.length);
  const isSame = typed.length === words.length && typed.every((word, i) => Buffer.from(word).toString() === words[i]);
  return isSame ? typed.map(nameFromBytes) : words;
}

function split(bytes: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(0, at);
    if (end < 0) break;
    parts.push(bytes.subarray(at, end));
    at = end + 1;
  }
  return parts;
}

/** Null where the system does not tell. */
function commandLine(): Uint8Array | null {
  try {
    return readFileSync('/proc/self/cmdline');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return null;
  }
}
