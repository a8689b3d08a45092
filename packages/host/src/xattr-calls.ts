// Extended attributes of an item that is open, under the image's names. A handle that only names its item (O_PATH)
// goes through its entry in /proc, which leads to exactly that item, a link too.

import { nameFromBytes, StoreError, type XattrEntry } from '@tintype/core';
import { hostXattrName, imageXattrName } from './attributes.js';
import type { HeldItem } from './entry.js';
import { maxXattrBytes } from './limits.js';
import type { NativeLibrary, NativeMemory } from './native.js';

const none = new Set(['ENODATA', 'EOPNOTSUPP', 'ENOTSUP']);

export class XattrCalls {
  readonly #native: NativeLibrary;
  readonly #memory: NativeMemory;

  constructor(native: NativeLibrary) {
    this.#native = native;
    this.#memory = native.memory(maxXattrBytes);
  }

  list(target: HeldItem): XattrEntry[] {
    const names = this.#names(target);
    const entries: XattrEntry[] = [];
    for (const name of names) {
      const size = this.#get(target, name, 0);
      // Gone since, or not for us (trusted.* without root).
      if (size !== null) entries.push({ name: imageXattrName(name), size });
    }
    return entries;
  }

  has(target: HeldItem, imageName: string): boolean {
    return this.#get(target, hostXattrName(imageName), 0) !== null;
  }

  #names(target: HeldItem): string[] {
    const { calls } = this.#native;
    const { address, bytes } = this.#memory;
    const length = target.isPathOnly
      ? calls.listxattr(this.#proc(target), address, bytes.length)
      : calls.flistxattr(target.handle, address, bytes.length);
    if (length === 0) return [];
    if (length > 0) return nameFromBytes(bytes.subarray(0, length - 1)).split('\0');
    if (none.has(this.#native.errno())) return [];
    throw this.#native.error('listxattr', target.path);
  }

  /** A copy of the value, or null if there is none of this name. */
  value(target: HeldItem, imageName: string): Uint8Array | null {
    const length = this.#get(target, hostXattrName(imageName), maxXattrBytes);
    return length === null ? null : Uint8Array.from(this.#memory.bytes.subarray(0, length));
  }

  /** Length of the value, read into memory up to `size`; null if there is none. */
  #get(target: HeldItem, hostName: string, size: number): number | null {
    const { calls } = this.#native;
    const { address } = this.#memory;
    const name = this.#native.name(hostName, 1);
    const length = target.isPathOnly
      ? calls.getxattr(this.#proc(target), name, address, size)
      : calls.fgetxattr(target.handle, name, address, size);
    if (length >= 0) return length;
    if (none.has(this.#native.errno())) return null;
    throw this.#native.error('getxattr', target.path);
  }

  /** Sets the value, or removes the attribute if null; removing what is not there is done. */
  set(target: HeldItem, imageName: string, value: Uint8Array | null): void {
    const native = this.#native;
    const name = native.name(hostXattrName(imageName), 1);
    if (value === null) {
      const answer = target.isPathOnly
        ? native.calls.removexattr(this.#proc(target), name)
        : native.calls.fremovexattr(target.handle, name);
      if (answer < 0 && !none.has(native.errno())) throw native.error('removexattr', target.path);
      return;
    }
    if (value.length > maxXattrBytes) throw new StoreError('E2BIG', 'setxattr', target.path);
    this.#memory.bytes.set(value);
    const { address } = this.#memory;
    const answer = target.isPathOnly
      ? native.calls.setxattr(this.#proc(target), name, address, value.length, 0)
      : native.calls.fsetxattr(target.handle, name, address, value.length, 0);
    native.check(answer, 'setxattr', target.path);
  }

  #proc(target: HeldItem): number {
    return this.#native.name(`/proc/self/fd/${target.handle}`);
  }
}
