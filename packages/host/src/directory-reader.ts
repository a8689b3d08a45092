// A folder's names as getdents64(2) answers them (struct linux_dirent64), many in one call.

import { nameFromBytes } from '@tintype/core';
import type { NativeLibrary, NativeMemory } from './native.js';

const offsets = { inode: 0, recordLength: 16, type: 18, name: 19 } as const;

/** Type bits of a mode, shifted, as `d_type` has them; 0 where the file system does not say. */
export type EntryType = number;

/** Called for each name but `.` and `..`; `address` is that of the name as a C string, good during the call. */
export type EntryVisitor = (name: string, address: number, type: EntryType) => void;

export class DirectoryReader {
  readonly #native: NativeLibrary;
  readonly #memory: NativeMemory;

  constructor(native: NativeLibrary, bufferSize: number) {
    this.#native = native;
    this.#memory = native.memory(bufferSize);
  }

  /** All names, from wherever the handle stands. @throws StoreError */
  read(handle: number, path: string, visit: EntryVisitor): void {
    const { address, bytes, view } = this.#memory;
    for (;;) {
      const length = this.#native.calls.getdents(handle, address, bytes.length);
      this.#native.check(length, 'list', path);
      if (length === 0) return;
      for (let at = 0; at < length; at += view.getUint16(at + offsets.recordLength, true)) {
        const start = at + offsets.name;
        if (isDots(bytes, start)) continue;
        visit(nameAt(bytes, start), address + start, bytes[at + offsets.type] as number);
      }
    }
  }
}

const dot = 0x2e;

function isDots(bytes: Buffer, start: number): boolean {
  if (bytes[start] !== dot) return false;
  return bytes[start + 1] === 0 || (bytes[start + 1] === dot && bytes[start + 2] === 0);
}

/** The C string at `start`. Plain ASCII, nearly every name, skips the strict decoder: 0.2 µs instead of 0.9 µs. */
function nameAt(bytes: Buffer, start: number): string {
  let end = start;
  let seen = 0;
  for (let byte = bytes[end] as number; byte !== 0; byte = bytes[++end] as number) seen |= byte;
  return seen < 0x80 ? bytes.toString('latin1', start, end) : nameFromBytes(bytes.subarray(start, end));
}
