// Attributes that go onto an item by handle: owner, then mode (which the change of an owner would clear), then times.

import type { AttributeChange, Attributes, VolumeTraits } from '@tintype/core';
import { keptChange } from './attribute-change.js';
import type { HeldItem } from './entry.js';
import { atFlags, currentFolder, omitTime } from './linux.js';
import type { NativeLibrary, NativeMemory } from './native.js';

export class AttributeCalls {
  readonly #native: NativeLibrary;
  readonly #keepsOwners: boolean;
  readonly #times: NativeMemory;
  readonly #emptyName: NativeMemory;

  constructor(native: NativeLibrary, traits: VolumeTraits) {
    this.#native = native;
    this.#keepsOwners = traits.owners;
    this.#times = native.memory(32);
    this.#emptyName = native.memory(1);
  }

  /** What of `change` this host keeps. */
  kept(change: AttributeChange): AttributeChange {
    return keptChange(change, { keepsOwners: this.#keepsOwners });
  }

  /** Sets what `kept` left of a change; `now` gives what the change does not say. @throws StoreError */
  apply(target: HeldItem, change: AttributeChange, now: () => Attributes): void {
    const { uid, gid, mode, mtime, mtimeNanos } = change;
    if (uid !== undefined || gid !== undefined) {
      const isWhole = uid !== undefined && gid !== undefined && mode !== undefined;
      const before = isWhole ? change : now();
      this.#own(target, uid ?? (before.uid as number), gid ?? (before.gid as number));
      // The owner's change took set-id bits away.
      this.#setMode(target, mode ?? before.mode);
    } else this.#setMode(target, mode);
    if (mtime !== undefined && mtimeNanos !== undefined) this.setTime(target, mtime, mtimeNanos);
    else if (mtime !== undefined || mtimeNanos !== undefined) {
      const before = now();
      this.setTime(target, mtime ?? before.mtime, mtimeNanos ?? before.mtimeNanos);
    }
  }

  #own(target: HeldItem, uid: number, gid: number): void {
    const { calls } = this.#native;
    const answer = calls.fchownat(target.handle, this.#emptyName.address, uid, gid, atFlags.emptyPath);
    this.#native.check(answer, 'chown', target.path);
  }

  #setMode(target: HeldItem, mode: number | undefined): void {
    // Linux keeps no mode of a link.
    if (mode === undefined || target.isLink) return;
    const { calls } = this.#native;
    const answer = target.isPathOnly
      ? calls.fchmodat(currentFolder, this.#proc(target), mode, 0)
      : calls.fchmod(target.handle, mode);
    this.#native.check(answer, 'chmod', target.path);
  }

  /** The time of the last change of content; that of the last access stays. */
  setTime(target: HeldItem, seconds: number, nanos: number): void {
    const { view, address } = this.#times;
    view.setUint32(8, omitTime, true);
    view.setUint32(16, seconds % 0x100000000, true);
    view.setInt32(20, Math.floor(seconds / 0x100000000), true);
    view.setUint32(24, nanos, true);
    const { calls } = this.#native;
    const answer = target.isPathOnly
      ? calls.utimensat(currentFolder, this.#proc(target), address, 0)
      : calls.futimens(target.handle, address);
    this.#native.check(answer, 'utimens', target.path);
  }

  #proc(target: HeldItem): number {
    return this.#native.name(`/proc/self/fd/${target.handle}`);
  }
}
